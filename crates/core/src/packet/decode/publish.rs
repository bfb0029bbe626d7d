//! A PUBLISH from its bytes (§3.3).

use bytes::{Buf, BytesMut};

use crate::message::QoS;
use crate::packet::codec::Codec;
use crate::packet::error::DecodeError;
use crate::packet::incoming::{Incoming, Publish};
use crate::packet::properties::{self, PacketKind};
use crate::packet::wire::{self, Reader};
use crate::protocol::Protocol;
use crate::topic::{RecentTopics, TopicName};

impl Codec {
    pub(super) fn decode_publish(
        self,
        first: u8,
        header: usize,
        size: usize,
        buffer: &mut BytesMut,
        topics: &mut RecentTopics,
    ) -> Result<Incoming, DecodeError> {
        let qos = QoS::try_from((first >> 1) & 3)
            .map_err(|_| DecodeError::Malformed("PUBLISH with QoS 3"))?;
        let mut reader = Reader::new(&buffer[header..size]);
        let topic = reader.bytes()?;
        let topic = if topic.is_empty() && self.protocol == Protocol::V5 {
            None
        } else if let Some(known) = topics.get(topic) {
            Some(known.clone())
        } else {
            let name = TopicName::received(wire::text(topic)?)
                .map_err(|_| DecodeError::Malformed("PUBLISH with an invalid topic name"))?;
            topics.put(&name);
            Some(name)
        };
        let packet_id = match qos {
            QoS::AtMostOnce => None,
            _ => Some(reader.packet_id()?),
        };
        let properties = match self.protocol {
            Protocol::V31 | Protocol::V311 => None,
            Protocol::V5 => properties::read(&mut reader, PacketKind::Publish)?,
        };
        let payload_len = reader.len();
        buffer.advance(size - payload_len);
        let payload = buffer.split_to(payload_len).freeze();
        Ok(Incoming::Publish(Publish {
            topic,
            payload,
            qos,
            retain: first & 1 != 0,
            dup: first & 8 != 0,
            packet_id,
            properties,
        }))
    }
}
