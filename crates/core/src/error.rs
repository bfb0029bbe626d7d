//! What can go wrong, one variant for each cause that a caller can act on.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use crate::message::{InvalidQoS, PacketId, Properties};
use crate::packet::DecodeError;
use crate::reason::{ConnectCode, ReasonCode};
use crate::topic::TopicError;
use crate::transport::Failure;

/// An error of this library.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value of the configuration is out of its range.
    #[error("{0}")]
    Config(String),
    /// A file of the TLS configuration can't be read, or doesn't hold what it should.
    #[error("{0}")]
    Tls(String),
    /// Clean session is off and there is no client id.
    #[error(
        "an empty client id needs clean session on: without an id the broker cannot find the session again"
    )]
    EmptyClientId,
    /// A topic name or filter is not one.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// No connection could be made.
    #[error(
        "cannot connect to broker `{address}`: {}{}",
        io_reason(reason),
        hint(reason)
    )]
    Connect {
        /// `HOST:PORT` of the broker.
        address: String,
        /// What the system says.
        reason: Arc<io::Error>,
    },
    /// The broker refuses the connection.
    #[error("the broker refuses the connection: {code}{}", in_brackets(reason_string.as_ref()))]
    Refused {
        /// Why.
        code: ConnectCode,
        /// The broker's words (MQTT 5).
        reason_string: Option<String>,
        /// All that the broker has said; another server to use may be among it.
        properties: Option<Box<Properties>>,
    },
    /// The broker goes on with the authentication that CONNECT has offered, and the application doesn't:
    /// [`Client::on_auth`](crate::Client::on_auth) or
    /// [`Handle::set_answers_auth`](crate::Handle::set_answers_auth) is missing (MQTT 5 §4.12).
    #[error(
        "the broker asks for the next step of authentication method `{method}`, which nothing here answers"
    )]
    AuthUnanswered {
        /// The method, `ClientConfig::authentication_method`.
        method: String,
    },
    /// The broker has not answered CONNECT within `connect_timeout`.
    #[error("the broker does not answer CONNECT")]
    ConnectTimeout,
    /// The broker closed the connection without a word.
    #[error("the broker closed the connection")]
    Closed,
    /// The client itself gave the connection up for another one.
    #[error("the client connects anew")]
    Replaced,
    /// The connection broke.
    #[error("{}", broken(.0))]
    Io(Arc<io::Error>),
    /// The broker has not answered a PINGREQ within the keep alive.
    #[error("the broker is silent for longer than the keep alive")]
    KeepAlive,
    /// The broker sent something that it may not send.
    #[error("the broker sent what it may not: {0}")]
    Decode(#[from] DecodeError),
    /// The broker sent a message that is none, or on MQTT 5 one that is larger than it was told.
    #[error("the broker sent what it may not: {reason}, in a message to `{topic}` ({size} bytes)")]
    BadMessage {
        /// The message's topic, up to 100 characters of it, escaped where it is not printable.
        topic: String,
        /// The packet's size in bytes.
        size: usize,
        /// What is wrong.
        reason: DecodeError,
    },
    /// The broker sent more unacknowledged messages than it was allowed, or an unknown topic alias.
    #[error("the broker broke the protocol: {0}")]
    Protocol(ReasonCode),
    /// The broker ended the connection (MQTT 5).
    #[error("the broker ended the connection: {reason}{}", in_brackets(reason_string.as_ref()))]
    ServerDisconnect {
        /// Why.
        reason: ReasonCode,
        /// The broker's words.
        reason_string: Option<String>,
        /// All that the broker has said; another server to use may be among it.
        properties: Option<Box<Properties>>,
    },
    /// There is no connection, and what was asked for can't wait for one.
    #[error("not connected to the broker")]
    NotConnected,
    /// So many messages wait for the broker that no further is taken now.
    #[error("{messages} messages ({bytes} bytes) wait for the broker already")]
    QueueFull {
        /// How many with QoS 1 and 2 are accepted and not yet acknowledged.
        messages: usize,
        /// The bytes of all that is not yet sent or acknowledged.
        bytes: usize,
    },
    /// A packet is larger than the broker takes, or than the protocol allows.
    #[error("a packet of {size} bytes is larger than the limit of {limit}")]
    PacketTooLarge {
        /// The packet's size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The broker doesn't take this QoS.
    #[error("the broker takes QoS {maximum} at most")]
    QosNotSupported {
        /// The highest that it takes.
        maximum: u8,
    },
    /// The broker doesn't retain messages.
    #[error("the broker doesn't retain messages")]
    RetainNotSupported,
    /// SUBSCRIBE and UNSUBSCRIBE need at least one filter [MQTT-3.8.3-2, MQTT-3.10.3-2].
    #[error("no topic filter is given")]
    NoFilter,
    /// The broker's CONNACK rules out what was asked for (MQTT 5).
    #[error("the broker doesn't take {0}")]
    Unsupported(&'static str),
    /// The broker answered a message with a failure (MQTT 5).
    #[error("the broker rejects the message: {0}")]
    Rejected(Rejection),
    /// No received message with this id waits for its acknowledgement: it has it already, or the
    /// connection that brought it is lost, and the broker sends it again.
    #[error("no message with id {0} waits to be acknowledged")]
    UnknownMessage(PacketId),
    /// The time to wait is over.
    #[error("the time to wait is over")]
    Timeout,
    /// A callback waits for what only the loop can do that runs the callback.
    #[error("a callback can't wait for the loop that runs it")]
    InCallback,
    /// Another thread runs the loop.
    #[error("the loop is running already")]
    Running,
    /// The loop is stopped or was never started.
    #[error("the loop is not running")]
    NotRunning,
}

/// Why the broker rejects a message (MQTT 5 §3.4.2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}{}", in_brackets(reason_string.as_ref()))]
pub struct Rejection {
    /// 128 or above.
    pub reason: ReasonCode,
    /// The broker's words.
    pub reason_string: Option<String>,
    /// All that the broker has said, user properties included.
    pub properties: Option<Box<Properties>>,
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<InvalidQoS> for Error {
    fn from(error: InvalidQoS) -> Self {
        Self::Config(error.to_string())
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Error {
    /// Returns whether trying again changes nothing: the broker refuses the connection for a reason
    /// that lies with the client, nobody answers its AUTH, or TLS, WebSocket or the proxy fails by how
    /// it is set up.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Refused { code, .. } => !code.is_temporary(),
            Self::AuthUnanswered { .. } => true,
            Self::Connect { reason, .. } | Self::Io(reason) => Failure::is_permanent_in(reason),
            _ => false,
        }
    }

    /// Returns whether the broker broke the protocol: what it sent may come again on the next
    /// connection.
    pub(crate) fn is_poison(&self) -> bool {
        matches!(
            self,
            Self::Decode(_) | Self::BadMessage { .. } | Self::Protocol(_)
        )
    }

    /// Returns the number that Paho's callbacks would give: the broker's code where it has one,
    /// else Paho's `MQTT_ERR_…`.
    pub fn rc(&self) -> u8 {
        match self {
            Self::Refused { code, .. } => code.0,
            Self::ServerDisconnect { reason, .. } => reason.0,
            Self::Rejected(rejection) => rejection.reason.0,
            Self::Decode(_) | Self::BadMessage { .. } | Self::Protocol(_) => 2,
            Self::Config(_)
            | Self::EmptyClientId
            | Self::Topic(_)
            | Self::NoFilter
            | Self::QosNotSupported { .. }
            | Self::RetainNotSupported
            | Self::Unsupported(_)
            | Self::UnknownMessage(_) => 3,
            Self::NotConnected | Self::NotRunning => 4,
            Self::Tls(_) => 8,
            Self::Connect { .. } | Self::Io(_) => 14,
            Self::QueueFull { .. } => 15,
            Self::KeepAlive | Self::ConnectTimeout => 16,
            Self::PacketTooLarge { .. } => 10,
            Self::AuthUnanswered { .. } => 11,
            Self::Closed | Self::Replaced => 7,
            Self::Timeout | Self::InCallback | Self::Running => 1,
        }
    }
}

/// The system's reason in a few words, without its number: `connection refused`.
pub fn io_reason(error: &io::Error) -> String {
    let text = error.to_string();
    if error.raw_os_error().is_none() {
        return text;
    }
    let end = text.find(" (os error").unwrap_or(text.len());
    let (first, rest) = text[..end].split_at(1);
    first.to_lowercase() + rest
}

/// What may help, where a broker can't be reached.
pub(crate) fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        // It says so itself.
        _ if Failure::is_in(error) => "",
        io::ErrorKind::ConnectionRefused => " (is a broker running there?)",
        _ => "",
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
