use bytes::Bytes;
use iot_store::{Entry, IdGenerator};

use super::*;
use crate::decode::keys::Keys;
use crate::decode::message::read_message;
use iot_decode::PlainFormat;

fn entry(pointers: &[&str], topic: &str, payload: &str) -> Entry {
    let keys = Keys {
        id: pointers.iter().map(|text| text.parse().unwrap()).collect(),
        ..Keys::default()
    };
    let payload = Bytes::copy_from_slice(payload.as_bytes());
    let now = chrono::Utc::now();
    let mut ids = IdGenerator::new();
    read_message(PlainFormat::Auto, &keys, topic, &payload, now, &mut ids)
}

#[track_caller]
fn id(pointers: &[&str], topic: &str, payload: &str) -> ReadingId {
    let entry = entry(pointers, topic, payload);
    entry.as_reading().expect("a reading").id
}

#[test]
fn topic_and_values_alone_make_the_id() {
    let first = id(&["/seq"], "a", r#"{"seq": 7, "value": 1}"#);
    // What other processes have stored must be found again by a later version.
    assert_eq!(first.to_string(), "8cb6ee7a35dc7a51b87df5ff");
    assert_eq!(first, id(&["/seq"], "a", r#"{"value": 2, "seq": 7}"#));
    for (pointers, topic, payload) in [
        (&["/seq"][..], "b", r#"{"seq": 7}"#),
        (&["/seq"], "a", r#"{"seq": 8}"#),
        (&["/seq"], "a", r#"{"seq": "7"}"#),
        (&["/seq", "/value"], "a", r#"{"seq": 7, "value": 1}"#),
        (&["/x"], "a", r#"{"x": [7]}"#),
    ] {
        let other = id(pointers, topic, payload);
        assert_ne!(first, other, "{pointers:?} {topic} {payload}");
    }
}

#[test]
fn a_time_among_the_values_goes_first() {
    for (at, expected) in [
        ("1795428000", Some(1_795_428_000)),
        ("1795428000.25", Some(1_795_428_000)),
        ("1795428000123", Some(1_795_428_000)),
        (r#""2026-11-23T10:00:00Z""#, Some(1_795_428_000)),
        (r#""2026-11-23T12:00:00.5+02:00""#, Some(1_795_428_000)),
        // Other ids than those of the first version would store messages twice.
        ("1795428000123000", None),
        (r#""1795428000""#, None),
        (r#""2026-11-23 10:00:00""#, None),
        ("999999999", None),
        ("1e300", None),
        ("-1", None),
        (r#""yesterday""#, None),
    ] {
        let at = serde_json::from_str(at).unwrap();
        assert_eq!(seconds(&at), expected, "{at}");
    }
    let of = |seq: u32, at: u64| {
        let payload = format!(r#"{{"seq": {seq}, "at": {at}}}"#);
        id(&["/seq", "/at"], "a", &payload)
    };
    assert_eq!(of(1, 1_795_428_000).seconds(), 1_795_428_000);
    let hours: Vec<_> = (0..100)
        .map(|n| of(n, 1_795_428_000_000 + u64::from(n) * 1_000))
        .collect();
    assert!(hours.is_sorted_by(|a, b| a < b), "{hours:?}");
    assert_ne!(of(1, 1_795_428_000_000), of(1, 1_795_428_000_001));
    assert_ne!(of(1, 1_795_428_000), of(2, 1_795_428_000));
}

#[test]
fn a_message_without_such_a_value_is_rejected() {
    for payload in ["1", "{}", r#"{"seq": null}"#, r#"{"seq": {}}"#] {
        let entry = entry(&["/seq/number"], "a", payload);
        let rejection = entry.as_rejection().expect(payload);
        assert_eq!(rejection.reason, "nothing at /seq/number");
        assert_eq!(rejection.payload, payload.as_bytes());
    }
}

#[test]
fn it_is_found_beside_the_value() {
    let keys = Keys {
        value: Some("/t".parse().unwrap()),
        id: vec!["/seq".parse().unwrap()],
        ..Keys::default()
    };
    let found = keys.find(PlainFormat::Number, "a", br#"{"seq": 7, "t": 20}"#);
    let found = found.unwrap();
    assert_eq!(found.value.to_string(), "20.0");
    assert_eq!(found.id, Some(id(&["/seq"], "a", r#"{"seq": 7}"#)));
}
