//! What can go wrong: one variant for each cause that a caller can act on.
//!
//! As text an [`Error`] is one line, without the system's error number: what failed, why, and what
//! helps.

pub(crate) mod config;
pub(crate) mod failure;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use crate::message::{InvalidQoS, PacketId, Properties, PropertyError};
use crate::packet::{self, DecodeError, MAX_PACKET};
use crate::reason::{ConnectCode, ReasonCode};
use crate::topic::TopicError;

pub use config::ConfigError;
use failure::Failure;

/// How a TLS record with an alert begins, the answer of a TLS port to CONNECT. No MQTT packet does.
const TLS_ALERT: &[u8] = b"\x15\x03";

/// How servers of other protocols answer or greet. No MQTT packet begins like this.
const OTHER_PROTOCOLS: [(&[u8], &str, &str); 2] = [
    (
        b"HTTP/",
        "HTTP",
        "is the port right? For MQTT over WebSocket: --ws",
    ),
    (b"SSH-", "SSH", "is the port right?"),
];

/// An error of this library.
///
/// Its text is one line for a person.
///
/// ```
/// use iot_core::{Error, TopicName};
///
/// let error = Error::from(TopicName::new("iot/#").unwrap_err());
/// assert!(matches!(error, Error::Topic(_)));
/// assert_eq!(
///     error.to_string(),
///     "topic name `iot/#` contains the wildcard `#` (only topic filters have wildcards)"
/// );
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value of the configuration, a property, a QoS or a reason code is out of its range, or
    /// doesn't go with another one. Nothing was sent.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file of the TLS configuration can't be read or has the wrong content, or the system has no
    /// trusted authorities.
    #[error("{0}")]
    Tls(String),
    /// Clean session is off and there is no client identifier (MQTT 3.1.1 [MQTT-3.1.3-7]).
    #[error(
        "an empty client identifier needs clean session on: without one the broker cannot find the session again"
    )]
    EmptyClientId,
    /// A text is not a topic name or not a topic filter.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// Connecting failed: the name has no address, nothing listens there, TLS, WebSocket or the
    /// proxy fails, or all that takes longer than `connect_timeout`.
    #[error(
        "cannot connect to broker `{address}`: {}{}",
        io_reason(reason),
        hint(reason)
    )]
    Connect {
        /// `HOST:PORT` of the broker, or the path of its Unix socket.
        address: String,
        /// The error of the system or of the layer that failed; of kind `TimedOut` after
        /// `connect_timeout`.
        reason: Arc<io::Error>,
    },
    /// The broker refuses the connection by its CONNACK (MQTT 3.1.1 §3.2.2.3, MQTT 5 §3.2.2.2).
    #[error("the broker refuses the connection: {code}{}{}", in_brackets(reason_string.as_ref()), other_server(properties.as_deref()))]
    Refused {
        /// CONNACK's return code (MQTT 5: reason code).
        code: ConnectCode,
        /// The broker's explanation (MQTT 5).
        reason_string: Option<String>,
        /// The packet's properties; they may name another server to use.
        properties: Option<Box<Properties>>,
    },
    /// The broker asks for the next step of the authentication that CONNECT has offered, but
    /// [`Client::on_auth`](crate::Client::on_auth) or
    /// [`Handle::set_answers_auth`](crate::Handle::set_answers_auth) is missing (MQTT 5 §4.12).
    #[error(
        "the broker asks for the next step of authentication method `{method}`, which nothing here answers"
    )]
    AuthUnanswered {
        /// The method, `ClientConfig::authentication_method`.
        method: String,
    },
    /// The broker has not answered CONNECT within `connect_timeout`, or not read it.
    #[error("the broker does not answer CONNECT")]
    ConnectTimeout,
    /// The broker closed or reset the connection without a reason.
    #[error("the broker closed the connection")]
    Closed,
    /// The client itself closed the connection to make another one:
    /// [`Client::connect`](crate::Client::connect),
    /// [`Client::reconnect`](crate::Client::reconnect).
    #[error("the client connects again")]
    Replaced,
    /// The connection broke, or the system has no thread or no poller for the client's loop.
    #[error("{}", broken(.0))]
    Io(Arc<io::Error>),
    /// The broker has sent nothing for another keep alive after a PINGREQ (MQTT 3.1.1 §3.1.2.10).
    #[error("the broker is silent for longer than the keep alive")]
    KeepAlive,
    /// The broker sent a packet that is not allowed, other than a PUBLISH. An MQTT 5 broker gets
    /// [`DecodeError::reason`] in a DISCONNECT (§4.13).
    #[error("the broker sent what it may not: {0}")]
    Decode(#[from] DecodeError),
    /// The broker sent a malformed PUBLISH, or on MQTT 5 one that is larger than CONNECT's
    /// `maximum_packet_size`. It may arrive again on each connection; therefore the delay before
    /// the next attempt keeps growing.
    #[error("the broker sent what it may not: {reason}, in a message to `{topic}` ({size} bytes)")]
    BadMessage {
        /// The message's topic, up to 100 characters of it, escaped where it is not printable.
        topic: String,
        /// The packet's size in bytes, with its fixed header.
        size: usize,
        /// What is wrong.
        reason: DecodeError,
    },
    /// The broker sent more than 65,535 messages that are not yet acknowledged (MQTT 5 §3.3.4), or
    /// a topic alias that is not allowed or not defined (§3.3.2.3.4).
    #[error("the broker broke the protocol: {0}")]
    Protocol(ReasonCode),
    /// The broker ended the connection by a DISCONNECT (MQTT 5 §3.14).
    #[error("the broker ended the connection: {reason}{}{}", in_brackets(reason_string.as_ref()), other_server(properties.as_deref()))]
    ServerDisconnect {
        /// DISCONNECT's reason code.
        reason: ReasonCode,
        /// The broker's explanation.
        reason_string: Option<String>,
        /// The packet's properties; they may name another server to use.
        properties: Option<Box<Properties>>,
    },
    /// There is no connection, and the call can't wait for one: QoS 0, subscribing, authenticating,
    /// `disconnect`, and a loop that doesn't connect by itself.
    #[error("not connected to the broker")]
    NotConnected,
    /// Too many messages wait for the broker: `max_queued` or `max_queued_bytes` with QoS 1 and 2,
    /// 1 MiB that the socket has not yet accepted with QoS 0, or all 65,535 packet identifiers are
    /// in use. The message is not kept.
    #[error("{messages} messages ({bytes} bytes) wait for the broker already")]
    QueueFull {
        /// How many messages with QoS 1 and 2 are accepted and not yet acknowledged.
        messages: usize,
        /// The bytes of all messages that are not yet sent or acknowledged.
        bytes: usize,
    },
    /// A packet is larger than the broker accepts (CONNACK's maximum packet size, MQTT 5
    /// [MQTT-3.2.2-15]), or than the protocol allows: 268,435,460 bytes.
    #[error("a packet of {size} bytes is larger than {} of {limit}", whose_limit(*limit))]
    PacketTooLarge {
        /// The packet's size in bytes, with its fixed header.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The broker doesn't support this QoS: CONNACK's maximum QoS (MQTT 5 [MQTT-3.2.2-11]).
    #[error("the broker takes QoS {maximum} at most")]
    QosNotSupported {
        /// The highest QoS that it supports, 0 or 1.
        maximum: u8,
    },
    /// The broker answers a message with QoS 2 by a PUBACK, which breaks the protocol: it doesn't
    /// support QoS 2. `RabbitMQ` 3.10 does so.
    #[error(
        "the broker broke the protocol: it answers a message with QoS 2 by a PUBACK (it doesn't support QoS 2; publish with QoS 1)"
    )]
    NoQos2,
    /// The broker doesn't retain messages: CONNACK's retain available (MQTT 5 [MQTT-3.2.2-14]).
    #[error("the broker doesn't retain messages")]
    RetainNotSupported,
    /// SUBSCRIBE and UNSUBSCRIBE need at least one filter (MQTT 5 [MQTT-3.8.3-2], [MQTT-3.10.3-2]).
    #[error("no topic filter is given")]
    NoFilter,
    /// The broker's CONNACK excludes wildcards, subscription identifiers or shared subscriptions
    /// (MQTT 5 §3.2.2.3.11–13); or AUTH was asked for without a method in CONNECT (§4.12).
    #[error("the broker doesn't take {0}")]
    Unsupported(&'static str),
    /// The broker answered a message with a failure, which ends it (MQTT 5 §4.4).
    #[error("the broker rejects the message: {0}")]
    Rejected(Rejection),
    /// [`Session::discard`](crate::session::Session::discard) dropped the message.
    #[error("the message was discarded")]
    Discarded,
    /// No received message with this packet identifier waits for its acknowledgement: it is already
    /// acknowledged, or its connection is lost and the broker sends it again.
    #[error("no message with id {0} waits to be acknowledged")]
    UnknownMessage(PacketId),
    /// The timeout of [`wait_for_publish`](crate::MessageInfo::wait_for_publish) has passed. The
    /// message is still in flight.
    #[error("the time to wait is over")]
    Timeout,
    /// A callback waits for something that only the loop that runs the callback can do, or starts a
    /// loop within it.
    #[error("a callback can't wait for the loop that runs it")]
    InCallback,
    /// Another thread runs the loop.
    #[error("the loop is running already")]
    Running,
    /// No loop was started by [`loop_start`](crate::Client::loop_start), or it is stopped.
    #[error("the loop is not running")]
    NotRunning,
}

/// Why the broker rejects a message: its PUBACK or PUBREC, or a PUBCOMP that fails (MQTT 5 §3.4.2,
/// §3.5.2, §3.7.2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}{}", in_brackets(reason_string.as_ref()))]
pub struct Rejection {
    /// The packet's reason code, 128 or above.
    pub reason: ReasonCode,
    /// The broker's explanation.
    pub reason_string: Option<String>,
    /// The packet's properties, with user properties and the reason string.
    pub properties: Option<Box<Properties>>,
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<InvalidQoS> for Error {
    fn from(_: InvalidQoS) -> Self {
        Self::Config(ConfigError::QoS)
    }
}

impl From<PropertyError> for Error {
    fn from(error: PropertyError) -> Self {
        match error {
            PropertyError::ResponseTopic(error) => Self::Topic(error),
            error => Self::Config(ConfigError::Property(error)),
        }
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Error {
    /// Returns whether another attempt would fail as well: the broker refuses the connection for a
    /// reason that lies with the client (see [`ConnectCode::is_temporary`]), nothing answers its
    /// AUTH, or the setup of TLS, WebSocket or the proxy is wrong. The loops still try again,
    /// because the setup may have changed meanwhile.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Refused { code, .. } => !code.is_temporary(),
            Self::AuthUnanswered { .. } | Self::NoQos2 => true,
            Self::Connect { reason, .. } | Self::Io(reason) => Failure::is_permanent_in(reason),
            _ => false,
        }
    }

    /// Returns the error for bytes that can't be decoded. If they begin with a PUBLISH, the error
    /// names its topic, as far as that has arrived.
    pub(crate) fn undecodable(reason: DecodeError, buffer: &[u8]) -> Self {
        if buffer.starts_with(TLS_ALERT) {
            let text = "the broker answers with TLS (connect with TLS: --cafile FILE)";
            return Failure::permanent(text).into();
        }
        for (start, protocol, hint) in OTHER_PROTOCOLS {
            if buffer.starts_with(start) {
                let text = format!("the server speaks {protocol}, not MQTT ({hint})");
                return Failure::temporary(io::ErrorKind::InvalidData, text).into();
            }
        }
        match packet::publish_at_start(buffer) {
            Some((topic, size)) => Self::BadMessage {
                topic,
                size,
                reason,
            },
            None => Self::Decode(reason),
        }
    }

    /// Returns whether the broker broke the protocol: what it sent may come again on the next
    /// connection.
    pub(crate) fn is_poison(&self) -> bool {
        matches!(
            self,
            Self::Decode(_) | Self::BadMessage { .. } | Self::Protocol(_) | Self::NoQos2
        )
    }

    /// Returns the number that Paho's callbacks and calls would give: the broker's code if it sent
    /// one ([`Refused`](Self::Refused), [`ServerDisconnect`](Self::ServerDisconnect),
    /// [`Rejected`](Self::Rejected)), else that of Paho's `MQTT_ERR_…`: 2 `PROTOCOL`, 3 `INVAL`
    /// (wrong use), 4 `NO_CONN`, 7 `CONN_LOST`, 8 `TLS`, 9 `PAYLOAD_SIZE`, 10 `NOT_SUPPORTED`, 11
    /// `AUTH`, 13 `UNKNOWN` ([`Timeout`](Self::Timeout), which Paho doesn't have), 14 `ERRNO`, 15
    /// `QUEUE_SIZE`, 16 `KEEPALIVE`.
    pub fn rc(&self) -> u8 {
        match self {
            Self::Refused { code, .. } => code.0,
            Self::ServerDisconnect { reason, .. } => reason.0,
            Self::Rejected(rejection) => rejection.reason.0,
            Self::Decode(_) | Self::BadMessage { .. } | Self::Protocol(_) | Self::NoQos2 => 2,
            Self::Config(_)
            | Self::EmptyClientId
            | Self::Topic(_)
            | Self::NoFilter
            | Self::UnknownMessage(_)
            | Self::InCallback
            | Self::Running
            | Self::NotRunning => 3,
            Self::NotConnected => 4,
            Self::Closed | Self::Replaced => 7,
            Self::Tls(_) => 8,
            Self::PacketTooLarge { .. } => 9,
            Self::QosNotSupported { .. } | Self::RetainNotSupported | Self::Unsupported(_) => 10,
            Self::AuthUnanswered { .. } => 11,
            Self::Timeout | Self::Discarded => 13,
            Self::Connect { .. } | Self::Io(_) => 14,
            Self::QueueFull { .. } => 15,
            Self::KeepAlive | Self::ConnectTimeout => 16,
        }
    }
}

/// Returns the system's reason without its number: `connection refused`.
pub fn io_reason(error: &io::Error) -> String {
    let text = error.to_string();
    if error.raw_os_error().is_none() {
        return text;
    }
    let end = text.find(" (os error").unwrap_or(text.len());
    if error.kind() == io::ErrorKind::IsADirectory {
        return "it is a directory, not a file".to_owned();
    }
    let Some((first, rest)) = text[..end].split_at_checked(1) else {
        return text;
    };
    first.to_lowercase() + rest
}

/// Returns what may help if a broker can't be reached, in brackets, or nothing.
pub fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        // It says so itself.
        _ if Failure::is_in(error) => "",
        io::ErrorKind::ConnectionRefused => " (is a broker running there?)",
        _ => "",
    }
}

/// Returns who sets a limit of packets.
fn whose_limit(limit: usize) -> &'static str {
    if limit < MAX_PACKET {
        "the broker's limit"
    } else {
        "the protocol's limit"
    }
}

fn broken(error: &io::Error) -> String {
    let reason = io_reason(error);
    if Failure::is_in(error) {
        return reason;
    }
    format!("the connection broke: {reason}")
}

fn in_brackets(text: Option<&String>) -> String {
    text.map_or_else(String::new, |text| format!(" ({text})"))
}

/// Returns the server that the broker names instead of itself.
fn other_server(properties: Option<&Properties>) -> String {
    match properties.and_then(|properties| properties.server_reference.as_ref()) {
        Some(server) => format!(" (it names another server: `{server}`)"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_stands_once_and_without_numbers() {
        let error = Error::Connect {
            address: "localhost:1883".into(),
            reason: Arc::new(io::Error::from_raw_os_error(111)),
        };
        assert_eq!(
            error.to_string(),
            "cannot connect to broker `localhost:1883`: connection refused (is a broker running there?)"
        );
    }

    #[test]
    fn numbers_are_paho_s() {
        let (size, limit) = (2, 1);
        for (error, expected) in [
            (Error::Protocol(ReasonCode::PROTOCOL_ERROR), 2),
            (Error::Running, 3),
            (Error::NotRunning, 3),
            (Error::InCallback, 3),
            (Error::NotConnected, 4),
            (Error::Replaced, 7),
            (Error::PacketTooLarge { size, limit }, 9),
            (Error::RetainNotSupported, 10),
            (Error::QosNotSupported { maximum: 1 }, 10),
            (Error::Unsupported("shared subscriptions"), 10),
            (Error::Timeout, 13),
            (Error::KeepAlive, 16),
        ] {
            assert_eq!(error.rc(), expected, "{error}");
        }
    }

    #[test]
    fn another_server_is_shown() {
        let error = Error::Refused {
            code: ConnectCode(0x9c),
            reason_string: None,
            properties: Some(Box::new(Properties {
                server_reference: Some("b2:1883".into()),
                ..Properties::default()
            })),
        };
        let text = error.to_string();
        assert!(
            text.ends_with(" (it names another server: `b2:1883`)"),
            "{text}"
        );
    }

    #[test]
    fn a_tls_alert_is_not_mqtt() {
        let alert = b"\x15\x03\x01\x00\x02\x02\x46";
        let error = Error::undecodable(DecodeError::Malformed("x"), alert);
        let text = error.to_string();
        assert!(text.starts_with("the broker answers with TLS"), "{text}");
        assert!(error.is_permanent());
    }

    #[test]
    fn servers_of_other_protocols_are_named() {
        for (bytes, expected) in [
            (
                &b"HTTP/1.1 400 Bad Request\r\n"[..],
                "the server speaks HTTP, not MQTT (is the port right? For MQTT over WebSocket: --ws)",
            ),
            (
                b"SSH-2.0-OpenSSH_9.2\r\n",
                "the server speaks SSH, not MQTT (is the port right?)",
            ),
        ] {
            let error = Error::undecodable(DecodeError::Malformed("flags"), bytes);
            assert!(!error.is_permanent());
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn the_broker_s_words_follow_in_brackets() {
        let error = Error::ServerDisconnect {
            reason: ReasonCode::SESSION_TAKEN_OVER,
            reason_string: Some("bye".into()),
            properties: None,
        };
        assert_eq!(
            error.to_string(),
            "the broker ended the connection: session taken over (bye)"
        );
    }
}
