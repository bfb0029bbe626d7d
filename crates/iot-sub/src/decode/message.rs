//! A message becomes a reading, or a rejection with its reason.
//!
//! Here a reading gets its id and its time, once and for ever: whatever is retried later is retried
//! with these.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, SubsecRound, Utc};
use iot_decode::PlainFormat;
use iot_store::{Entry, IdGenerator, Reading, ReceivedPayload, Rejection};

use super::keys::Keys;

/// Returns what a message of `topic` with `payload`, received at `now`, is: a reading, or a
/// rejection that says why not.
#[cfg(test)]
pub(crate) fn read(
    mode: PlainFormat,
    topic: impl Into<Arc<str>>,
    payload: &Bytes,
    now: DateTime<Utc>,
    ids: &mut IdGenerator,
) -> Entry {
    read_message(mode, &Keys::default(), topic, payload, now, ids)
}

/// Does the same, with the value, the time and the id that `keys` name.
pub(crate) fn read_message(
    mode: PlainFormat,
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
            metric: None,
            unit: None,
            payload: ReceivedPayload::new(payload, &found.value),
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
    use iot_store::{REJECTED_PAYLOAD_LIMIT, Value};
    use sha2::{Digest, Sha256};

    use super::*;

    fn entry(payload: &[u8]) -> Entry {
        let now = DateTime::from_timestamp(1_795_428_000, 123_987_654).unwrap();
        let payload = Bytes::copy_from_slice(payload);
        read(
            PlainFormat::Auto,
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
