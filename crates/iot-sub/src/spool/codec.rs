//! How an entry is written into the spool: few bytes, and a checksum that tells whether they are still the same.
//!
//! ```text
//! "iot1"  4 bytes: what this is, and the version of the format; "iot2" where the body has more
//! length  4 bytes: of what follows the checksum
//! crc     4 bytes: CRC-32 of what follows
//! seq     8 bytes: its number in the spool, by which a salvage finds its place
//! body    kind (1), id (12), reg_date in ms (8), length of the topic (4), topic,
//!         with "iot2": once (1: 0 or 1), length of the fields (4), fields as JSON: [[name, value], [name, ms, "date"], …]
//!         and then by kind:
//!         number     the double's bits (8)
//!         JSON       its text
//!         text       the text
//!         rejection  length (8) and SHA-256 (32) of the whole payload, length of what is kept of it (4), that, reason
//! ```
//!
//! All numbers are little endian. What salvages a damaged file finds entries in it by their first four bytes.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::DateTime;
use iot_store::{Entry, Extra, Fact, Reading, ReadingId, Rejection, Value};
use serde_json::{Value as Json, json};

use super::spool_file::Seq;

/// What an encoded entry begins with.
pub(super) const MAGIC: [u8; 4] = *b"iot1";
/// And one that carries more than the four fields.
const MAGIC_2: [u8; 4] = *b"iot2";
const HEADER: usize = 12;

/// An entry and its number.
pub(super) type Numbered = (Seq, Entry);

const NUMBER: u8 = 0;
const JSON: u8 = 1;
const TEXT: u8 = 2;
const REJECTION: u8 = 3;

/// What marks a field that is a date.
const DATE: &str = "date";

/// The bytes are not those of an entry, or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAnEntry;

impl fmt::Display for NotAnEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an entry")
    }
}

/// Writes `entry`, which has the number `seq`, to the end of `out`.
///
/// # Panics
/// An entry of 4 GiB or more; MQTT's messages are smaller.
pub(super) fn encode(seq: Seq, entry: &Entry, out: &mut Vec<u8>) {
    let start = out.len();
    let only_once = Extra {
        once: true,
        fields: Vec::new(),
    };
    let extra = match entry {
        Entry::Reading(reading) => reading.extra.as_deref(),
        Entry::Rejection(rejection) => rejection.once.then_some(&only_once),
    };
    out.extend(if extra.is_some() { MAGIC_2 } else { MAGIC });
    out.extend([0; HEADER - MAGIC.len()]);
    out.extend(seq.to_le_bytes());
    match entry {
        Entry::Reading(Reading {
            id,
            topic,
            value,
            reg_date,
            extra: _,
        }) => {
            let kind = match value {
                Value::Number(_) => NUMBER,
                Value::Json(_) => JSON,
                Value::Text(_) => TEXT,
            };
            common(kind, *id, topic, reg_date.timestamp_millis(), out);
            more(extra, out);
            match value {
                Value::Number(number) => out.extend(number.to_bits().to_le_bytes()),
                Value::Json(json) => {
                    serde_json::to_writer(&mut *out, json).expect("memory takes all JSON");
                }
                Value::Text(text) => out.extend(text.as_bytes()),
            }
        }
        Entry::Rejection(Rejection {
            id,
            topic,
            payload,
            length,
            sha256,
            reason,
            reg_date,
            once: _,
        }) => {
            common(REJECTION, *id, topic, reg_date.timestamp_millis(), out);
            more(extra, out);
            out.extend(length.to_le_bytes());
            out.extend(sha256);
            out.extend(len(payload).to_le_bytes());
            out.extend(&payload[..]);
            out.extend(reason.as_bytes());
        }
    }
    let body = &out[start + HEADER..];
    let (length, crc) = (len(body), crc32fast::hash(body));
    out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    out[start + 8..start + HEADER].copy_from_slice(&crc.to_le_bytes());
}

fn common(kind: u8, id: ReadingId, topic: &str, millis: i64, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend(id.bytes());
    out.extend(millis.to_le_bytes());
    out.extend(len(topic.as_bytes()).to_le_bytes());
    out.extend(topic.as_bytes());
}

fn more(extra: Option<&Extra>, out: &mut Vec<u8>) {
    let Some(Extra { once, fields }) = extra else {
        return;
    };
    let fields = fields.iter().map(|(name, fact)| match fact {
        Fact::Json(json) => json!([&**name, json]),
        Fact::Date(date) => json!([&**name, date.timestamp_millis(), DATE]),
    });
    let fields = fields.collect::<Json>().to_string();
    out.push(u8::from(*once));
    out.extend(len(fields.as_bytes()).to_le_bytes());
    out.extend(fields.as_bytes());
}

fn len(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("less than 4 GiB")
}

/// Returns the entry that `bytes` are, and its number.
///
/// # Errors
/// They are not an entry as a whole and unchanged.
pub(super) fn decode(bytes: &[u8]) -> Result<Numbered, NotAnEntry> {
    match decode_first(bytes)? {
        (numbered, length) if length == bytes.len() => Ok(numbered),
        _ => Err(NotAnEntry),
    }
}

/// Returns the entry that `bytes` begin with and its number, and how many of them it takes.
///
/// # Errors
/// They begin with no entry that is whole and unchanged.
pub(super) fn decode_first(bytes: &[u8]) -> Result<(Numbered, usize), NotAnEntry> {
    let mut rest = Rest(bytes);
    let has_more = match rest.array()? {
        MAGIC => false,
        MAGIC_2 => true,
        _ => return Err(NotAnEntry),
    };
    let length = rest.u32()? as usize;
    let crc = rest.u32()?;
    let body = rest.bytes(length)?;
    if crc32fast::hash(body) != crc {
        return Err(NotAnEntry);
    }
    let mut rest = Rest(body);
    let seq = Seq::from_le_bytes(rest.array()?);
    Ok(((seq, self::body(rest, has_more)?), HEADER + length))
}

fn body(mut rest: Rest<'_>, has_more: bool) -> Result<Entry, NotAnEntry> {
    let [kind] = rest.array()?;
    let id = ReadingId::from(rest.array::<12>()?);
    let millis = i64::from_le_bytes(rest.array()?);
    let reg_date = DateTime::from_timestamp_millis(millis).ok_or(NotAnEntry)?;
    let length = rest.u32()? as usize;
    let topic = Arc::from(text(rest.bytes(length)?)?);
    let extra = if has_more {
        Some(self::extra(&mut rest)?)
    } else {
        None
    };
    let value = match kind {
        NUMBER => {
            let number = f64::from_bits(u64::from_le_bytes(rest.array()?));
            if !number.is_finite() || !rest.0.is_empty() {
                return Err(NotAnEntry);
            }
            Value::Number(number)
        }
        JSON => Value::Json(serde_json::from_slice(rest.0).map_err(|_| NotAnEntry)?),
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
        value,
        reg_date,
        extra: extra.map(Box::new),
    }))
}

fn extra(rest: &mut Rest<'_>) -> Result<Extra, NotAnEntry> {
    let [once] = rest.array()?;
    let length = rest.u32()? as usize;
    let fields: Vec<Vec<Json>> =
        serde_json::from_slice(rest.bytes(length)?).map_err(|_| NotAnEntry)?;
    let fields = fields.into_iter().map(|mut field| {
        let date = field.get(2).is_some_and(|mark| mark == DATE);
        let [Json::String(name), value, ..] = field.as_mut_slice() else {
            return Err(NotAnEntry);
        };
        let fact = if date {
            let millis = value.as_i64().and_then(DateTime::from_timestamp_millis);
            Fact::Date(millis.ok_or(NotAnEntry)?)
        } else {
            Fact::Json(value.take())
        };
        Ok((Arc::from(name.as_str()), fact))
    });
    Ok(Extra {
        once: once != 0,
        fields: fields.collect::<Result<_, _>>()?,
    })
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

#[cfg(test)]
mod tests {
    use iot_store::IdGenerator;
    use proptest::prelude::*;

    use super::*;
    use crate::decode::{PayloadMode, read};

    fn entry(mode: PayloadMode, topic: &str, payload: &[u8]) -> Entry {
        let now = DateTime::from_timestamp_millis(1_795_428_000_123).unwrap();
        let payload = Bytes::copy_from_slice(payload);
        read(mode, topic, &payload, now, &mut IdGenerator::new())
    }

    fn encoded(entry: &Entry) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(7, entry, &mut bytes);
        bytes
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<u64>().prop_map(Json::from),
            any::<f64>()
                .prop_filter("JSON has no others", |number| number.is_finite())
                .prop_map(Json::from),
            any::<String>().prop_map(Json::from),
        ];
        leaf.prop_recursive(5, 50, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
                prop::collection::vec((any::<String>(), inner), 0..5)
                    .prop_map(|fields| Json::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<f64>()
                .prop_filter("always finite", |number| number.is_finite())
                .prop_map(Value::Number),
            json().prop_map(Value::Json),
            any::<String>().prop_map(Value::Text),
        ]
    }

    fn extra() -> impl Strategy<Value = Option<Box<Extra>>> {
        let date = any::<i32>().prop_map(|seconds| {
            Fact::Date(DateTime::from_timestamp_millis(i64::from(seconds) * 1_001).unwrap())
        });
        let fact = prop_oneof![json().prop_map(Fact::Json), date];
        let field = (any::<String>().prop_map(Arc::from), fact);
        let fields = prop::collection::vec(field, 0..4);
        let extra =
            (any::<bool>(), fields).prop_map(|(once, fields)| Box::new(Extra { once, fields }));
        prop::option::of(extra)
    }

    fn entries() -> impl Strategy<Value = Entry> {
        let head = (any::<[u8; 12]>(), any::<String>(), any::<i32>());
        let head = head.prop_map(|(id, topic, seconds)| {
            let reg_date = DateTime::from_timestamp_millis(i64::from(seconds) * 1_001).unwrap();
            (ReadingId::from(id), Arc::from(topic), reg_date)
        });
        let bytes = prop::collection::vec(any::<u8>(), 0..200);
        prop_oneof![
            (head.clone(), value(), extra()).prop_map(|((id, topic, reg_date), value, extra)| {
                Entry::Reading(Reading {
                    id,
                    topic,
                    value,
                    reg_date,
                    extra,
                })
            }),
            (head, bytes, any::<String>(), any::<bool>()).prop_map(
                |((id, topic, reg_date), payload, reason, once)| {
                    Entry::Rejection(Rejection {
                        once,
                        ..Rejection::new(id, topic, &payload, reason, reg_date)
                    })
                }
            ),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(entry in entries()) {
            prop_assert_eq!(decode(&encoded(&entry)), Ok((7, entry)));
        }

        #[test]
        fn one_after_the_other(first in entries(), second in entries()) {
            let mut bytes = encoded(&first);
            let length = bytes.len();
            encode(8, &second, &mut bytes);
            prop_assert_eq!(decode_first(&bytes), Ok(((7, first), length)));
            prop_assert_eq!(decode(&bytes[length..]), Ok((8, second)));
            prop_assert_eq!(decode(&bytes), Err(NotAnEntry));
        }

        #[test]
        fn a_flipped_bit_is_noticed(entry in entries(), at in any::<prop::sample::Index>()) {
            let mut bytes = encoded(&entry);
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode(&bytes), Err(NotAnEntry));
        }

        #[test]
        fn a_missing_end_is_noticed(entry in entries(), at in any::<prop::sample::Index>()) {
            let bytes = encoded(&entry);
            prop_assert_eq!(decode(&bytes[..at.index(bytes.len())]), Err(NotAnEntry));
        }

        #[test]
        fn other_bytes_are_no_entry(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decode(&bytes), Err(NotAnEntry));
            // With a right header, whatever the body is: an error perhaps, but no panic.
            let mut framed = MAGIC.to_vec();
            framed.extend(len(&bytes).to_le_bytes());
            framed.extend(crc32fast::hash(&bytes).to_le_bytes());
            framed.append(&mut bytes);
            let _ = decode(&framed);
        }
    }

    #[test]
    fn a_number_takes_few_bytes() {
        let entry = entry(PayloadMode::Auto, "iot/home2/temp", b"25.5");
        assert_eq!(encoded(&entry).len(), 67);
    }

    #[test]
    fn json_of_the_deepest_kind_comes_back() {
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        let entry = entry(PayloadMode::Auto, "iot", deep.as_bytes());
        assert!(entry.as_reading().is_some());
        assert_eq!(decode(&encoded(&entry)), Ok((7, entry)));
    }
}
