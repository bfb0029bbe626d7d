//! Messages that can't be taken: what they are called, and how one that is too large is passed over.

use bytes::{Buf, BytesMut};

use super::wire::{self, Reader};
use super::{Codec, DecodeError, Incoming, PUBLISH, Publish};
use crate::error::Error;
use crate::message::QoS;
use crate::topic::TopicName;

/// The head of a PUBLISH that is larger than the client takes. Before MQTT 5 no broker can be told so,
/// and one that keeps the session would send the message again for ever: it is acknowledged, and its
/// payload dropped as it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oversized {
    /// The message without its payload.
    pub publish: Publish,
    /// The packet's size in bytes, with its fixed header.
    pub size: usize,
    /// The limit in bytes, [`maximum_packet_size`](crate::ClientConfig::maximum_packet_size).
    pub limit: usize,
    /// Bytes of the payload that are still to come. They are no packet, and to be dropped.
    pub left: usize,
}

impl Codec {
    /// Takes the head of a PUBLISH whose whole is too large, once it is there.
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
                payload: bytes::Bytes::new(),
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

impl DecodeError {
    /// Makes an error of one in decoding what a buffer begins with. A message that is at fault is named,
    /// as far as it is there.
    pub(crate) fn blame(self, buffer: &[u8]) -> Error {
        match suspect(buffer) {
            Some((topic, size)) => Error::BadMessage {
                topic,
                size,
                reason: self,
            },
            None => Error::Decode(self),
        }
    }
}

/// The topic and the size of the PUBLISH that a buffer begins with.
fn suspect(buffer: &[u8]) -> Option<(String, usize)> {
    if buffer.first()? & 0xf0 != PUBLISH {
        return None;
    }
    let (header, remaining) = wire::fixed_header(buffer).ok()??;
    let topic = Reader::new(buffer.get(header..)?).bytes().ok()?;
    let topic = String::from_utf8_lossy(topic);
    let shown: String = topic.chars().take(100).collect();
    (!shown.is_empty()).then(|| (shown.escape_debug().to_string(), header + remaining))
}
