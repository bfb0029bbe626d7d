//! The lines of the log: how it names packets, as Paho does.

use std::fmt;

use crate::message::{Message, PacketId};
use crate::packet::{Ack, Incoming, Outgoing, Publish};

/// How much a line of the log matters. Paho's `MQTT_LOG_…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Every packet that is sent or received.
    Debug,
    /// A connection has ended because the application asked for it.
    Info,
    /// Something odd and harmless: an unexpected acknowledgement, a message that is too large.
    Warning,
    /// Why a connection ended, or could not be made.
    Error,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

pub(super) fn sending(packet: &Outgoing) -> String {
    match packet {
        Outgoing::Connect(connect) => format!(
            "Sending CONNECT (u{}, p{}, w{}, c{}, k{}) client_id={:?}",
            u8::from(connect.username.is_some()),
            u8::from(connect.password.is_some()),
            u8::from(connect.will.is_some()),
            u8::from(connect.clean_start),
            connect.keep_alive,
            connect.client_id,
        ),
        Outgoing::Publish(message) => format!("Sending PUBLISH {}", publish_text(message)),
        Outgoing::PublishAliased { message, alias, .. } => {
            format!("Sending PUBLISH {}, alias {alias}", publish_text(message))
        }
        Outgoing::PubAck(ack) => ack_text("Sending PUBACK", ack),
        Outgoing::PubRec(ack) => ack_text("Sending PUBREC", ack),
        Outgoing::PubRel(ack) => ack_text("Sending PUBREL", ack),
        Outgoing::PubComp(ack) => ack_text("Sending PUBCOMP", ack),
        Outgoing::Subscribe(id, list, _) => {
            let filters = list.iter().map(|s| format!("({:?}, {})", s.filter, s.qos));
            format!("Sending SUBSCRIBE (m{id}) [{}]", join(filters))
        }
        Outgoing::Unsubscribe(id, list, _) => {
            let filters = list.iter().map(|filter| format!("{filter:?}"));
            format!("Sending UNSUBSCRIBE (m{id}) [{}]", join(filters))
        }
        Outgoing::PingReq => "Sending PINGREQ".into(),
        Outgoing::Disconnect(disconnect) => {
            format!("Sending DISCONNECT ({})", disconnect.reason)
        }
        Outgoing::Auth(auth) => format!("Sending AUTH ({})", auth.reason),
    }
}

pub(super) fn received(packet: &Incoming) -> String {
    match packet {
        Incoming::ConnAck(ack) => format!(
            "Received CONNACK (s{}, {})",
            u8::from(ack.session_present),
            ack.code
        ),
        Incoming::Publish(publish) => format!("Received PUBLISH {}", received_text(publish)),
        Incoming::Oversized(oversized) => format!(
            "Received PUBLISH {} in a packet of {} bytes",
            received_text(&oversized.publish),
            oversized.size
        ),
        Incoming::LongPublish(long) => format!(
            "Received PUBLISH {} with a payload of {} bytes",
            received_text(&long.publish),
            long.length
        ),
        Incoming::PubAck(ack) => ack_text("Received PUBACK", ack),
        Incoming::PubRec(ack) => ack_text("Received PUBREC", ack),
        Incoming::PubRel(ack) => ack_text("Received PUBREL", ack),
        Incoming::PubComp(ack) => ack_text("Received PUBCOMP", ack),
        Incoming::SubAck(ack) => format!("Received SUBACK (m{})", ack.id),
        Incoming::UnsubAck(ack) => format!("Received UNSUBACK (m{})", ack.id),
        Incoming::PingResp => "Received PINGRESP".into(),
        Incoming::Disconnect(disconnect) => {
            format!("Received DISCONNECT ({})", disconnect.reason)
        }
        Incoming::Auth(auth) => format!("Received AUTH ({})", auth.reason),
    }
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn ack_text(what: &str, ack: &Ack) -> String {
    format!("{what} (m{}, {})", ack.id, ack.reason)
}

fn publish_text(message: &Message) -> String {
    flags_text(
        message.dup,
        message.qos as u8,
        message.retain,
        message.packet_id,
        message.topic.as_str(),
        message.payload.len(),
    )
}

fn received_text(publish: &Publish) -> String {
    flags_text(
        publish.dup,
        publish.qos as u8,
        publish.retain,
        publish.packet_id,
        publish.topic.as_ref().map_or("", |topic| topic.as_str()),
        publish.payload.len(),
    )
}

fn flags_text(
    dup: bool,
    qos: u8,
    retain: bool,
    id: Option<PacketId>,
    topic: &str,
    len: usize,
) -> String {
    format!(
        "(d{}, q{qos}, r{}, m{}), {topic:?}, ... ({len} bytes)",
        u8::from(dup),
        u8::from(retain),
        id.map_or(0, PacketId::get),
    )
}
