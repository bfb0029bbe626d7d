//! A PUBLISH that can't be decoded: its head if it is too large, its topic if it is malformed.

use bytes::{Buf, Bytes, BytesMut};

use crate::message::QoS;
use crate::packet::codec::Codec;
use crate::packet::error::DecodeError;
use crate::packet::incoming::{Incoming, Oversized, Publish};
use crate::packet::packet_type::PUBLISH;
use crate::packet::wire::{self, Reader};
use crate::topic::TopicName;

impl Codec {
    /// Decodes the head of a PUBLISH that is too large, once it has arrived.
    pub(super) fn decode_oversized(
        self,
        header: usize,
        size: usize,
        buffer: &mut BytesMut,
    ) -> Result<Option<Incoming>, DecodeError> {
        let first = buffer[0];
        let qos = QoS::try_from((first >> 1) & 3)
            .map_err(|_| DecodeError::Malformed("PUBLISH with QoS 3"))?;
        let Some(length) = buffer[header..].first_chunk() else {
            return Ok(None);
        };
        let topic = usize::from(u16::from_be_bytes(*length));
        let end = header + 2 + topic + if qos == QoS::AtMostOnce { 0 } else { 2 };
        if end > size {
            return Err(DecodeError::Malformed("a field reaches past the end"));
        }
        if buffer.len() < end {
            buffer.reserve(end - buffer.len());
            return Ok(None);
        }
        let mut reader = Reader::new(&buffer[header..end]);
        let topic = TopicName::received(reader.str()?)
            .map_err(|_| DecodeError::Malformed("PUBLISH with an invalid topic name"))?;
        let packet_id = match qos {
            QoS::AtMostOnce => None,
            _ => Some(reader.packet_id()?),
        };
        buffer.advance(end);
        let here = buffer.len().min(size - end);
        buffer.advance(here);
        Ok(Some(Incoming::Oversized(Box::new(Oversized {
            publish: Publish {
                topic: Some(topic),
                payload: Bytes::new(),
                qos,
                retain: first & 1 != 0,
                dup: first & 8 != 0,
                packet_id,
                properties: None,
            },
            size,
            limit: self.maximum_packet_size,
            left: size - end - here,
        }))))
    }
}

/// Returns the topic and the size of the PUBLISH that a buffer begins with, for the error message:
/// at most 100 characters, escaped.
pub(crate) fn publish_at_start(buffer: &[u8]) -> Option<(String, usize)> {
    if buffer.first()? & 0xf0 != PUBLISH {
        return None;
    }
    let (header, remaining) = wire::fixed_header(buffer).ok()??;
    let topic = Reader::new(buffer.get(header..)?).bytes().ok()?;
    let topic = String::from_utf8_lossy(topic);
    let shown: String = topic.chars().take(100).collect();
    (!shown.is_empty()).then(|| (shown.escape_debug().to_string(), header + remaining))
}
