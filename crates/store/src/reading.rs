//! A message becomes a reading, or a rejection with its reason.
//!
//! Here a reading gets its id and its time, once and for ever: whatever is retried later is retried with these. What a
//! payload means is [`payload`]'s, how a value is printed [`value`]'s.

mod extra;
mod id;
mod identity;
mod keys;
mod payload;
mod value;

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, SubsecRound, Utc};
use sha2::{Digest, Sha256};

pub(crate) use extra::{Extra, Fact, RECEIVED};
pub(crate) use id::{IdGenerator, ReadingId};
pub(crate) use keys::{Keys, Pointer};
pub(crate) use payload::PayloadMode;
pub(crate) use value::Value;

/// Most of a rejected payload that is kept, in bytes; its length and SHA-256 are always those of the whole.
pub(crate) const REJECTED_PAYLOAD_LIMIT: usize = 1 << 20;

/// What was measured, where and when.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Makes a retry harmless: a store that has this id already keeps what it has.
    pub(crate) id: ReadingId,
    /// Topic name of the message.
    pub(crate) topic: Arc<str>,
    pub(crate) value: Value,
    /// When it was received, or what the payload says about that, in UTC, whole milliseconds.
    pub(crate) reg_date: DateTime<Utc>,
    /// What was asked for beside these.
    pub(crate) extra: Option<Box<Extra>>,
}

impl Reading {
    /// Returns the same reading under another id.
    pub(crate) fn with_id(&self, id: ReadingId) -> Self {
        Self { id, ..self.clone() }
    }
}

/// A message that is not a reading, kept so that nothing vanishes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rejection {
    pub(crate) id: ReadingId,
    /// Topic name of the message.
    pub(crate) topic: Arc<str>,
    /// The payload's first bytes, at most [`REJECTED_PAYLOAD_LIMIT`] of them, in memory of their own.
    pub(crate) payload: Bytes,
    /// Length of the whole payload in bytes; of the whole packet where it was not taken.
    pub(crate) length: u64,
    /// SHA-256 of the whole payload.
    pub(crate) sha256: [u8; 32],
    /// One short line without the payload in it.
    pub(crate) reason: String,
    /// When it was received, in UTC, whole milliseconds.
    pub(crate) reg_date: DateTime<Utc>,
    /// It is not kept where the topic's last rejection has the same payload.
    pub(crate) once: bool,
}

impl Rejection {
    /// Returns the rejection of `payload`, with as much of it as is kept.
    pub(crate) fn new(
        id: ReadingId,
        topic: Arc<str>,
        payload: &[u8],
        reason: String,
        reg_date: DateTime<Utc>,
    ) -> Self {
        let kept = &payload[..payload.len().min(REJECTED_PAYLOAD_LIMIT)];
        Self {
            id,
            topic,
            // A slice of the message would keep the whole read buffer alive, and no limit could count that.
            payload: Bytes::copy_from_slice(kept),
            length: payload.len() as u64,
            sha256: Sha256::digest(payload).into(),
            reason,
            reg_date,
            once: false,
        }
    }

    /// Returns [`sha256`](Self::sha256) as 64 hex digits, as `sha256sum` prints it.
    pub(crate) fn sha256_hex(&self) -> String {
        id::hex(&self.sha256)
    }
}

/// What one message became.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    Reading(Reading),
    Rejection(Rejection),
}

impl Entry {
    /// Returns the id given when the message was read.
    pub(crate) fn id(&self) -> ReadingId {
        match self {
            Self::Reading(reading) => reading.id,
            Self::Rejection(rejection) => rejection.id,
        }
    }

    /// Returns when it was received.
    pub(crate) fn received(&self) -> DateTime<Utc> {
        match self {
            Self::Reading(reading) => {
                let extra = reading.extra.as_ref();
                let received = extra.and_then(|extra| extra.received());
                received.unwrap_or(reading.reg_date)
            }
            Self::Rejection(rejection) => rejection.reg_date,
        }
    }

    /// Returns the reading, if it is one.
    pub(crate) fn as_reading(&self) -> Option<&Reading> {
        match self {
            Self::Reading(reading) => Some(reading),
            Self::Rejection(_) => None,
        }
    }

    /// Returns the rejection, if it is one.
    pub(crate) fn as_rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Reading(_) => None,
            Self::Rejection(rejection) => Some(rejection),
        }
    }

    /// Returns roughly how many bytes of memory this takes, for the limits of queues.
    pub(crate) fn size(&self) -> usize {
        /// An `Arc<str>` has two counters before its text.
        const ARC: usize = 16;
        size_of::<Self>()
            + match self {
                Self::Reading(reading) => {
                    let extra = reading.extra.as_ref().map_or(0, |extra| extra.heap_size());
                    ARC + reading.topic.len() + reading.value.heap_size() + extra
                }
                Self::Rejection(rejection) => {
                    ARC + rejection.topic.len() + rejection.payload.len() + rejection.reason.len()
                }
            }
    }
}

/// Returns what a message of `topic` with `payload`, received at `now`, is: a reading, or a rejection that says why not.
#[cfg(test)]
pub(crate) fn read(
    mode: PayloadMode,
    topic: impl Into<Arc<str>>,
    payload: &Bytes,
    now: DateTime<Utc>,
    ids: &mut IdGenerator,
) -> Entry {
    read_message(mode, &Keys::default(), topic, payload, now, ids)
}

/// Does the same, with the value, the time and the id that `keys` name.
pub(crate) fn read_message(
    mode: PayloadMode,
    keys: &Keys,
    topic: impl Into<Arc<str>>,
    payload: &Bytes,
    now: DateTime<Utc>,
    ids: &mut IdGenerator,
) -> Entry {
    let id = ids.next(now);
    let topic = topic.into();
    let reg_date = now.trunc_subsecs(3);
    match keys.find(mode, &topic, payload) {
        Ok(found) => Entry::Reading(Reading {
            id: found.id.unwrap_or(id),
            topic,
            value: found.value,
            reg_date: found.time.unwrap_or(reg_date),
            extra: None,
        }),
        Err(reason) => Entry::Rejection(Rejection::new(
            id,
            topic,
            payload,
            reason.to_string(),
            reg_date,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(payload: &[u8]) -> Entry {
        let now = DateTime::from_timestamp(1_795_428_000, 123_987_654).unwrap();
        let payload = Bytes::copy_from_slice(payload);
        read(
            PayloadMode::Auto,
            "iot/home2/temp",
            &payload,
            now,
            &mut IdGenerator::new(),
        )
    }

    #[test]
    fn a_number_is_a_reading_with_whole_milliseconds() {
        let Entry::Reading(reading) = entry(b"25.5") else {
            panic!("not a reading");
        };
        assert_eq!(&*reading.topic, "iot/home2/temp");
        assert_eq!(reading.value, Value::Number(25.5));
        assert_eq!(
            reading.reg_date.timestamp_nanos_opt(),
            Some(1_795_428_000_123_000_000)
        );
        assert_eq!(reading.id.seconds(), 1_795_428_000);
    }

    #[test]
    fn a_rejection_keeps_the_payload_its_length_and_hash() {
        let Entry::Rejection(rejection) = entry(b"hello") else {
            panic!("not a rejection");
        };
        assert_eq!(rejection.payload, "hello");
        assert_eq!(rejection.length, 5);
        assert_eq!(rejection.reason, "not a number or JSON");
        assert_eq!(
            rejection.sha256_hex(),
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        );
    }

    #[test]
    fn a_long_rejected_payload_is_cut_but_measured_whole() {
        let long = vec![b'x'; REJECTED_PAYLOAD_LIMIT + 1];
        let Entry::Rejection(rejection) = entry(&long) else {
            panic!("not a rejection");
        };
        assert_eq!(rejection.payload.len(), REJECTED_PAYLOAD_LIMIT);
        assert_eq!(rejection.length, REJECTED_PAYLOAD_LIMIT as u64 + 1);
        assert_eq!(rejection.sha256, <[u8; 32]>::from(Sha256::digest(&long)));
    }

    #[test]
    fn size_counts_what_is_on_the_heap() {
        let number = entry(b"1").size();
        assert!(number >= size_of::<Entry>() + "iot/home2/temp".len());
        assert!(entry(&vec![b'x'; 5000]).size() >= number + 5000);
        let text = format!("[\"{}\"]", "x".repeat(7000));
        assert!(entry(text.as_bytes()).size() >= number + 7000);
    }
}
