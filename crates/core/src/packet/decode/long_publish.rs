//! The head of a PUBLISH whose payload may be longer than is held.

use bytes::{Buf, Bytes, BytesMut};

use crate::message::QoS;
use crate::packet::codec::Codec;
use crate::packet::error::DecodeError;
use crate::packet::incoming::{LongPublish, Publish};
use crate::packet::packet_type::PUBLISH;
use crate::packet::properties::{self, PacketKind};
use crate::packet::wire::{self, Reader};
use crate::protocol::Protocol;
use crate::topic::TopicName;

/// Most bytes of properties before a payload that is not held.
const PROPERTIES_LIMIT: usize = 1 << 20;

/// What the beginning of a packet tells.
#[derive(Debug)]
pub enum PublishHead {
    /// More of it has to arrive.
    Incomplete,
    /// It is no PUBLISH, or its payload is not too long.
    Fits,
    /// The payload is not to be held. The head is taken from the buffer.
    Long(Box<LongPublish>),
}

impl Codec {
    /// Takes the head of the first packet from `buffer` if it is a PUBLISH with a payload that is
    /// longer than the limit.
    ///
    /// # Errors
    /// The head is malformed, or too large itself.
    pub fn decode_head(self, buffer: &mut BytesMut) -> Result<PublishHead, DecodeError> {
        let Some((header, remaining)) = wire::fixed_header(buffer)? else {
            return Ok(PublishHead::Incomplete);
        };
        let (first, size) = (buffer[0], header + remaining);
        if size <= self.payload_limit || first & 0xf0 != PUBLISH {
            return Ok(PublishHead::Fits);
        }
        let qos = QoS::try_from((first >> 1) & 3)
            .map_err(|_| DecodeError::Malformed("PUBLISH with QoS 3"))?;
        let Some(end) = self.head_end(header, qos, buffer)? else {
            return Ok(PublishHead::Incomplete);
        };
        if end > size {
            return Err(DecodeError::Malformed("a field reaches past the end"));
        }
        if size - end <= self.payload_limit {
            return Ok(PublishHead::Fits);
        }
        if buffer.len() < end {
            buffer.reserve(end - buffer.len());
            return Ok(PublishHead::Incomplete);
        }
        let mut reader = Reader::new(&buffer[header..end]);
        let topic = match reader.bytes()? {
            [] if self.protocol == Protocol::V5 => None,
            topic => Some(
                TopicName::received(wire::text(topic)?)
                    .map_err(|_| DecodeError::Malformed("PUBLISH with an invalid topic name"))?,
            ),
        };
        let packet_id = match qos {
            QoS::AtMostOnce => None,
            _ => Some(reader.packet_id()?),
        };
        let properties = match self.protocol {
            Protocol::V31 | Protocol::V311 => None,
            Protocol::V5 => properties::read(&mut reader, PacketKind::Publish)?,
        };
        buffer.advance(end);
        let length = size - end;
        Ok(PublishHead::Long(Box::new(LongPublish {
            publish: Publish {
                topic,
                payload: Bytes::new(),
                qos,
                retain: first & 1 != 0,
                dup: first & 8 != 0,
                packet_id,
                properties,
            },
            length,
            limit: self.payload_limit,
            left: length,
            fingerprint: 0,
            hash: None,
        })))
    }

    /// Returns where the payload begins, if that is known already.
    fn head_end(
        self,
        header: usize,
        qos: QoS,
        buffer: &[u8],
    ) -> Result<Option<usize>, DecodeError> {
        let Some(length) = buffer[header..].first_chunk() else {
            return Ok(None);
        };
        let topic = usize::from(u16::from_be_bytes(*length));
        let end = header + 2 + topic + if qos == QoS::AtMostOnce { 0 } else { 2 };
        if self.protocol != Protocol::V5 {
            return Ok(Some(end));
        }
        let mut length = 0;
        for (at, shift) in [0, 7, 14, 21].into_iter().enumerate() {
            let Some(byte) = buffer.get(end + at) else {
                return Ok(None);
            };
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                if length > PROPERTIES_LIMIT {
                    return Err(DecodeError::TooLarge {
                        size: length,
                        limit: PROPERTIES_LIMIT,
                    });
                }
                return Ok(Some(end + at + 1 + length));
            }
        }
        Err(DecodeError::Malformed("a length of more than four bytes"))
    }
}
