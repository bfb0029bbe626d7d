//! The contract of all stores, run on each.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value as Json, json};

use crate::entry::Entry;
use crate::extra::Extra;
use crate::reading::Reading;
use crate::reading_id::IdGenerator;
use crate::readings::Readings;
use crate::received_payload::ReceivedPayload;
use crate::store::{SameId, Stored};
use crate::testing;
use crate::value::Value;

/// A store of its own for each rule.
pub(crate) trait Subject {
    /// Stores `entries`, perhaps not for the first time: those that were there already count as
    /// stored.
    fn insert(&mut self, entries: &[Entry]) -> Stored;

    /// Stores `entries` for the first time.
    fn insert_first(&mut self, entries: &[Entry]) -> Stored;

    /// Returns what is in it in order of its ids: topic, value and time.
    fn readings(&mut self) -> Vec<(String, Json, String)>;

    /// Returns the rejections likewise.
    fn rejections(&mut self) -> Vec<StoredRejection>;
}

#[derive(Debug, PartialEq)]
pub(crate) struct StoredRejection {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) length: i64,
    pub(crate) sha256: String,
    pub(crate) reason: String,
    pub(crate) reg_date: String,
}

/// Runs every rule on a new subject, which gets what another reading with the same id means.
pub(crate) fn contract<S: Subject>(mut new: impl FnMut(SameId) -> S) {
    contract_without_unique_ids(|| new(SameId::Accident));
    stores_nothing_twice(&mut new(SameId::Accident));
    takes_any_number_at_once(&mut new(SameId::Accident));
    rejects_another_reading_with_the_same_id(&mut new(SameId::Conflict));
}

/// Runs the rules that hold also where nothing makes ids unique.
pub(crate) fn contract_without_unique_ids<S: Subject>(mut new: impl FnMut() -> S) {
    stores_every_kind_of_value(&mut new());
    keeps_rejections_whole(&mut new());
    skips_retained_messages_that_repeat_the_last_one(&mut new());
    stores_all_readings_of_a_message(&mut new());
}

/// Returns the entry of a message in JSON that gives these readings: metric, number, unit.
pub(crate) fn several(
    ids: &mut IdGenerator,
    topic: &str,
    values: &[(&str, &str, Option<&str>)],
) -> Entry {
    let now = DateTime::from_timestamp_millis(1_795_428_000_123).expect("a time");
    let fields = values
        .iter()
        .map(|(metric, value, _)| format!("\"{metric}\":{value}"));
    let payload = format!("{{{}}}", fields.collect::<Vec<_>>().join(","));
    let readings: Vec<_> = values
        .iter()
        .map(|(metric, value, unit)| Reading {
            id: ids.next(now),
            topic: topic.into(),
            metric: Some((*metric).into()),
            value: Value::Number(value.parse().expect("a number")),
            unit: unit.map(Into::into),
            reg_date: now,
            extra: None,
            payload: ReceivedPayload::default(),
        })
        .collect();
    Entry::Readings(Box::new(Readings {
        id: readings
            .first()
            .map_or_else(|| ids.next(now), |first| first.id),
        topic: topic.into(),
        received: now,
        payload: ReceivedPayload::of_message(payload.as_bytes()),
        readings,
        series: Vec::new(),
    }))
}

/// Makes entries of one process, a millisecond apart.
#[derive(Debug)]
pub(crate) struct Source {
    ids: IdGenerator,
    now: DateTime<Utc>,
}

impl Source {
    pub(crate) fn new() -> Self {
        Self {
            ids: IdGenerator::new(),
            now: DateTime::from_timestamp_millis(1_795_428_000_123).expect("a time"),
        }
    }

    pub(crate) fn ids(&mut self) -> &mut IdGenerator {
        &mut self.ids
    }

    pub(crate) fn entry(&mut self, topic: &str, payload: impl AsRef<[u8]>) -> Entry {
        let entry = testing::entry(topic, payload.as_ref(), self.now, &mut self.ids);
        self.now += chrono::Duration::milliseconds(1);
        entry
    }

    pub(crate) fn numbers(&mut self, count: u32) -> Vec<Entry> {
        (0..count)
            .map(|i| self.entry("iot/number", i.to_string()))
            .collect()
    }
}

fn stored(stored: u64, rejected: u64) -> Stored {
    Stored {
        stored,
        rejected,
        skipped: 0,
        duplicates: 0,
        readings: stored,
    }
}

fn stores_every_kind_of_value(subject: &mut impl Subject) {
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let values = [
        ("10", json!(10.0)),
        ("-0.1", json!(-0.1)),
        ("1.7976931348623157e308", json!(f64::MAX)),
        ("5e-324", json!(5e-324)),
        (
            "{\"t\": 1, \"a\": [2.5, true, null, \"x\"]}",
            json!({"t": 1, "a": [2.5, true, null, "x"]}),
        ),
        ("[9007199254740993]", json!([9_007_199_254_740_993_i64])),
        (
            "{\"$set\": {\"a.b\": 1}, \"\": 2}",
            json!({"$set": {"a.b": 1}, "": 2}),
        ),
        ("\"a string\"", json!("a string")),
        ("false", json!(false)),
        ("null", json!(null)),
        ("text °C", json!("text °C")),
        (&deep, serde_json::from_str(&deep).expect("JSON")),
    ];
    let topic = "iot/'ü\"/$x y";
    let mut source = Source::new();
    let entries: Vec<_> = values
        .iter()
        .map(|(payload, _)| source.entry(topic, payload))
        .collect();
    assert_eq!(subject.insert(&entries), stored(12, 0));
    let found = subject.readings();
    assert_eq!(found.len(), values.len());
    for (i, ((payload, expected), found)) in values.into_iter().zip(found).enumerate() {
        let reg_date = format!("2026-11-23T10:00:00.{}Z", 123 + i);
        assert_eq!(found, (topic.to_owned(), expected, reg_date), "{payload}");
    }
}

fn keeps_rejections_whole(subject: &mut impl Subject) {
    let mut source = Source::new();
    let long = vec![0xff; (1 << 20) + 1];
    let entries = [
        source.entry("iot/a", [0xff, 0]),
        source.entry("iot/b", "25"),
        source.entry("iot/c", ""),
        source.entry("iot/d", &long),
    ];
    assert_eq!(subject.insert(&entries), stored(1, 3));
    let rejection =
        |topic: &str, payload: &[u8], length, sha256: &str, reason: &str, millis| StoredRejection {
            topic: topic.to_owned(),
            payload: payload.to_vec(),
            length,
            sha256: sha256.to_owned(),
            reason: reason.to_owned(),
            reg_date: format!("2026-11-23T10:00:00.{millis}Z"),
        };
    let hashes = [
        "ea5dbf9596d187e9500f23e9a680109475341cf4e81f7e043f7d97152c10772f",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "97f1b26601b4e889c9c1fa0c9fbffccd15eb2900e3a326f53715dd578c72b0a7",
    ];
    let found = subject.rejections();
    assert_eq!(found.len(), 3);
    assert_eq!(
        found[0],
        rejection("iot/a", &[0xff, 0], 2, hashes[0], "not UTF-8", 123)
    );
    assert_eq!(
        found[1],
        rejection("iot/c", &[], 0, hashes[1], "empty payload", 125)
    );
    let kept = &long[..1 << 20];
    assert_eq!(
        found[2],
        rejection("iot/d", kept, (1 << 20) + 1, hashes[2], "not UTF-8", 126)
    );
}

fn stores_nothing_twice(subject: &mut impl Subject) {
    let mut source = Source::new();
    // Equal readings are two, for their ids differ.
    let mut entries = vec![
        source.entry("iot/a", "1"),
        source.entry("iot/a", "1"),
        source.entry("iot/a", ""),
    ];
    for _ in 0..2 {
        assert_eq!(subject.insert(&entries), stored(2, 1));
    }
    entries.push(source.entry("iot/a", "2"));
    entries.push(source.entry("iot/a", [0xff]));
    assert_eq!(subject.insert(&entries), stored(3, 2));
    assert_eq!(subject.readings().len(), 3);
    assert_eq!(subject.rejections().len(), 2);
}

fn takes_any_number_at_once(subject: &mut impl Subject) {
    assert_eq!(subject.insert(&[]), stored(0, 0));
    let entries = Source::new().numbers(12_345);
    subject.insert(&entries[5_000..6_000]);
    // Most commands now hold some that are there, and some hold nothing else.
    for _ in 0..2 {
        assert_eq!(subject.insert(&entries), stored(12_345, 0));
    }
    let found = subject.readings();
    assert_eq!(found.len(), entries.len());
    for (i, (_, value, _)) in (0_u32..).zip(found) {
        assert_eq!(value, json!(f64::from(i)));
    }
}

fn rejects_another_reading_with_the_same_id(subject: &mut impl Subject) {
    let mut source = Source::new();
    let first = source.entry("iot/a", "1");
    let id = first.id();
    let mut with_same_id = |value: &str| {
        let entry = source.entry("iot/a", value);
        Entry::Reading(entry.as_reading().expect("a reading").with_id(id))
    };
    let again = with_same_id("1");
    let others = [with_same_id("2"), with_same_id("3")];
    assert_eq!(subject.insert_first(&[first]), stored(1, 0));
    let duplicate = Stored {
        duplicates: 1,
        ..Stored::default()
    };
    assert_eq!(subject.insert_first(&[again]), duplicate);
    assert_eq!(subject.insert_first(&others), stored(0, 2));
    subject.insert(&others);
    assert_eq!(subject.readings().len(), 1);
    let mut found = subject.rejections();
    found.sort_unstable_by(|one, other| one.payload.cmp(&other.payload));
    assert_eq!(found.len(), 2);
    for (found, payload) in found.iter().zip([b"2", b"3"]) {
        assert_eq!((&*found.topic, &*found.payload), ("iot/a", &payload[..]));
        assert!(found.reason.contains(&id.to_string()), "{}", found.reason);
    }
}

fn skips_retained_messages_that_repeat_the_last_one(subject: &mut impl Subject) {
    let mut source = Source::new();
    let mut retained = |topic: &str, payload: &str| {
        let mut entry = source.entry(topic, payload);
        match &mut entry {
            Entry::Reading(reading) => {
                reading.extra = Some(Box::new(Extra {
                    once: true,
                    fields: Vec::new(),
                }));
            }
            Entry::Readings(_) => unreachable!("each has one value"),
            Entry::Rejection(rejection) => rejection.once = true,
        }
        entry
    };
    let skipped = Stored {
        skipped: 1,
        ..Stored::default()
    };
    for (topic, payload, expected) in [
        ("iot/a", "1", stored(1, 0)),
        ("iot/b", "1", stored(1, 0)),
        ("iot/a", "1", skipped),
        ("iot/a", "\"1\"", stored(1, 0)),
        ("iot/a", "1", stored(1, 0)),
        ("iot/a", "", stored(0, 1)),
        ("iot/a", "", skipped),
        ("iot/b", "", stored(0, 1)),
    ] {
        let entry = retained(topic, payload);
        assert_eq!(
            subject.insert_first(&[entry]),
            expected,
            "{topic} {payload}"
        );
    }
}

fn stores_all_readings_of_a_message(subject: &mut impl Subject) {
    let mut source = Source::new();
    let values = [("temp", "20.5", Some("°C")), ("hum", "40", None)];
    let none: &[(&str, &str, Option<&str>)] = &[];
    let entries = [
        several(&mut source.ids, "iot/a", &values),
        several(&mut source.ids, "iot/b", none),
        source.entry("iot/a", "1"),
    ];
    let expected = Stored {
        stored: 2,
        skipped: 1,
        readings: 3,
        ..Stored::default()
    };
    assert_eq!(subject.insert_first(&entries), expected);
    let mut found = subject.readings();
    found.sort_unstable_by_key(|one| one.1.to_string());
    let value = |(topic, value, _): &(String, Json, String)| (topic.clone(), value.clone());
    let found: Vec<_> = found.iter().map(value).collect();
    let topic = || "iot/a".to_owned();
    let expected = [
        (topic(), json!(1.0)),
        (topic(), json!(20.5)),
        (topic(), json!(40.0)),
    ];
    assert_eq!(found, expected);
    assert!(subject.rejections().is_empty());
}

/// Returns a time as the stores are asked to show it.
pub(crate) fn shown(millis: i64) -> String {
    let date = DateTime::from_timestamp_millis(millis).expect("a time");
    date.to_rfc3339_opts(SecondsFormat::Millis, true)
}
