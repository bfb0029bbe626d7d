//! From bytes to an entry.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::DateTime;
use iot_store::{
    CutPayload, Entry, Extra, FieldValue, Reading, ReadingId, ReceivedPayload, Rejection, Value,
    read_own_json,
};
use serde_json::Value as Json;

use super::format::{
    DATE, HAS_CUT_PAYLOAD, HAS_EXTRA, HAS_PAYLOAD, HEADER, JSON, MAGIC, MAGIC_2, MAGIC_3, NUMBER,
    REJECTION, TEXT,
};
use crate::spool::seq::Seq;

/// An entry and its number.
pub(in crate::spool) type Numbered = (Seq, Entry);

/// The bytes are not those of an entry, or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::spool) struct NotAnEntry;

impl fmt::Display for NotAnEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an entry")
    }
}

/// Returns the entry that `bytes` are, and its number.
///
/// # Errors
/// They are not an entry as a whole and unchanged.
pub(in crate::spool) fn decode(bytes: &[u8]) -> Result<Numbered, NotAnEntry> {
    match decode_first(bytes)? {
        (numbered, length) if length == bytes.len() => Ok(numbered),
        _ => Err(NotAnEntry),
    }
}

/// Returns the entry that `bytes` begin with and its number, and how many of them it takes.
///
/// # Errors
/// They begin with no entry that is whole and unchanged.
pub(in crate::spool) fn decode_first(bytes: &[u8]) -> Result<(Numbered, usize), NotAnEntry> {
    let mut rest = Rest(bytes);
    let magic = rest.array()?;
    if ![MAGIC, MAGIC_2, MAGIC_3].contains(&magic) {
        return Err(NotAnEntry);
    }
    let length = rest.u32()? as usize;
    let crc = rest.u32()?;
    let body = rest.bytes(length)?;
    if crc32fast::hash(body) != crc {
        return Err(NotAnEntry);
    }
    let mut rest = Rest(body);
    let seq = Seq::from_le_bytes(rest.array()?);
    Ok(((seq, self::body(rest, magic)?), HEADER + length))
}

fn body(mut rest: Rest<'_>, magic: [u8; 4]) -> Result<Entry, NotAnEntry> {
    let [kind] = rest.array()?;
    let id = ReadingId::from(rest.array::<12>()?);
    let millis = i64::from_le_bytes(rest.array()?);
    let reg_date = DateTime::from_timestamp_millis(millis).ok_or(NotAnEntry)?;
    let length = rest.u32()? as usize;
    let topic = Arc::from(text(rest.bytes(length)?)?);
    let flags = match magic {
        MAGIC_3 => rest.array::<1>()?[0],
        MAGIC_2 => HAS_EXTRA,
        _ => 0,
    };
    let extra = match flags & HAS_EXTRA {
        0 => None,
        _ => Some(self::extra(&mut rest)?),
    };
    let payload = payload(flags, &mut rest)?;
    let value = match kind {
        NUMBER => {
            let number = f64::from_bits(u64::from_le_bytes(rest.array()?));
            if !number.is_finite() || !rest.0.is_empty() {
                return Err(NotAnEntry);
            }
            Value::Number(number)
        }
        JSON => Value::Json(json(rest.0)?),
        TEXT => Value::Text(text(rest.0)?.to_owned()),
        REJECTION => {
            let length = u64::from_le_bytes(rest.array()?);
            let sha256 = rest.array()?;
            let kept = rest.u32()? as usize;
            let payload = Bytes::copy_from_slice(rest.bytes(kept)?);
            return Ok(Entry::Rejection(Rejection {
                id,
                topic,
                payload,
                length,
                sha256,
                reason: text(rest.0)?.to_owned(),
                reg_date,
                once: extra.is_some_and(|extra| extra.once),
            }));
        }
        _ => return Err(NotAnEntry),
    };
    Ok(Entry::Reading(Reading {
        id,
        topic,
        metric: None,
        value,
        unit: None,
        reg_date,
        extra: extra.map(Box::new),
        payload,
    }))
}

fn payload(flags: u8, rest: &mut Rest<'_>) -> Result<ReceivedPayload, NotAnEntry> {
    if flags & (HAS_PAYLOAD | HAS_CUT_PAYLOAD) == 0 {
        return Ok(ReceivedPayload::default());
    }
    let whole = match flags & HAS_CUT_PAYLOAD {
        0 => None,
        _ => Some((u64::from_le_bytes(rest.array()?), rest.array()?)),
    };
    let length = rest.u32()? as usize;
    let kept = rest.bytes(length)?;
    Ok(match whole {
        None => ReceivedPayload::whole(kept),
        Some((length, sha256)) => ReceivedPayload::cut(CutPayload {
            kept: kept.into(),
            length,
            sha256,
        }),
    })
}

fn extra(rest: &mut Rest<'_>) -> Result<Extra, NotAnEntry> {
    let [once] = rest.array()?;
    let length = rest.u32()? as usize;
    let Json::Array(fields) = json(rest.bytes(length)?)? else {
        return Err(NotAnEntry);
    };
    let fields = fields.into_iter().map(|field| {
        let Json::Array(mut field) = field else {
            return Err(NotAnEntry);
        };
        let date = field.get(2).is_some_and(|mark| mark == DATE);
        let [Json::String(name), value, ..] = field.as_mut_slice() else {
            return Err(NotAnEntry);
        };
        let held = if date {
            let millis = value.as_i64().and_then(DateTime::from_timestamp_millis);
            FieldValue::Date(millis.ok_or(NotAnEntry)?)
        } else {
            FieldValue::Json(value.take())
        };
        Ok((Arc::from(name.as_str()), held))
    });
    Ok(Extra {
        once: once != 0,
        fields: fields.collect::<Result<_, _>>()?,
    })
}

fn json(bytes: &[u8]) -> Result<Json, NotAnEntry> {
    read_own_json(text(bytes)?).map_err(|_| NotAnEntry)
}

fn text(bytes: &[u8]) -> Result<&str, NotAnEntry> {
    std::str::from_utf8(bytes).map_err(|_| NotAnEntry)
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn bytes(&mut self, length: usize) -> Result<&'a [u8], NotAnEntry> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(NotAnEntry)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], NotAnEntry> {
        let bytes = self.bytes(N)?;
        bytes.try_into().map_err(|_| NotAnEntry)
    }

    fn u32(&mut self) -> Result<u32, NotAnEntry> {
        self.array().map(u32::from_le_bytes)
    }
}
