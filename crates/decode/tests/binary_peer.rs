//! CBOR and `MessagePack` beside cbor2 and msgpack: random documents that they have encoded.

use bytes::Bytes;
use chrono::DateTime;
use iot_decode::{Decoder, Format, Message, Settings};
use iot_store::Value;
use serde_json::Value as Json;
use testkit::binary_documents;

const DOCUMENTS: usize = 10_000;

fn bytes(digits: &str) -> Bytes {
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// Decodes a payload in these formats, and compares the value and the leaves with those of JSON.
#[track_caller]
fn check(decoders: &mut [Decoder; 3], payload: &Bytes, json: &str) {
    let [whole, by_leaves, of_json] = decoders;
    let now = DateTime::UNIX_EPOCH;
    let decoded = whole.decode(&Message::new("iot/a", payload, now)).unwrap();
    let expected: Json = serde_json::from_str(json).unwrap();
    match &decoded.readings[..] {
        [reading] => match &reading.value {
            Value::Number(number) => assert_eq!(Some(*number), expected.as_f64()),
            Value::Json(found) => assert_eq!(found, &expected),
            Value::Text(text) => panic!("{text}"),
        },
        readings => panic!("{} readings", readings.len()),
    }
    // Names of metrics are shorter than these documents allow keys to be.
    let leaves = by_leaves.decode(&Message::new("iot/a", payload, now));
    let text = Bytes::copy_from_slice(json.as_bytes());
    let expected = of_json.decode(&Message::new("iot/a", &text, now));
    match (leaves, expected) {
        (Ok(leaves), Ok(expected)) => {
            // Canonical CBOR sorts the keys.
            let sorted = |mut readings: Vec<iot_decode::Measured>| {
                readings.sort_by(|a, b| a.metric.cmp(&b.metric));
                readings
            };
            assert_eq!(sorted(leaves.readings), sorted(expected.readings));
        }
        (leaves, expected) => assert_eq!(leaves.unwrap_err(), expected.unwrap_err()),
    }
}

fn decoders(format: &str) -> [Decoder; 3] {
    [format, &format!("{format}+leaves"), "leaves"].map(|format| {
        let format: Format = format.parse().unwrap();
        Decoder::new(format, Settings::default()).unwrap()
    })
}

#[test]
fn random_documents_of_other_encoders_mean_the_same() {
    let lines = binary_documents(DOCUMENTS);
    let (mut cbor, mut msgpack) = (decoders("cbor"), decoders("msgpack"));
    let mut count = 0;
    for line in lines.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let field = |name: &str| line[name].as_str().unwrap();
        check(&mut cbor, &bytes(field("cbor")), field("cbor_json"));
        check(
            &mut msgpack,
            &bytes(field("msgpack")),
            field("msgpack_json"),
        );
        count += 1;
    }
    assert_eq!(count, DOCUMENTS);
}
