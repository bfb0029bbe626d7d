//! The data types of the wire: integers, strings, the fixed header (MQTT 5 §1.5, §2.1).

use std::num::NonZeroU16;

use bytes::{BufMut, BytesMut};

use super::error::DecodeError;
use crate::message::PacketId;

/// The largest packet: five bytes of fixed header and 268,435,455 that follow.
pub(crate) const MAX_PACKET: usize = 268_435_460;

/// Reads the fields of one packet, never past its end.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Checks that no bytes are left.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Malformed("bytes after the end"))
        }
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(DecodeError::Malformed("a field reaches past the end"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.u16()?;
        self.take(len.into())
    }

    /// A UTF-8 string without NUL [MQTT-1.5.4-1, -2].
    pub(super) fn str(&mut self) -> Result<&'a str, DecodeError> {
        text(self.bytes()?)
    }

    /// A packet identifier, which is never 0 [MQTT-2.2.1-3].
    pub(super) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        NonZeroU16::new(self.u16()?)
            .map(PacketId)
            .ok_or(DecodeError::Malformed("packet identifier 0"))
    }

    pub(super) fn varint(&mut self) -> Result<usize, DecodeError> {
        let (value, len) = varint(self.rest)?.ok_or(DecodeError::Malformed(
            "a variable byte integer reaches past the end",
        ))?;
        self.take(len)?;
        Ok(value)
    }
}

/// The length of the fixed header and the remaining length, once both have arrived.
pub(super) fn fixed_header(bytes: &[u8]) -> Result<Option<(usize, usize)>, DecodeError> {
    match bytes.get(1..) {
        None => Ok(None),
        Some(rest) => Ok(varint(rest)?.map(|(remaining, len)| (1 + len, remaining))),
    }
}

/// The bytes as a UTF-8 string without NUL.
pub(super) fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| DecodeError::Malformed("a string is not UTF-8"))?;
    if text.contains('\0') {
        return Err(DecodeError::Malformed("a string holds a NUL character"));
    }
    Ok(text)
}

/// The value and the length of a variable byte integer, or `None` if it is incomplete.
fn varint(bytes: &[u8]) -> Result<Option<(usize, usize)>, DecodeError> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((value, at + 1)));
        }
    }
    if bytes.len() < 4 {
        Ok(None)
    } else {
        Err(DecodeError::Malformed(
            "a variable byte integer has more than four bytes",
        ))
    }
}

pub(super) fn varint_len(value: usize) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// Appends a variable byte integer; `value` is at most 268,435,455.
pub(super) fn put_varint(out: &mut BytesMut, mut value: usize) {
    loop {
        #[expect(clippy::cast_possible_truncation, reason = "seven bits")]
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return out.put_u8(byte);
        }
        out.put_u8(byte | 0x80);
    }
}

/// Appends a length and the bytes; there are at most 65,535.
#[expect(
    clippy::cast_possible_truncation,
    reason = "lengths are checked where topics and configurations are made"
)]
pub(super) fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u16(bytes.len() as u16);
    out.put_slice(bytes);
}

/// Appends a packet whose body `write` writes: the first byte, the length, the body.
pub(super) fn put_packet(first: u8, out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
    let mut body = BytesMut::new();
    write(&mut body);
    out.put_u8(first);
    put_varint(out, body.len());
    out.put_slice(&body);
}
