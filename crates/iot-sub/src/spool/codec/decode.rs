//! From bytes to an entry.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use iot_store::{
    CutPayload, Entry, Extra, FieldValue, Reading, ReadingId, Readings, ReceivedPayload, Rejection,
    SeriesUpdate, Value, read_own_json,
};
use serde_json::Value as Json;

use super::format::{
    DATE, HAS_CUT_PAYLOAD, HAS_EXTRA, HAS_METRIC, HAS_PAYLOAD, HAS_TOPIC, HAS_UNIT, HEADER, JSON,
    MAGIC, MAGIC_2, MAGIC_3, MAGIC_4, NUMBER, READINGS, REJECTION, SERIES_CLASS, SERIES_DEVICE,
    SERIES_METRIC, SERIES_NAME, SERIES_UNIT, TEXT,
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
    if ![MAGIC, MAGIC_2, MAGIC_3, MAGIC_4].contains(&magic) {
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
    let reg_date = rest.time()?;
    let topic = rest.shared()?;
    let flags = match magic {
        MAGIC_3 | MAGIC_4 => rest.array::<1>()?[0],
        MAGIC_2 => HAS_EXTRA,
        _ => 0,
    };
    let extra = match flags & HAS_EXTRA {
        0 => None,
        _ => Some(self::extra(&mut rest)?),
    };
    let payload = payload(flags, &mut rest)?;
    if kind == READINGS {
        let readings = readings(&topic, &mut rest)?;
        let mut series = Vec::new();
        while !rest.0.is_empty() {
            series.push(series_update(&mut rest)?);
        }
        return Ok(Entry::Readings(Box::new(Readings {
            id,
            topic,
            received: reg_date,
            payload,
            readings,
            series,
        })));
    }
    if kind == REJECTION {
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
    let metric = rest.shared_if(flags & HAS_METRIC)?;
    let unit = rest.shared_if(flags & HAS_UNIT)?;
    Ok(Entry::Reading(Reading {
        id,
        topic,
        metric,
        value: value(kind, rest.0)?,
        unit,
        reg_date,
        extra: extra.map(Box::new),
        payload,
    }))
}

fn value(kind: u8, bytes: &[u8]) -> Result<Value, NotAnEntry> {
    match kind {
        NUMBER => {
            let bits = bytes.try_into().map_err(|_| NotAnEntry)?;
            let number = f64::from_bits(u64::from_le_bytes(bits));
            if !number.is_finite() {
                return Err(NotAnEntry);
            }
            Ok(Value::Number(number))
        }
        JSON => json(bytes).map(Value::Json),
        TEXT => Ok(Value::Text(text(bytes)?.to_owned())),
        _ => Err(NotAnEntry),
    }
}

/// Returns the readings of a message of `topic`.
fn readings(topic: &Arc<str>, rest: &mut Rest<'_>) -> Result<Vec<Reading>, NotAnEntry> {
    let mut readings = Vec::new();
    for _ in 0..rest.u32()? {
        let [kind] = rest.array()?;
        let id = ReadingId::from(rest.array::<12>()?);
        let reg_date = rest.time()?;
        let [flags] = rest.array()?;
        let extra = match flags & HAS_EXTRA {
            0 => None,
            _ => Some(Box::new(extra(rest)?)),
        };
        let own_topic = rest.shared_if(flags & HAS_TOPIC)?;
        let metric = rest.shared_if(flags & HAS_METRIC)?;
        let unit = rest.shared_if(flags & HAS_UNIT)?;
        let length = rest.u32()? as usize;
        let value = value(kind, rest.bytes(length)?)?;
        readings.push(Reading {
            id,
            topic: own_topic.unwrap_or_else(|| Arc::clone(topic)),
            metric,
            value,
            unit,
            reg_date,
            extra,
            payload: ReceivedPayload::default(),
        });
    }
    Ok(readings)
}

fn series_update(rest: &mut Rest<'_>) -> Result<SeriesUpdate, NotAnEntry> {
    let [flags] = rest.array()?;
    Ok(SeriesUpdate {
        topic: rest.shared()?,
        metric: rest.shared_if(flags & SERIES_METRIC)?,
        unit: rest.shared_if(flags & SERIES_UNIT)?,
        name: rest.shared_if(flags & SERIES_NAME)?,
        device: rest.shared_if(flags & SERIES_DEVICE)?,
        class: rest.shared_if(flags & SERIES_CLASS)?,
    })
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

    fn time(&mut self) -> Result<DateTime<Utc>, NotAnEntry> {
        let millis = i64::from_le_bytes(self.array()?);
        DateTime::from_timestamp_millis(millis).ok_or(NotAnEntry)
    }

    /// A text behind its length.
    fn shared(&mut self) -> Result<Arc<str>, NotAnEntry> {
        let length = self.u32()? as usize;
        text(self.bytes(length)?).map(Arc::from)
    }

    /// A text that is there if the flag is set.
    fn shared_if(&mut self, flag: u8) -> Result<Option<Arc<str>>, NotAnEntry> {
        match flag {
            0 => Ok(None),
            _ => self.shared().map(Some),
        }
    }
}
