//! MQTT for sensor programs: a client with Paho's calls, and the async connection under it.
//!
//! MQTT 3.1, 3.1.1 and 5 over TCP, TLS, WebSocket and Unix sockets, also through SOCKS5 proxies; QoS 0, 1
//! and 2 in both directions. What is accepted for QoS 1 and 2 is kept until the broker has acknowledged it,
//! whatever happens to connection and session.
//!
//! There are three floors, each usable by itself:
//!
//! - [`Client`]: Paho's calls and callbacks. The loop runs on a thread of the library or on yours.
//! - [`Connection`]: async; events come from [`Connection::next`], everything else goes through a
//!   [`Handle`].
//! - [`session::Session`]: the protocol as a state machine, without sockets and clocks.
//!
//! The documentation names the sections (§) and the normative statements (\[MQTT-…\]) of the standard that
//! things follow: those of MQTT 3.1.1, or of MQTT 5 where that is named.
//!
//! # From Paho
//!
//! Names and meanings are those of Paho's Python client (1.6, and what 2.1 and 2.2 add); what the compiler can check, it
//! checks: topics, filters and QoS are types, made from text and numbers where they are given.
//! What fails is a [`Result`] with an [`Error`], never a number to be looked at;
//! [`Error::rc`] gives Paho's.
//!
//! ## Client, connection, loop
//!
//! | Paho | here | what differs, and why |
//! |---|---|---|
//! | `Client(client_id, clean_session, userdata, protocol)` | [`Client::new`]`(config, userdata)` | all but the user data are fields of [`ClientConfig`], with defaults; user data has a type |
//! | `reinitialise` | a new [`Client`] | |
//! | `connect`, `connect_async`, `reconnect` | [`connect`](Client::connect), [`connect_async`](Client::connect_async), [`reconnect`](Client::reconnect) | `bind_address` is an address, `keep_alive` a `Duration`; inside a callback they return at once, and the loop connects |
//! | `connect_srv` | none | look the record up, and `connect` |
//! | … `connect(bind_port)` | none | the system chooses the port |
//! | … `connect(clean_start, properties)` | [`clean_session`](ClientConfig::clean_session), and CONNECT's properties as fields of [`ClientConfig`] | the same for each connection: Paho's default, a clean start for the first one only, is not to be had |
//! | `Client(manual_ack)` | [`manual_ack`](ClientConfig::manual_ack) | |
//! | `Client(reconnect_on_failure)` | none | [`disconnect`](Client::disconnect) in `on_disconnect` ends the loop |
//! | `loop_forever(retry_first_connection)` | none | always: `disconnect` in `on_connect_fail` ends the loop |
//! | `callback_api_version` | none | there is one form of each callback |
//! | `enable_bridge_mode` | none | `Subscription::no_local` is MQTT 5's way; a bridge is no client |
//! | `host`, `port`, `keepalive`, `transport`, `protocol`, `connect_timeout`, `username`, `password`, `will_topic`, `will_payload`, `max_inflight_messages`, `max_queued_messages` | [`config`](Client::config) | fields of [`ClientConfig`]; `connect_timeout` is 10 s by default, not 5, and counts for CONNACK too |
//! | `disconnect(reasoncode, properties)` | [`disconnect`](Client::disconnect), [`disconnect_with`](Client::disconnect_with) | what is on its way to the socket is sent first, which is read to its end |
//! | `loop_start`, `loop_stop`, `loop_forever` | [`loop_start`](Client::loop_start), [`loop_stop`](Client::loop_stop), [`loop_forever`](Client::loop_forever) | after `loop_start` callbacks may run on different threads over time, never two at once: idle clients have none; the delay between tries grows, with jitter |
//! | `loop` | [`loop_once`](Client::loop_once) | `loop` is a keyword |
//! | `loop_read`, `loop_write`, `loop_misc`, `want_write`, `on_socket_open`, `on_socket_close`, `on_socket_register_write`, `on_socket_unregister_write` | [`Connection`] | for a loop of your own: the async connection, or the [`Session`](session::Session) on any transport |
//! | `socket` | none | nobody else may read from it |
//! | `is_connected` | [`is_connected`](Client::is_connected) | |
//! | `reconnect_delay_set` | [`reconnect_delay_set`](Client::reconnect_delay_set) | |
//! | `username_pw_set` | [`username_pw_set`](Client::username_pw_set) | a wrong combination is an error here already |
//! | `will_set`, `will_clear` | [`will_set`](Client::will_set), [`will_set_with`](Client::will_set_with) (properties), [`will_clear`](Client::will_clear) | |
//! | `user_data_set`, `user_data_get` | [`user_data_set`](Client::user_data_set) | callbacks get it as `&mut`, so it needs no lock, and can't be had elsewhere |
//! | `max_inflight_messages_set` | [`max_inflight_messages_set`](Client::max_inflight_messages_set) | an MQTT 5 broker's receive maximum lowers it |
//! | `max_queued_messages_set` | [`max_queued_messages_set`](Client::max_queued_messages_set) | not unlimited by default; [`max_queued_bytes`](ClientConfig::max_queued_bytes) counts too; when full, [`publish`](Client::publish) is [`Error::QueueFull`] |
//! | `message_retry_set` | none | messages are sent again on a new connection only (MQTT 5 [MQTT-4.4.0-1]) |
//! | … `tls_set(cert_reqs, tls_version, ciphers, keyfile_password, alpn_protocols)` | [`TlsOptions`](transport::TlsOptions) | one version, and ALPN; a key has no password, the broker's certificate is always asked for, ciphers are rustls's choice |
//! | `tls_set`, `tls_set_context`, `tls_insecure_set` | [`tls_set`](Client::tls_set), [`tls_set_context`](Client::tls_set_context), [`tls_insecure_set`](Client::tls_insecure_set) | by rustls: TLS 1.2 and 1.3, no ciphers to choose; files are read and checked at once; `tls_insecure_set` skips the check of the name, as there |
//! | `Client(transport="websockets")`, `"unix"` | [`transport`](ClientConfig::transport) | a [`Transport`](transport::Transport), with what belongs to it |
//! | `ws_set_options(path, headers)` | [`ws_set_options`](Client::ws_set_options) | chooses WebSocket as well |
//! | `proxy_set` | [`proxy_set`](Client::proxy_set) | SOCKS5; the proxy resolves the broker's name |
//! | `drop_out_messages` | none | it mends topic aliases that outlive their connection; ours don't, and what is accepted is not dropped |
//! | `enable_logger`, `disable_logger`, `logger` | [`on_log`](Client::on_log), and `tracing` | |
//!
//! ## Messages
//!
//! | Paho | here | what differs, and why |
//! |---|---|---|
//! | `publish(topic, payload, qos, retain)` | [`publish`](Client::publish) | payloads are text, bytes, numbers or nothing, by [`Payload`]; QoS 1 and 2 survive a lost session |
//! | … `properties` | [`publish_message`](Client::publish_message) | a [`Message`] with [`Properties`]; topic aliases are the client's business |
//! | `MQTTMessageInfo`: `mid`, `rc`, `is_published`, `wait_for_publish` | [`MessageInfo`] | waiting inside a callback is an error, not a deadlock; `rc` is the error that [`publish`](Client::publish) returns |
//! | `MQTTMessage`: `topic`, `payload`, `qos`, `retain`, `dup`, `mid`, `properties` | [`Message`] | the topic is text, the payload bytes that are shared, not copied |
//! | … `timestamp`, `state`, `info`; `MQTTMessageInfo.next` | none | take the time in `on_message`; the others are Paho's own |
//! | `subscribe(topic, qos)`, `subscribe([(topic, qos), …])` | [`subscribe`](Client::subscribe), [`subscribe_many`](Client::subscribe_many) | |
//! | `subscribe(options, properties)` | [`subscribe_with`](Client::subscribe_with) | options are fields of a [`Subscription`] |
//! | `unsubscribe` | [`unsubscribe`](Client::unsubscribe), [`unsubscribe_many`](Client::unsubscribe_many), [`unsubscribe_with`](Client::unsubscribe_with) | |
//! | `manual_ack_set`, `ack(mid, qos)` | [`manual_ack_set`](Client::manual_ack_set), [`ack`](Client::ack), [`ack_with`](Client::ack_with) (reason and properties) | for QoS 2 it sends the PUBREC, by which the application takes the message over; Paho's sends the PUBCOMP, when the broker holds it no more. The order of arrival is kept |
//! | `convert_connack_rc_to_reason_code`, `convert_disconnect_error_code_to_reason_code` | none | callbacks get the broker's own code |
//! | `MQTTMatcher` | [`TopicFilter`] | |
//! | `error_string`, `connack_string` | [`Error`], [`ConnectCode`] and [`ReasonCode`] as text | |
//! | `topic_matches_sub` | [`TopicFilter::matches`] | knows `$share` |
//! | `publish.single`, `publish.multiple`, `subscribe.simple`, `subscribe.callback` | the programs `iot-pub` and `iot-sub` | |
//!
//! ## Callbacks
//!
//! A callback gets the client, the user data, and what has happened. It may call anything, set
//! callbacks included; see [`client`] for the threads.
//!
//! | Paho | here | what differs, and why |
//! |---|---|---|
//! | `on_connect(flags, rc, properties)` | [`on_connect`](Client::on_connect) | [`ConnectFlags`] holds flags and properties; [`ConnectCode`] says what its number means |
//! | `on_connect_fail` | [`on_connect_fail`](Client::on_connect_fail) | with the reason, and wherever the loop dials |
//! | `on_disconnect(rc, properties)` | [`on_disconnect`](Client::on_disconnect) | a result; [`Error::ServerDisconnect`] holds the broker's reason and properties, [`Error::Refused`] CONNACK's; which one it is tells what Paho's `is_disconnect_packet_from_server` does |
//! | `on_message` | [`on_message`](Client::on_message) | the topic is text already |
//! | `message_callback_add`, `message_callback_remove` | [`message_callback_add`](Client::message_callback_add), [`message_callback_remove`](Client::message_callback_remove) | as there: all that match are called, `on_message` where none does |
//! | `on_publish(mid, reason, properties)` | [`on_publish`](Client::on_publish) | [`Published`] tells of failures too |
//! | `on_subscribe(mid, granted_qos)`, `on_unsubscribe` | [`on_subscribe`](Client::on_subscribe), [`on_unsubscribe`](Client::on_unsubscribe) | [`SubscribeAck::granted`] gives QoS or refusal for each filter |
//! | `on_log(level, buf)` | [`on_log`](Client::on_log) | [`LogLevel`]; off until it is set |
//! | `on_pre_connect` | none | the setters may be called at any time |
//! | `connect_callback`, `connect_fail_callback`, `disconnect_callback`, `log_callback`, `message_callback`, `pre_connect_callback`, `publish_callback`, `socket_close_callback`, `socket_open_callback`, `socket_register_write_callback`, `socket_unregister_write_callback`, `subscribe_callback`, `topic_callback`, `unsubscribe_callback` | the setters above | |
//! | none | [`on_release`](Client::on_release), [`on_auth`](Client::on_auth) with [`auth`](Client::auth) and [`reauthenticate`](Client::reauthenticate) | what MQTT 5 brokers say in PUBREL, and enhanced authentication, which Paho doesn't have |
//!
//! As in Paho, the client doesn't renew subscriptions by itself: [`subscribe`](Client::subscribe) in
//! `on_connect`.
//!
//! # Transports
//!
//! [`transport`], [`tls`](ClientConfig::tls), [`proxy`](ClientConfig::proxy) and
//! [`bind_address`](ClientConfig::bind_address) say how the broker is reached. The features `tls` and
//! `websocket` are on by default; without them their dependencies are not built.
//!
//! # MQTT 5
//!
//! [`Properties`] has one field for each property; what doesn't belong to a packet isn't sent with
//! it. CONNECT's are fields of [`ClientConfig`]. The broker's limits are obeyed: what breaks them is
//! refused where it is asked for, or given up and told when they get known after the message was
//! accepted. Enhanced authentication (AUTH) is offered where
//! [`ClientConfig::authentication_method`] names a method; a broker that tries it otherwise is left
//! with reason code 0x82, and with 0x83 where [`on_auth`](Client::on_auth) isn't set.
//!
//! # MQTT 3.1
//!
//! The broker doesn't say whether it still has the session. So a QoS 2 message whose connection is
//! lost is sent and taken again: it may arrive twice, and is never lost. Subscribe at each connect.
//!
//! # What no client can tell
//!
//! A broker loses the session, the client connects, and this connection is lost before its CONNACK
//! has said so: the next CONNACK finds the session present that began in between. A QoS 2 message
//! that the broker had half taken over before is then released, and answered as done, though it is
//! gone with the first session.

mod backoff;
pub mod client;
pub mod config;
pub mod connection;
pub mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
pub mod message;
pub mod packet;
mod protocol;
pub mod reason;
pub mod request;
pub mod session;
pub mod topic;
pub mod transport;
#[doc(hidden)]
pub mod url;
mod will;

pub use client::{Client, ConnectFlags, MessageInfo, Published};
pub use config::ClientConfig;
pub use connection::{Connection, Handle};
pub use error::{Error, Rejection};
pub use message::{Message, PacketId, Payload, Properties, QoS};
pub use packet::{Ack, Auth, ConnAck, SubscribeAck, Subscription};
pub use protocol::Protocol;
pub use reason::{ConnectCode, ReasonCode};
pub use request::{
    AckRequest, DisconnectRequest, ReleaseRequest, SubscribeRequest, UnsubscribeRequest,
};
pub use session::{AckToken, Event, LogLevel, ReleaseToken};
pub use topic::{TopicFilter, TopicName};
pub use will::Will;

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
