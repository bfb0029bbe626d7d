//! Bytes to packets: framing, the check of the first byte, and the small packets.

mod answer;
mod connect;
mod long_publish;
mod oversized;
mod publish;

use bytes::BytesMut;

pub use connect::decode_connect;
pub use long_publish::PublishHead;
pub(crate) use oversized::publish_at_start;

use super::codec::Codec;
use super::disconnect::{Auth, Disconnect};
use super::error::DecodeError;
use super::incoming::Incoming;
use super::packet_type::PUBLISH;
use super::properties::{self, PacketKind};
use super::wire::{self, Reader};
use crate::message::Properties;
use crate::protocol::Protocol;
use crate::reason::ReasonCode;
use crate::topic::RecentTopics;

/// Returns the size in bytes of the packet that `buffer` begins with, including the fixed header;
/// `None` where the header is not whole yet.
///
/// # Errors
/// [`DecodeError::Malformed`] where the remaining length has more than four bytes (§2.1.4).
pub fn packet_size(buffer: &[u8]) -> Result<Option<usize>, DecodeError> {
    let header = wire::fixed_header(buffer)?;
    Ok(header.map(|(header, remaining)| header + remaining))
}

impl Codec {
    /// Removes the first packet from `buffer`, or returns `None` if it is incomplete.
    ///
    /// Before MQTT 5, a PUBLISH that is too large is [`Incoming::Oversized`], as soon as its head
    /// has arrived.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a packet that a broker may send. Nothing more can be
    /// read from the connection then.
    pub fn decode(self, buffer: &mut BytesMut) -> Result<Option<Incoming>, DecodeError> {
        self.decode_with(buffer, &mut RecentTopics::default())
    }

    /// As [`decode`](Self::decode); topics that were received before are taken from `topics`.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_with(
        self,
        buffer: &mut BytesMut,
        topics: &mut RecentTopics,
    ) -> Result<Option<Incoming>, DecodeError> {
        if let Some(first) = buffer.first() {
            self.check_first(*first)?;
        }
        let Some((header, remaining)) = wire::fixed_header(buffer)? else {
            return Ok(None);
        };
        let size = header + remaining;
        if size > self.maximum_packet_size {
            if buffer[0] & 0xf0 == PUBLISH && !self.protocol.is_v5() {
                return self.decode_oversized(header, size, buffer);
            }
            return Err(DecodeError::TooLarge {
                size,
                limit: self.maximum_packet_size,
            });
        }
        if size > self.payload_limit {
            match self.decode_head(buffer)? {
                PublishHead::Incomplete => return Ok(None),
                PublishHead::Fits => {}
                PublishHead::Long(publish) => return Ok(Some(Incoming::LongPublish(publish))),
            }
        }
        if buffer.len() < size {
            // Grows with the bytes that arrive, not with the length in the header: a broker that
            // announces much and sends nothing costs no memory.
            buffer.reserve((size - buffer.len()).min(64 * 1024));
            return Ok(None);
        }
        let first = buffer[0];
        if first & 0xf0 == PUBLISH {
            return self
                .decode_publish(first, header, size, buffer, topics)
                .map(Some);
        }
        let frame = buffer.split_to(size);
        let body = &frame[header..];
        let packet = match first & 0xf0 {
            0x20 => self.decode_connack(body)?,
            0x40 => Incoming::PubAck(Self::decode_ack(body)?),
            0x50 => Incoming::PubRec(Self::decode_ack(body)?),
            0x60 => Incoming::PubRel(Self::decode_ack(body)?),
            0x70 => Incoming::PubComp(Self::decode_ack(body)?),
            0x90 => Incoming::SubAck(self.decode_suback(body)?),
            0xb0 => Incoming::UnsubAck(self.decode_unsuback(body)?),
            0xd0 if body.is_empty() => Incoming::PingResp,
            0xd0 => return Err(DecodeError::Malformed("PINGRESP with a body")),
            0xe0 => {
                let (reason, properties) = decode_reason(body, PacketKind::Disconnect)?;
                Incoming::Disconnect(Disconnect { reason, properties })
            }
            _ => {
                let (reason, properties) = decode_reason(body, PacketKind::Auth)?;
                Incoming::Auth(Auth { reason, properties })
            }
        };
        Ok(Some(packet))
    }

    /// Checks type and flags as soon as they have arrived: the rest may take long.
    fn check_first(self, first: u8) -> Result<(), DecodeError> {
        let flags = first & 0x0f;
        match first & 0xf0 {
            PUBLISH if flags & 6 == 6 => Err(DecodeError::Malformed("PUBLISH with QoS 3")),
            PUBLISH if flags & 0xe == 8 => {
                Err(DecodeError::Malformed("PUBLISH with DUP and QoS 0"))
            }
            PUBLISH => Ok(()),
            0x00 => Err(DecodeError::Malformed("reserved packet type")),
            0xf0 if !self.protocol.is_v5() => Err(DecodeError::Malformed("reserved packet type")),
            0x10 | 0x80 | 0xa0 | 0xc0 => {
                Err(DecodeError::Protocol("a packet that only clients send"))
            }
            0xe0 if !self.protocol.is_v5() => {
                Err(DecodeError::Protocol("a packet that only clients send"))
            }
            // On MQTT 3.1 a PUBREL that is sent again may have DUP set (§3.6).
            0x60 if flags == 0xa && self.protocol == Protocol::V31 => Ok(()),
            kind if flags != if kind == 0x60 { 2 } else { 0 } => {
                Err(DecodeError::Malformed("reserved flags are set"))
            }
            _ => Ok(()),
        }
    }
}

/// Decodes DISCONNECT or AUTH: a reason code and properties, each of which may be left out.
fn decode_reason(
    body: &[u8],
    kind: PacketKind,
) -> Result<(ReasonCode, Option<Box<Properties>>), DecodeError> {
    let mut reader = Reader::new(body);
    let mut reason = ReasonCode::SUCCESS;
    let mut properties = None;
    if !reader.is_empty() {
        reason = ReasonCode(reader.u8()?);
    }
    if !reader.is_empty() {
        properties = properties::read(&mut reader, kind)?;
    }
    reader.end()?;
    Ok((reason, properties))
}
