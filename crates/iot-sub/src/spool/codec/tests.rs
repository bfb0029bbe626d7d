use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use iot_decode::PlainFormat;
use iot_store::{
    CutPayload, Entry, Extra, FieldValue, IdGenerator, PayloadRef, Reading, ReadingId, Readings,
    ReceivedPayload, Rejection, SeriesUpdate, Value,
};
use proptest::prelude::*;
use serde_json::Value as Json;

use super::decode::NotAnEntry;
use super::encode::len;
use super::format::MAGIC;
use super::{decode, decode_first, encode};
use crate::decode::read;

fn entry(mode: PlainFormat, topic: &str, payload: &[u8]) -> Entry {
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
        FieldValue::Date(DateTime::from_timestamp_millis(i64::from(seconds) * 1_001).unwrap())
    });
    let value = prop_oneof![json().prop_map(FieldValue::Json), date];
    let field = (any::<String>().prop_map(Arc::from), value);
    let fields = prop::collection::vec(field, 0..4);
    let extra = (any::<bool>(), fields).prop_map(|(once, fields)| Box::new(Extra { once, fields }));
    prop::option::of(extra)
}

fn payload() -> impl Strategy<Value = ReceivedPayload> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        Just(ReceivedPayload::default()),
        bytes().prop_map(|bytes| ReceivedPayload::whole(&bytes)),
        (bytes(), any::<u64>(), any::<[u8; 32]>()).prop_map(|(kept, length, sha256)| {
            ReceivedPayload::cut(CutPayload {
                kept: kept.into(),
                length,
                sha256,
            })
        }),
    ]
}

fn name() -> impl Strategy<Value = Option<Arc<str>>> {
    prop::option::of("[a-zµ°./]{1,10}".prop_map(Arc::from))
}

fn head() -> impl Strategy<Value = (ReadingId, Arc<str>, DateTime<Utc>)> {
    let head = (any::<[u8; 12]>(), any::<String>(), any::<i32>());
    head.prop_map(|(id, topic, seconds)| {
        let reg_date = DateTime::from_timestamp_millis(i64::from(seconds) * 1_001).unwrap();
        (ReadingId::from(id), Arc::from(topic), reg_date)
    })
}

fn reading() -> impl Strategy<Value = Reading> {
    (head(), name(), value(), name(), extra()).prop_map(
        |((id, topic, reg_date), metric, value, unit, extra)| Reading {
            id,
            topic,
            metric,
            value,
            unit,
            reg_date,
            extra,
            payload: ReceivedPayload::default(),
        },
    )
}

fn readings() -> impl Strategy<Value = Readings> {
    let series = ((any::<String>(), name(), name()), (name(), name(), name())).prop_map(
        |((topic, metric, unit), (name, device, class))| SeriesUpdate {
            topic: Arc::from(topic),
            metric,
            unit,
            name,
            device,
            class,
        },
    );
    let each = prop::collection::vec((any::<bool>(), reading()), 0..6);
    let series = prop::collection::vec(series, 0..3);
    (head(), payload(), each, series).prop_map(|((id, topic, received), payload, each, series)| {
        let of_message = |(is_own, reading)| {
            if is_own {
                let topic = Arc::clone(&topic);
                Reading { topic, ..reading }
            } else {
                reading
            }
        };
        Readings {
            id,
            received,
            payload,
            readings: each.into_iter().map(of_message).collect(),
            series,
            topic,
        }
    })
}

fn entries() -> impl Strategy<Value = Entry> {
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        (reading(), payload())
            .prop_map(|(reading, payload)| Entry::Reading(Reading { payload, ..reading })),
        readings().prop_map(|readings| Entry::Readings(Box::new(readings))),
        (head(), bytes, any::<String>(), any::<bool>()).prop_map(
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
    let entry = entry(PlainFormat::Auto, "iot/home2/temp", b"25.5");
    assert_eq!(encoded(&entry).len(), 67);
}

#[test]
fn the_payload_is_written_where_the_value_does_not_tell_it() {
    for payload in ["25", " 25.50 ", "{\"temperature\": 25.5, \"unit\": \"C\"}"] {
        let entry = entry(PlainFormat::Auto, "iot", payload.as_bytes());
        let ((_, read), _) = decode_first(&encoded(&entry)).unwrap();
        let read = read.as_reading().unwrap();
        let received = Some(PayloadRef::Whole(payload.as_bytes()));
        assert_eq!(read.received(), received);
    }
}

#[test]
fn json_of_the_deepest_kind_comes_back() {
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let entry = entry(PlainFormat::Auto, "iot", deep.as_bytes());
    assert!(entry.as_reading().is_some());
    assert_eq!(decode(&encoded(&entry)), Ok((7, entry)));
}
