//! The heads of frames (RFC 6455 §5.2).

use bytes::{BufMut, BytesMut};

/// The longest payload of a control frame.
pub(super) const LONGEST_CONTROL: usize = 125;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// A frame up to its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) opcode: Opcode,
    /// Whether the message ends with it.
    pub(super) last: bool,
    pub(super) length: u64,
}

impl Head {
    /// Reads a server's head at the front of `bytes`, and its own length; `None` as long as it isn't
    /// whole.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, &'static str> {
        let &[first, second, ref more @ ..] = bytes else {
            return Ok(None);
        };
        let opcode = match first & 0x0f {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return Err("a frame of an unknown kind"),
        };
        if first & 0x70 != 0 {
            return Err("a frame with reserved bits");
        }
        if second & 0x80 != 0 {
            return Err("a masked frame");
        }
        let last = first & 0x80 != 0;
        let short = second & 0x7f;
        if matches!(opcode, Opcode::Close | Opcode::Ping | Opcode::Pong) {
            if !last {
                return Err("a control frame in fragments");
            }
            if usize::from(short) > LONGEST_CONTROL {
                return Err("a control frame of more than 125 bytes");
            }
        }
        let (length, own) = match short {
            126 => match more.first_chunk() {
                Some(bytes) => (u16::from_be_bytes(*bytes).into(), 4),
                None => return Ok(None),
            },
            127 => match more.first_chunk() {
                Some(bytes) => (u64::from_be_bytes(*bytes), 10),
                None => return Ok(None),
            },
            short => (short.into(), 2),
        };
        if length > u64::MAX / 2 {
            return Err("a frame longer than the protocol allows");
        }
        let head = Self {
            opcode,
            last,
            length,
        };
        Ok(Some((head, own)))
    }
}

/// Appends a whole frame, masked as a client's are.
pub(super) fn put(output: &mut BytesMut, opcode: Opcode, payload: &[u8], mask: [u8; 4]) {
    const MASKED: u8 = 0x80;
    /// The length follows in two bytes, or in eight.
    const IN_TWO: u8 = 0x7e;
    const IN_EIGHT: u8 = 0x7f;
    output.reserve(14 + payload.len());
    output.put_u8(0x80 | opcode as u8);
    let length = payload.len();
    if let Some(short) = u8::try_from(length).ok().filter(|short| *short < IN_TWO) {
        output.put_u8(MASKED | short);
    } else if let Ok(length) = u16::try_from(length) {
        output.put_u8(MASKED | IN_TWO);
        output.put_u16(length);
    } else {
        output.put_u8(MASKED | IN_EIGHT);
        output.put_u64(length as u64);
    }
    output.put_slice(&mask);
    let start = output.len();
    output.put_slice(payload);
    apply(&mut output[start..], mask);
}

/// Eight bytes at a time: this touches every byte that is sent.
fn apply(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = payload.as_chunks_mut();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_three_forms() {
        for (bytes, length) in [
            (&b"\x82\x7d"[..], 125),
            (b"\x82\x7e\x00\x7e", 126),
            (b"\x82\x7e\xff\xff", 65_535),
            (b"\x82\x7f\0\0\0\0\0\x01\0\0", 65_536),
            (b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", u64::MAX / 2),
        ] {
            for end in 0..bytes.len() {
                assert_eq!(Head::read(&bytes[..end]), Ok(None), "{bytes:x?}");
            }
            let head = Head {
                opcode: Opcode::Binary,
                last: true,
                length,
            };
            assert_eq!(Head::read(bytes), Ok(Some((head, bytes.len()))));
        }
    }

    #[test]
    fn what_a_server_may_not_send_is_named() {
        for (bytes, expected) in [
            (&b"\x83\x00"[..], "a frame of an unknown kind"),
            (b"\xc2\x00", "a frame with reserved bits"),
            (b"\x82\x80", "a masked frame"),
            (b"\x09\x00", "a control frame in fragments"),
            (b"\x88\x7e", "a control frame of more than 125 bytes"),
            (
                b"\x82\x7f\x80\0\0\0\0\0\0\0",
                "a frame longer than the protocol allows",
            ),
        ] {
            assert_eq!(Head::read(bytes), Err(expected));
        }
    }

    #[test]
    fn what_is_put_unmasks_to_the_payload() {
        for length in [0, 1, 3, 4, 7, 8, 9, 125, 126, 127, 65_535, 65_536, 70_001] {
            let payload: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0]).collect();
            let mut frame = BytesMut::new();
            put(&mut frame, Opcode::Binary, &payload, [1, 2, 3, 4]);
            assert_eq!(frame[1] & 0x80, 0x80, "masked");
            frame[1] &= 0x7f;
            let (head, own) = Head::read(&frame).unwrap().unwrap();
            assert_eq!(head.length, u64::from(length));
            let _ = frame.split_to(own);
            assert_eq!(frame.split_to(4)[..], [1, 2, 3, 4]);
            for (index, byte) in frame.iter_mut().enumerate() {
                *byte ^= [1, 2, 3, 4][index % 4];
            }
            assert_eq!(frame, payload);
        }
    }
}
