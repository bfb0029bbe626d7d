//! What a client is configured with, all defaults in one place.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use rand::RngExt;

use crate::error::Error;
use crate::message::Properties;
use crate::protocol::Protocol;
#[cfg(feature = "tls")]
use crate::transport::Tls;
use crate::transport::{Proxy, Transport};
use crate::url::Authority;
use crate::will::Will;

/// A client's configuration. `ClientConfig::default()` is what Paho's `Client()` is, but for a queue
/// that is bounded and a [`connect_timeout`](Self::connect_timeout) of 10 s instead of 5. Fields are
/// set by name:
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
    /// Local address that the connection starts from. Default: the system's choice.
    pub bind_address: Option<IpAddr>,
    /// What carries the packets: TCP, WebSocket or a Unix socket. Default TCP.
    pub transport: Transport,
    /// TLS on top of it. Default none; [`port`](Self::port) isn't changed by it, 8883 is the usual one.
    #[cfg(feature = "tls")]
    pub tls: Option<Tls>,
    /// SOCKS5 proxy on the way. Default none.
    pub proxy: Option<Proxy>,
    /// Whether TCP sends what it has at once (`TCP_NODELAY`). Default `true`: packets are gathered
    /// before they are written, so waiting for more only delays them.
    pub nodelay: bool,
    /// Client id (MQTT 3.1.1 §3.1.3.1); an empty one is replaced by a random one, `iot-` and 14
    /// letters and digits, when the client is made. Default empty. MQTT 3.1 takes 1–23 characters,
    /// the others up to 65,535 bytes.
    pub client_id: String,
    /// Clean session (MQTT 3.1.1 §3.1.2.4): the broker begins a session with each connection, and
    /// forgets it at the end. On MQTT 5 `true` means clean start, `false` none and, unless
    /// [`session_expiry_interval`](Self::session_expiry_interval) says otherwise, a session for ever.
    /// What this client has accepted for QoS 1 and 2 it keeps either way. Default `true`; `false`
    /// needs a client id.
    pub clean_session: bool,
    /// Protocol version. Default MQTT 3.1.1.
    pub protocol: Protocol,
    /// Longest silence on the connection, in whole seconds up to 65,535; 0 turns the check off. After
    /// so long without a packet of ours or of the broker's a PINGREQ is sent, and after as long again
    /// without any answer the connection is given up. An MQTT 5 broker may set another one (server keep
    /// alive, [MQTT-3.2.2-21]). Default 60 s (MQTT 3.1.1 §3.1.2.10).
    pub keep_alive: Duration,
    /// User name, at most 65,535 bytes (MQTT 3.1.1 §3.1.3.4). Default none.
    pub username: Option<String>,
    /// Password, at most 65,535 bytes; before MQTT 5 only with a user name [MQTT-3.1.2-22]. Default
    /// none.
    pub password: Option<String>,
    /// The will, which the broker publishes when the connection is lost. Default none.
    pub will: Option<Will>,
    /// Longest wait for the connection, from the name's look-up to the handshakes of TLS and
    /// WebSocket; and once more for CONNACK. Default 10 s.
    pub connect_timeout: Duration,
    /// Shortest and longest delay before the next try to connect. It doubles from try to try, each is
    /// shortened by up to a half at random, though not below the shortest, and a CONNACK that accepts
    /// begins anew. A shortest of 0 stays 0: tries follow each other at once. Default 1 s and 120 s.
    pub reconnect_delay: (Duration, Duration),
    /// The window: messages with QoS 1 and 2 that are sent and not yet acknowledged, at most, 1–65,535;
    /// an MQTT 5 broker's receive maximum lowers it [MQTT-3.3.4-7]. More of them wait in the queue.
    /// Default 20, which mosquitto 2.0 needs: on 3.1.1 it loses QoS 2 messages beyond.
    pub max_inflight: u16,
    /// The queue: messages with QoS 1 and 2 that are accepted and not yet acknowledged, at most,
    /// 1–65,535, those in flight included. When it is full, `publish` takes nothing and returns
    /// [`Error::QueueFull`]. Default 65,000, which leaves ids for SUBSCRIBE: the protocol has 65,535.
    pub max_queued: u16,
    /// The bytes of the PUBLISH packets of those messages, at most, with the same consequence; one
    /// message alone may be larger. Default 64 MiB.
    pub max_queued_bytes: usize,
    /// How many unacknowledged messages the broker may send, 1–65,535 (receive maximum, MQTT 5
    /// §3.1.2.11.3). Default 2,000: mosquitto sends a client that says nothing 20 and waits. A broker
    /// that exceeds it is borne with, up to 65,535.
    pub receive_maximum: u16,
    /// How many topics the broker may replace by a number (topic alias maximum, MQTT 5 §3.1.2.11.5).
    /// Default 0: none.
    pub topic_alias_maximum: u16,
    /// The largest packet taken, in bytes with its fixed header, at least 1. An MQTT 5 broker is told
    /// so (§3.1.2.11.4), and left with 0x95 if it sends a larger one; before MQTT 5 a larger message is
    /// acknowledged and passed over ([`Event::PassedOver`](crate::Event::PassedOver)). It bounds what a
    /// broker can have this client hold, for a packet of nothing but user properties takes ten times
    /// its size. Default 268,435,460, the protocol's own limit.
    pub maximum_packet_size: u32,
    /// How long the broker keeps the session after the connection, in seconds, `0xFFFF_FFFF` for ever
    /// (MQTT 5 §3.1.2.11.2). Default `None`: 0 with a clean session, else for ever.
    pub session_expiry_interval: Option<u32>,
    /// Whether the broker is asked for a base of response topics, which it names in CONNACK as
    /// `response_information` (MQTT 5 §3.1.2.11.6). Default `false`.
    pub request_response_information: bool,
    /// Whether the broker may explain failures, with reason strings and user properties (MQTT 5
    /// §3.1.2.11.7). Default `true`.
    pub request_problem_information: bool,
    /// User properties, names and values that are sent with CONNECT (MQTT 5 §3.1.2.11.8). Default
    /// none.
    pub user_properties: Vec<(String, String)>,
    /// The method of enhanced authentication that CONNECT offers (MQTT 5 §4.12); the broker's AUTH
    /// is [`Event::Auth`](crate::Event::Auth) then, which the application answers if
    /// [`set_answers_auth`](crate::Handle::set_answers_auth) says so. Default none.
    pub authentication_method: Option<String>,
    /// What CONNECT carries for that method (MQTT 5 §3.1.2.11.10). Default none.
    pub authentication_data: Option<Bytes>,
    /// What each PUBREL carries; of it a reason string and user properties are sent (MQTT 5
    /// §3.6.2.2), where the broker takes a packet of that size. Default none.
    pub release_properties: Option<Properties>,
    /// Whether the application acknowledges what it receives with QoS 1 and 2, by
    /// [`ack`](crate::Handle::ack). Default `false`: the messages that have come together are
    /// acknowledged when the application has taken the last of them and asks for more.
    pub manual_ack: bool,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: 1883,
            bind_address: None,
            transport: Transport::default(),
            #[cfg(feature = "tls")]
            tls: None,
            proxy: None,
            nodelay: true,
            client_id: String::new(),
            clean_session: true,
            protocol: Protocol::V311,
            keep_alive: Duration::from_mins(1),
            username: None,
            password: None,
            will: None,
            connect_timeout: Duration::from_secs(10),
            reconnect_delay: (Duration::from_secs(1), Duration::from_mins(2)),
            max_inflight: 20,
            max_queued: 65_000,
            max_queued_bytes: 64 * 1024 * 1024,
            receive_maximum: 2_000,
            topic_alias_maximum: 0,
            maximum_packet_size: 268_435_460,
            session_expiry_interval: None,
            request_response_information: false,
            request_problem_information: true,
            user_properties: Vec::new(),
            authentication_method: None,
            authentication_data: None,
            release_properties: None,
            manual_ack: false,
        }
    }
}

impl ClientConfig {
    /// Returns the default configuration with the given client id.
    pub fn new(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            ..Self::default()
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
            ..Properties::default()
        }
    }

    /// Returns `HOST:PORT`, or the path of the Unix socket, as messages name the broker.
    pub fn address(&self) -> String {
        #[cfg(unix)]
        if let Some(path) = self.transport.path() {
            return path.display().to_string();
        }
        Authority::join(&self.host, self.port)
    }

    /// Returns the configuration, checked, with a random client id in the place of an empty one.
    ///
    /// # Errors
    /// [`Error::EmptyClientId`] for an empty client id with clean session off, [`Error::Topic`] for a
    /// response topic that is none, and [`Error::Config`] for a value out of its range and for values
    /// that don't go together.
    pub fn checked(mut self) -> Result<Self, Error> {
        if self.client_id.is_empty() {
            if !self.clean_session {
                return Err(Error::EmptyClientId);
            }
            self.client_id = random_client_id();
        }
        let characters = self.client_id.chars().count();
        if self.protocol == Protocol::V31 && characters > 23 {
            return Err(Error::Config(format!(
                "the client id has {characters} characters, MQTT 3.1 takes at most 23"
            )));
        }
        let will = self.will.as_ref().map_or(0, |will| will.payload.len());
        for (name, len) in [
            ("the client id", self.client_id.len()),
            ("the user name", len(self.username.as_ref())),
            ("the password", len(self.password.as_ref())),
            ("the will's payload", will),
        ] {
            if len > 65_535 {
                return Err(Error::Config(format!(
                    "{name} has {len} bytes, at most 65,535 are allowed"
                )));
            }
        }
        for (name, text) in [
            ("the client id", Some(&self.client_id)),
            ("the user name", self.username.as_ref()),
        ] {
            if text.is_some_and(|text| text.contains('\0')) {
                return Err(Error::Config(format!("{name} holds a NUL character")));
            }
        }
        self.connect_properties().check()?;
        if let Some(properties) = &self.release_properties {
            properties.check()?;
        }
        if self.authentication_data.is_some() && self.authentication_method.is_none() {
            return Err(Error::Config(
                "authentication data need a method [MQTT 5 §3.1.2.11.10]".into(),
            ));
        }
        Transport::check(&self)?;
        if let Some(properties) = self.will.as_ref().and_then(|will| will.properties.as_ref()) {
            properties.check()?;
        }
        if self.password.is_some() && self.username.is_none() && !self.protocol.is_v5() {
            return Err(Error::Config(
                "a password needs a user name (MQTT 3.1.1 [MQTT-3.1.2-22])".into(),
            ));
        }
        if self.keep_alive.subsec_nanos() > 0 {
            return Err(Error::Config(format!(
                "the keep alive is {:?}, whole seconds are wanted",
                self.keep_alive
            )));
        }
        if self.keep_alive.as_secs() > 65_535 {
            return Err(Error::Config(format!(
                "the keep alive is {} s, at most 65,535 s are allowed",
                self.keep_alive.as_secs()
            )));
        }
        for (name, value) in [
            ("max_inflight", self.max_inflight.into()),
            ("max_queued", self.max_queued.into()),
            ("receive_maximum", self.receive_maximum.into()),
            ("maximum_packet_size", self.maximum_packet_size),
        ] {
            if value == 0 {
                return Err(Error::Config(format!("{name} is 0, at least 1 is needed")));
            }
        }
        Ok(self)
    }
}

fn len(text: Option<&String>) -> usize {
    text.map_or(0, String::len)
}

/// A client id of 18 letters and digits, `iot-` first: every MQTT version takes it
/// [MQTT-3.1.3-5].
fn random_client_id() -> String {
    let mut rng = rand::rng();
    let random = (0..14).map(|_| char::from(rng.sample(rand::distr::Alphanumeric)));
    "iot-".chars().chain(random).collect()
}

/// Everything but the password.
impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("address", &self.address())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::QoS;
    use crate::topic::TopicName;

    #[test]
    fn an_empty_client_id_becomes_a_random_one() {
        let first = ClientConfig::default().checked().unwrap().client_id;
        let second = ClientConfig::default().checked().unwrap().client_id;
        assert_ne!(first, second);
        assert!(first.len() <= 23 && first.starts_with("iot-"), "{first}");
    }

    #[test]
    fn an_empty_client_id_with_clean_session_off_is_an_error_that_says_so() {
        let config = ClientConfig {
            clean_session: false,
            ..ClientConfig::default()
        };
        assert_eq!(
            config.checked().unwrap_err().to_string(),
            "an empty client id needs clean session on: without an id the broker cannot find the session again"
        );
    }

    #[test]
    fn mqtt_3_1_takes_client_ids_of_23_characters() {
        let of = |protocol, length| {
            let config = ClientConfig {
                protocol,
                ..ClientConfig::new("ü".repeat(length))
            };
            config.checked().map(|config| config.client_id.len())
        };
        assert_eq!(of(Protocol::V31, 23).unwrap(), 46);
        assert_eq!(
            of(Protocol::V31, 24).unwrap_err().to_string(),
            "the client id has 24 characters, MQTT 3.1 takes at most 23"
        );
        assert!(of(Protocol::V311, 24).is_ok() && of(Protocol::V5, 24).is_ok());
        // The random one fits.
        assert_eq!(of(Protocol::V31, 0).unwrap(), 18);
    }

    #[test]
    fn values_out_of_range_are_named() {
        #[track_caller]
        fn case(config: ClientConfig, expected: &str) {
            assert_eq!(config.checked().unwrap_err().to_string(), expected);
        }
        let default = ClientConfig::default;
        case(
            ClientConfig {
                keep_alive: Duration::from_secs(65_536),
                ..default()
            },
            "the keep alive is 65536 s, at most 65,535 s are allowed",
        );
        case(
            ClientConfig {
                keep_alive: Duration::from_millis(1_500),
                ..default()
            },
            "the keep alive is 1.5s, whole seconds are wanted",
        );
        case(
            ClientConfig {
                username: Some("a\0".into()),
                ..default()
            },
            "the user name holds a NUL character",
        );
        case(
            ClientConfig {
                password: Some("s3cret".into()),
                ..default()
            },
            "a password needs a user name (MQTT 3.1.1 [MQTT-3.1.2-22])",
        );
        case(
            ClientConfig {
                maximum_packet_size: 0,
                ..default()
            },
            "maximum_packet_size is 0, at least 1 is needed",
        );
        case(
            ClientConfig {
                will: Some(Will {
                    topic: TopicName::new("t").unwrap(),
                    payload: Bytes::new(),
                    qos: QoS::AtMostOnce,
                    retain: false,
                    properties: Some(Properties {
                        content_type: Some("\0".into()),
                        ..Properties::default()
                    }),
                }),
                ..default()
            },
            "a content type holds a NUL character",
        );
    }

    #[test]
    fn debug_output_does_not_show_the_password() {
        let config = ClientConfig {
            username: Some("ada".into()),
            password: Some("s3cret".into()),
            ..ClientConfig::default()
        };
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}
