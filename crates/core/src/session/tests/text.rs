//! Packets and events as short texts.

use std::fmt::Write as _;

use crate::message::Message;
use crate::packet::{Ack, Outgoing};
use crate::reason::ReasonCode;
use crate::session::{Event, RefusedPacket};

pub(super) fn packet_text(packet: &Outgoing) -> String {
    match packet {
        Outgoing::Connect(_) => "CONNECT".into(),
        Outgoing::Publish(message) => format!("PUBLISH {}", message_text(message)),
        Outgoing::PublishAliased {
            message,
            alias,
            known,
        } => {
            let topic = if *known { "known" } else { "new" };
            format!("PUBLISH {} alias {alias} {topic}", message_text(message))
        }
        Outgoing::PubAck(ack) => ack_text("PUBACK", ack),
        Outgoing::PubRec(ack) => ack_text("PUBREC", ack),
        Outgoing::PubRel(ack) => ack_text("PUBREL", ack),
        Outgoing::PubComp(ack) => ack_text("PUBCOMP", ack),
        Outgoing::Subscribe(id, list, _) => format!("SUBSCRIBE #{id} {}", list[0].filter),
        Outgoing::Unsubscribe(id, list, _) => format!("UNSUBSCRIBE #{id} {}", list[0]),
        Outgoing::PingReq => "PINGREQ".into(),
        Outgoing::Disconnect(disconnect) => {
            format!("DISCONNECT {:#04x}", disconnect.reason.0)
        }
        Outgoing::Auth(auth) => format!("AUTH {:#04x}", auth.reason.0),
    }
}

pub(super) fn ack_text(name: &str, ack: &Ack) -> String {
    match ack.reason {
        ReasonCode::SUCCESS => format!("{name} #{}", ack.id),
        reason => format!("{name} #{} {reason}", ack.id),
    }
}

pub(super) fn message_text(message: &Message) -> String {
    let mut text = format!("q{}", message.qos);
    if let Some(id) = message.packet_id {
        let _ = write!(text, " #{id}");
    }
    if message.dup {
        text += " dup";
    }
    let payload = String::from_utf8_lossy(&message.payload);
    let _ = write!(text, " {}={payload}", message.topic);
    text
}

pub(super) fn event_text(event: &Event) -> String {
    match event {
        Event::Connected(_) => "connected".into(),
        Event::Refused(ack) => format!("refused: {}", ack.code),
        Event::Received { message, .. } => format!("message {}", message_text(message)),
        Event::PassedOver { message, size, .. } => {
            format!("passed over {} ({size} bytes)", message_text(message))
        }
        Event::Skipped(skipped) => format!(
            "skipped {} ({} bytes)",
            message_text(&skipped.message),
            skipped.length
        ),
        Event::Duplicate(message) => format!("duplicate {}", message_text(message)),
        Event::Released { token, .. } => format!("released #{}", token.id()),
        Event::Published {
            id, result: Ok(_), ..
        } => format!("published #{id}"),
        Event::Published {
            id,
            result: Err(error),
            ..
        } => format!("given up #{id}: {error}"),
        Event::Auth(auth) => format!("auth {:#04x}", auth.reason.0),
        Event::Subscribed(ack) => format!("subscribed #{}", ack.id),
        Event::Unsubscribed(ack) => format!("unsubscribed #{}", ack.id),
        Event::Writable => "writable".into(),
        Event::PacketRefused { packet, error } => {
            let packet = match packet {
                RefusedPacket::Publish { id, topic, size } => {
                    format!("PUBLISH #{id} to {topic}, {size} bytes")
                }
                RefusedPacket::Subscribe(filters) => format!("SUBSCRIBE {}", filters[0]),
                RefusedPacket::Unsubscribe(filters) => format!("UNSUBSCRIBE {}", filters[0]),
            };
            format!("refused {packet}: {error}")
        }
        Event::Disconnected(Ok(())) => "disconnected".into(),
        Event::Disconnected(Err(error)) => format!("disconnected: {error}"),
        Event::Log { level, text } => format!("{level}: {text}"),
        Event::ConnectFailed(error) => format!("connect failed: {error}"),
    }
}
