//! PUBLISH to bytes, with and without a topic alias, and how many bytes it takes.

use bytes::{BufMut, BytesMut};

use crate::message::{Message, PacketId, QoS};
use crate::packet::codec::Codec;
use crate::packet::packet_type::PUBLISH;
use crate::packet::properties::{self, PacketKind};
use crate::packet::wire;
use crate::protocol::Protocol;

impl Codec {
    /// Returns how many bytes a PUBLISH of the message takes, including the fixed header.
    pub fn publish_len(self, message: &Message) -> usize {
        let remaining = self.publish_remaining(message);
        1 + wire::varint_len(remaining) + remaining
    }

    fn publish_remaining(self, message: &Message) -> usize {
        let id = if message.qos == QoS::AtMostOnce { 0 } else { 2 };
        let properties = match self.protocol {
            Protocol::V31 | Protocol::V311 => 0,
            Protocol::V5 => properties::len(message.properties.as_deref(), PacketKind::Publish),
        };
        2 + message.topic.as_str().len() + id + properties + message.payload.len()
    }

    pub(super) fn encode_publish(self, message: &Message, out: &mut BytesMut) {
        let remaining = self.publish_remaining(message);
        out.reserve(5 + remaining);
        out.put_u8(first_byte(message));
        wire::put_varint(out, remaining);
        wire::put_bytes(out, message.topic.as_str().as_bytes());
        if message.qos != QoS::AtMostOnce {
            out.put_u16(message.packet_id.map_or(0, PacketId::get));
        }
        if self.protocol == Protocol::V5 {
            properties::put(out, message.properties.as_deref(), PacketKind::Publish);
        }
        out.put_slice(&message.payload);
    }
}

/// Encodes a PUBLISH of MQTT 5 with a topic alias. The topic is left out if the broker knows the
/// alias.
pub(super) fn encode_aliased(message: &Message, alias: u16, known: bool, out: &mut BytesMut) {
    let mut properties = message.properties.as_deref().cloned().unwrap_or_default();
    properties.topic_alias = Some(alias);
    let topic = if known { "" } else { message.topic.as_str() };
    let id = message.packet_id.filter(|_| message.qos != QoS::AtMostOnce);
    let remaining = 2
        + topic.len()
        + 2 * usize::from(id.is_some())
        + properties::len(Some(&properties), PacketKind::Publish)
        + message.payload.len();
    out.reserve(5 + remaining);
    out.put_u8(first_byte(message));
    wire::put_varint(out, remaining);
    wire::put_bytes(out, topic.as_bytes());
    if let Some(id) = id {
        out.put_u16(id.get());
    }
    properties::put(out, Some(&properties), PacketKind::Publish);
    out.put_slice(&message.payload);
}

fn first_byte(message: &Message) -> u8 {
    PUBLISH | (u8::from(message.dup) << 3) | ((message.qos as u8) << 1) | u8::from(message.retain)
}
