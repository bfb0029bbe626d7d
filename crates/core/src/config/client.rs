//! The settings of a client.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;

use super::broker::{self, BrokerAddress, BrokerOrder};
use super::payload_limit::PayloadLimit;
use super::proxy::Proxy;
#[cfg(feature = "tls")]
use super::tls::Tls;
use super::transport::Transport;
use crate::message::Properties;
use crate::packet::Codec;
use crate::protocol::Protocol;
use crate::will::Will;

/// A client's configuration.
///
/// `ClientConfig::default()` has the defaults of Paho's `Client()`, except that the queue is
/// bounded and that [`connect_timeout`](Self::connect_timeout) is 10 s instead of 5. Set fields by
/// name:
///
/// ```
/// use iot_core::{ClientConfig, Protocol};
///
/// let config = ClientConfig {
///     client_id: "greenhouse-1".into(),
///     protocol: Protocol::V5,
///     ..ClientConfig::default()
/// };
/// assert_eq!(config.port, 1883);
/// ```
#[derive(Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a matter of its own")]
pub struct ClientConfig {
    /// Host name or address of the broker. Default `localhost`.
    pub host: String,
    /// TCP port of the broker. Default 1883.
    pub port: u16,
    /// Further brokers that know the same sessions, such as the other nodes of a cluster. When a
    /// connection is lost or refused, the next broker is tried, each with a
    /// [delay](Self::reconnect_delay) of its own. Default none.
    pub brokers: Vec<BrokerAddress>,
    /// The order in which the brokers are tried. Default at random.
    pub broker_order: BrokerOrder,
    /// Whether the client connects to another broker that the broker names, when that refuses or
    /// ends the connection with reason code 0x9C (use another server) or 0x9D (server moved: from
    /// then on it is used instead of the one that named it). It gets user name and password. At
    /// most four references in a row are followed (MQTT 5 §4.11). A broker that has kept an
    /// accepted connection for the shortest [delay](Self::reconnect_delay) starts a new row. If
    /// none of them accepts the client, the delay of the broker of the configuration begins, once
    /// for all of them. Default `false`.
    pub follow_redirects: bool,
    /// Local address that the connection starts from. Default: the system's choice.
    pub bind_address: Option<IpAddr>,
    /// What carries the packets: TCP, WebSocket or a Unix socket. Default TCP.
    pub transport: Transport,
    /// TLS on top of it. Default none. TLS doesn't change the [`port`](Self::port): set it to 8883,
    /// the usual one.
    #[cfg(feature = "tls")]
    pub tls: Option<Tls>,
    /// SOCKS5 proxy on the way. Default none.
    pub proxy: Option<Proxy>,
    /// Whether TCP sends small packets at once (`TCP_NODELAY`). Default `true`: one write holds all
    /// packets that are ready, so waiting for more only delays them.
    pub nodelay: bool,
    /// Client identifier (MQTT 3.1.1 §3.1.3.1): 1 to 23 characters for MQTT 3.1, up to 65,535 bytes
    /// for later versions. Default empty, which becomes a random one when the client is made:
    /// `iot-` and 14 letters and digits.
    pub client_id: String,
    /// Whether an empty client identifier is sent as it is, so that the broker chooses one (MQTT
    /// 3.1.1 §3.1.3.1). MQTT 3.1 forbids that, and then a random one is sent. Default `false`.
    pub sends_empty_client_id: bool,
    /// Clean session (MQTT 3.1.1 §3.1.2.4): the broker starts a session with each connection, and
    /// forgets it at the end. On MQTT 5 `true` means clean start. `false` means no clean start and,
    /// unless [`session_expiry_interval`](Self::session_expiry_interval) is set, a session without
    /// end. Either way this client keeps the messages with QoS 1 and 2 that it has accepted.
    /// Default `true`; `false` needs a client identifier.
    pub clean_session: bool,
    /// Protocol version. Default MQTT 3.1.1.
    pub protocol: Protocol,
    /// Keep alive, in whole seconds up to 65,535; 0 turns it off. After this time without a packet
    /// in either direction the client sends a PINGREQ; after the same time again without an answer
    /// it closes the connection. An MQTT 5 broker may set another time (server keep alive,
    /// [MQTT-3.2.2-21]). Default 60 s (MQTT 3.1.1 §3.1.2.10).
    pub keep_alive: Duration,
    /// How soon after messages with QoS 0 a PINGREQ is sent whose answer shows that the broker has
    /// read them, so that [`Handle::unconfirmed`](crate::Handle::unconfirmed) counts few. Default
    /// none: only the keep alive sends PINGREQ.
    pub confirm_interval: Option<Duration>,
    /// User name, at most 65,535 bytes (MQTT 3.1.1 §3.1.3.4). Default none.
    pub username: Option<String>,
    /// Password, at most 65,535 bytes; before MQTT 5 only with a user name [MQTT-3.1.2-22]. Default
    /// none.
    pub password: Option<String>,
    /// The will, which the broker publishes when the connection is lost. Default none.
    pub will: Option<Will>,
    /// How long connecting may take, from the look-up of the name to the handshakes of TLS and
    /// WebSocket; and again, how long CONNACK may take. Default 10 s.
    pub connect_timeout: Duration,
    /// Whether messages are sent with topic aliases if the broker accepts them (MQTT 5 §3.3.2.3.4).
    /// Useless for a single message. Those that a message asks for are sent in any case. Default
    /// `true`.
    pub assigns_topic_aliases: bool,
    /// Shortest and longest delay before the next attempt to connect. The delay doubles with each
    /// attempt; each is shortened at random by up to a half, but not below the shortest. A CONNACK
    /// that accepts resets it. With 0 as the shortest there is no delay. Default 1 s and 120 s.
    pub reconnect_delay: (Duration, Duration),
    /// How many messages with QoS 1 and 2 may be sent and not yet acknowledged, 1–65,535. The
    /// receive maximum of an MQTT 5 broker lowers it [MQTT-3.3.4-7]. More messages wait in the
    /// queue. Default 20: above it mosquitto 2.0 loses QoS 2 messages on MQTT 3.1.1.
    pub max_inflight: u16,
    /// How many messages with QoS 1 and 2 may be accepted and not yet acknowledged, 1–65,535; those
    /// in flight count. When the queue is full, `publish` accepts nothing and returns
    /// [`Error::QueueFull`](crate::Error::QueueFull). Default 65,000 of the protocol's 65,535
    /// packet identifiers, which leaves some for SUBSCRIBE.
    pub max_queued: u16,
    /// The same limit in bytes of their PUBLISH packets. A single message may be larger. Default
    /// 64 MiB.
    pub max_queued_bytes: usize,
    /// How many unacknowledged messages the broker may send, 1–65,535 (receive maximum, MQTT 5
    /// §3.1.2.11.3). Default 2,000; without a receive maximum mosquitto sends 20 and waits. A
    /// broker may exceed it, up to 65,535.
    pub receive_maximum: u16,
    /// How many topics the broker may replace by a number (topic alias maximum, MQTT 5
    /// §3.1.2.11.5). Default 0: none.
    pub topic_alias_maximum: u16,
    /// The largest packet to receive, in bytes with its fixed header, at least 1. CONNECT carries
    /// it to an MQTT 5 broker (§3.1.2.11.4), and a larger packet ends the connection with reason
    /// code 0x95. Before MQTT 5 a larger message is acknowledged and skipped
    /// ([`Event::PassedOver`](crate::Event::PassedOver)). It limits the memory that a broker can
    /// make this client use; a packet of many user properties takes ten times its size. Over
    /// WebSocket a whole WebSocket message is held beside it: up to 16 MiB, or up to this limit if
    /// it is larger, and before MQTT 5 up to 256 MiB. Default 268,435,460, the protocol's own
    /// limit.
    pub maximum_packet_size: u32,
    /// How long a payload may be that is held. A longer one is skipped, and its message reported
    /// as [`Event::Skipped`](crate::Event::Skipped). A packet of that size still ends the
    /// connection on MQTT 5 if more than 1 MiB of it are properties. Default none: no limit.
    pub payload_limit: Option<PayloadLimit>,
    /// How long the broker keeps the session after the connection, in seconds; `0xFFFF_FFFF` for
    /// ever (MQTT 5 §3.1.2.11.2). Default `None`: 0 with a clean session, else for ever.
    pub session_expiry_interval: Option<u32>,
    /// Whether CONNECT asks for a base of response topics, which CONNACK has as
    /// `response_information` (MQTT 5 §3.1.2.11.6). Default `false`.
    pub request_response_information: bool,
    /// Whether the broker may explain failures, with reason strings and user properties (MQTT 5
    /// §3.1.2.11.7). Default `true`.
    pub request_problem_information: bool,
    /// User properties of CONNECT, names and values (MQTT 5 §3.1.2.11.8). Default none.
    pub user_properties: Vec<(String, String)>,
    /// The order of CONNECT's properties, as in [`Properties::order`]. Default empty.
    pub property_order: Vec<u8>,
    /// The method of enhanced authentication that CONNECT offers (MQTT 5 §4.12). Then the broker's
    /// AUTH is an [`Event::Auth`](crate::Event::Auth), which the application answers if
    /// [`set_answers_auth`](crate::Handle::set_answers_auth) is on. Default none.
    pub authentication_method: Option<String>,
    /// The data of that method in CONNECT (MQTT 5 §3.1.2.11.10). Default none.
    pub authentication_data: Option<Bytes>,
    /// Properties of each PUBREL: its reason string and user properties are sent (MQTT 5 §3.6.2.2),
    /// if the broker accepts a packet of that size. Default none.
    pub release_properties: Option<Properties>,
    /// Whether the application acknowledges messages with QoS 1 and 2, by
    /// [`ack`](crate::Handle::ack). Default `false`: the messages that have arrived together are
    /// acknowledged when the application has taken the last of them and asks for more.
    pub manual_ack: bool,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: 1883,
            brokers: Vec::new(),
            broker_order: BrokerOrder::default(),
            follow_redirects: false,
            bind_address: None,
            transport: Transport::default(),
            #[cfg(feature = "tls")]
            tls: None,
            proxy: None,
            nodelay: true,
            client_id: String::new(),
            sends_empty_client_id: false,
            clean_session: true,
            protocol: Protocol::V311,
            keep_alive: Duration::from_mins(1),
            confirm_interval: None,
            username: None,
            password: None,
            will: None,
            connect_timeout: Duration::from_secs(10),
            assigns_topic_aliases: true,
            reconnect_delay: (Duration::from_secs(1), Duration::from_mins(2)),
            max_inflight: 20,
            max_queued: 65_000,
            max_queued_bytes: 64 * 1024 * 1024,
            receive_maximum: 2_000,
            topic_alias_maximum: 0,
            maximum_packet_size: 268_435_460,
            payload_limit: None,
            session_expiry_interval: None,
            request_response_information: false,
            request_problem_information: true,
            user_properties: Vec::new(),
            property_order: Vec::new(),
            authentication_method: None,
            authentication_data: None,
            release_properties: None,
            manual_ack: false,
        }
    }
}

impl ClientConfig {
    /// Returns the default configuration with the given client identifier.
    pub fn new(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            ..Self::default()
        }
    }

    /// The codec of a connection.
    pub(crate) fn codec(&self) -> Codec {
        let codec = Codec::new(self.protocol, self.maximum_packet_size as usize);
        match self.payload_limit {
            Some(limit) => codec.with_payload_limit(limit.bytes),
            None => codec,
        }
    }

    /// The properties of CONNECT (MQTT 5 §3.1.2.11).
    pub(crate) fn connect_properties(&self) -> Properties {
        Properties {
            session_expiry_interval: match (self.session_expiry_interval, self.clean_session) {
                (Some(seconds), _) => Some(seconds),
                (None, true) => None,
                (None, false) => Some(u32::MAX),
            },
            receive_maximum: Some(self.receive_maximum),
            topic_alias_maximum: Some(self.topic_alias_maximum).filter(|n| *n > 0),
            maximum_packet_size: (self.maximum_packet_size < 268_435_460)
                .then_some(self.maximum_packet_size),
            request_response_information: self.request_response_information.then_some(1),
            request_problem_information: (!self.request_problem_information).then_some(0),
            authentication_method: self.authentication_method.clone(),
            authentication_data: self.authentication_data.clone(),
            user_properties: self.user_properties.clone(),
            order: self.property_order.clone(),
            ..Properties::default()
        }
    }

    /// Returns `HOST:PORT`, or the path of the Unix socket, as messages name the broker. Of several
    /// brokers it is the first.
    pub fn address(&self) -> String {
        broker::address(&self.host, self.port, &self.transport)
    }
}

/// Everything but the password.
impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("address", &self.address())
            .field("brokers", &self.brokers)
            .field("bind_address", &self.bind_address)
            .field("transport", &self.transport)
            .field("proxy", &self.proxy)
            .field("client_id", &self.client_id)
            .field("clean_session", &self.clean_session)
            .field("protocol", &self.protocol)
            .field("keep_alive", &self.keep_alive)
            .field("username", &self.username)
            .field("manual_ack", &self.manual_ack)
            .finish_non_exhaustive()
    }
}
