//! What a session reports to the application.

use super::log::LogLevel;
use super::refused_packet::RefusedPacket;
use super::skipped_message::SkippedMessage;
use super::tokens::{AckToken, ReleaseToken};
use crate::error::Error;
use crate::message::{Message, PacketId, Properties};
use crate::packet::{Ack, Auth, ConnAck, SubscribeAck};
use crate::reason::ReasonCode;

/// What a session reports to the application.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The broker accepted the connection. [`ConnAck::session_present`] says whether it still has
    /// the session. Subscribe now: the client does not renew subscriptions by itself.
    Connected(ConnAck),
    /// The broker refused the connection; [`ConnAck::code`] says why.
    Refused(ConnAck),
    /// A message arrived.
    Received {
        /// The message.
        message: Message,
        /// What [`Session::ack`](super::Session::ack) takes if the application acknowledges. Only
        /// with QoS 1 and 2.
        token: Option<AckToken>,
    },
    /// A QoS 2 message that was delivered before has arrived again: its packet identifier is held,
    /// and its [`Message::fingerprint`] is the same. The application must not use it a second time.
    /// It is acknowledged with the first one. Another message with a held packet identifier is
    /// [`Received`](Self::Received): the broker has lost its state of the first one.
    Duplicate(Message),
    /// A message arrived that is larger than
    /// [`maximum_packet_size`](crate::ClientConfig::maximum_packet_size). It is acknowledged and
    /// its payload dropped. Only before MQTT 5, whose brokers know the limit.
    PassedOver {
        /// The message without its payload.
        message: Message,
        /// The packet's size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A message arrived whose payload is longer than
    /// [`payload_limit`](crate::ClientConfig::payload_limit): the payload was skipped.
    Skipped(Box<SkippedMessage>),
    /// The broker has received PUBREC and releases the message;
    /// [`Session::release`](super::Session::release) sends PUBCOMP. Without `manual_ack` the
    /// session sends PUBCOMP itself, and reports only a PUBREL that says more than success.
    Released {
        /// What [`Session::release`](super::Session::release) takes.
        token: ReleaseToken,
        /// Success, or that the broker doesn't know the message (MQTT 5).
        reason: ReasonCode,
        /// PUBREL's properties (MQTT 5).
        properties: Option<Box<Properties>>,
    },
    /// A message is sent (QoS 0, if [`Session::publish`](super::Session::publish) tracks it),
    /// acknowledged (QoS 1: PUBACK, QoS 2: PUBCOMP), or given up. Its packet identifier is free
    /// again.
    Published {
        /// The packet identifier of the message.
        id: PacketId,
        /// The broker's reason code, success before MQTT 5; or why the message was given up:
        /// [`Error::Rejected`], a limit of the broker's CONNACK, or with QoS 0 the end of the
        /// connection.
        result: Result<ReasonCode, Error>,
        /// The properties of PUBACK or PUBCOMP (MQTT 5).
        properties: Option<Box<Properties>>,
        /// The PUBREC of a finished QoS 2 message, if it said more than success (MQTT 5).
        pubrec: Option<Box<Ack>>,
    },
    /// The broker asks for the next step of the authentication that CONNECT has offered, or ends a
    /// re-authentication. [`Session::auth`](super::Session::auth) answers, if
    /// [`Session::set_answers_auth`](super::Session::set_answers_auth) is on.
    Auth(Auth),
    /// The broker's answer to SUBSCRIBE.
    Subscribed(SubscribeAck),
    /// The broker's answer to UNSUBSCRIBE.
    Unsubscribed(SubscribeAck),
    /// After [`Error::QueueFull`], half of the queue is free again. Once for any number of
    /// refusals.
    Writable,
    /// The broker closes the connection each time it gets this packet: it has closed two
    /// connections without an answer, and three more when only this packet waited for one. A
    /// message is sent again unless [`Session::discard`](super::Session::discard) drops it.
    /// [`Disconnected`](Self::Disconnected) follows.
    PacketRefused {
        /// The packet.
        packet: RefusedPacket,
        /// How the connection has ended.
        error: Error,
    },
    /// The connection is over, also one that the broker never accepted: `Ok` after
    /// [`Session::disconnect`](super::Session::disconnect), otherwise the reason. A SUBSCRIBE or
    /// UNSUBSCRIBE without an answer is forgotten.
    Disconnected(Result<(), Error>),
    /// A line of the log, if [`Session::set_logging`](super::Session::set_logging) is on.
    Log {
        /// How much it matters.
        level: LogLevel,
        /// What happened.
        text: String,
    },
    /// No connection could be made; the next try follows. Only from
    /// [`Connection`](crate::Connection).
    ConnectFailed(Error),
}
