//! MQTT client with Paho's calls and callbacks, and the async connection under it.
//!
//! MQTT 3.1, 3.1.1 and 5 over TCP, TLS, WebSocket and Unix sockets, also through SOCKS5 proxies.
//! QoS 0, 1 and 2 in both directions. A message that was accepted with QoS 1 or 2 is kept until the
//! broker has acknowledged it, whatever happens to the connection and to the session.
//!
//! There are three layers, each usable by itself:
//!
//! | layer | for | runs on |
//! |---|---|---|
//! | [`Client`] | programs with callbacks, as with Paho | a thread of the library, or yours |
//! | [`Connection`] | async programs: it returns events; a [`Handle`] acts | your runtime |
//! | [`session::Session`] | a socket or an event loop of your own | nothing: no socket, no clock |
//!
//! # Examples
//!
//! Publish, and wait for the broker's acknowledgement:
//!
//! ```no_run
//! use iot_core::{Client, ClientConfig};
//! use std::time::Duration;
//!
//! # fn run() -> Result<(), iot_core::Error> {
//! let client = Client::new(ClientConfig::default(), ())?;
//! client.connect("localhost", 1883, Duration::from_secs(60), None)?;
//! client.loop_start()?;
//! let message = client.publish("iot/home2/temp", 25.5, 1, false)?;
//! message.wait_for_publish(Some(Duration::from_secs(10)))?;
//! client.disconnect();
//! # Ok(())
//! # }
//! ```
//!
//! [`Client`] and [`Connection`] show how to receive.
//!
//! # From Paho
//!
//! Names and meanings are those of Paho's Python client. The page
#![cfg_attr(doc, doc = "[From Paho or rumqttc](from_paho)")]
//! (`docs/from-paho.md`) lists every call, and what differs.
//!
//! As in Paho, the client does not renew subscriptions by itself: call
//! [`subscribe`](Client::subscribe) in [`on_connect`](Client::on_connect).
//!
//! # Transports
//!
//! [`transport`](ClientConfig::transport), [`tls`](ClientConfig::tls),
//! [`proxy`](ClientConfig::proxy) and [`bind_address`](ClientConfig::bind_address) select how the
//! broker is reached. The features `tls` and `websocket` are on by default. Without them their
//! dependencies are not built.
//!
//! # MQTT 5
//!
//! [`Properties`] has one field for each property. A property that does not belong to a packet is
//! not sent with it. CONNECT's properties are fields of [`ClientConfig`].
//!
//! The broker's limits are obeyed. A call that exceeds one is refused; a message that was accepted
//! before the limit was known is given up and reported.
//!
//! Enhanced authentication (AUTH) is offered if [`ClientConfig::authentication_method`] names a
//! method. A broker that starts it otherwise is disconnected with reason code 0x82, and with 0x83
//! if [`on_auth`](Client::on_auth) is not set.
//!
//! # MQTT 3.1
//!
//! CONNACK does not report whether the broker still has the session. So a QoS 2 message whose
//! connection is lost is sent and accepted again: it may arrive twice, and is never lost. Subscribe
//! at each connect.
//!
//! # What no client can know
//!
//! A broker loses the session, the client connects, and this connection is lost before its CONNACK
//! arrives. The next CONNACK reports a session, which began in between. A QoS 2 message that the
//! broker had half received before is then released and acknowledged, although it was lost with the
//! first session.
//!
//! # The standard
//!
//! The documentation names the sections (§) and the normative statements (\[MQTT-…\]) of MQTT
//! 3.1.1, or of MQTT 5 where it says so.

pub mod client;
pub mod config;
pub mod connection;
pub mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
pub mod message;
mod mutex;
pub mod packet;
mod protocol;
pub mod reason;
pub mod request;
pub mod session;
#[doc(hidden)]
pub mod small_file;
pub mod topic;
pub mod transport;
#[doc(hidden)]
pub mod url;
mod will;

pub use client::{Client, ConnectFlags, MessageInfo, Published};
pub use config::{BrokerAddress, BrokerOrder, ClientConfig, PayloadLimit};
pub use connection::{Connection, Handle};
pub use error::{ConfigError, Error, Rejection};
pub use message::{Message, PacketId, Payload, Properties, QoS};
pub use packet::{Ack, Auth, ConnAck, SubscribeAck, Subscription};
pub use protocol::Protocol;
pub use reason::{ConnectCode, ReasonCode};
pub use request::{
    AckRequest, DisconnectRequest, ReleaseRequest, SubscribeRequest, UnsubscribeRequest,
};
pub use session::{AckToken, Event, LogLevel, RefusedPacket, ReleaseToken, SkippedMessage};
pub use topic::{TopicFilter, TopicName};
pub use will::Will;

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(any(doc, doctest))]
#[doc = include_str!("../from-paho.md")]
pub mod from_paho {}
