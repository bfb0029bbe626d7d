//! Readings and rejections as MongoDB's documents.

use chrono::Utc;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::{CStr, RawBinaryRef, RawBson};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Bson, DateTime, RawArrayBuf, RawDocumentBuf, cstr};
use serde_json::{Number, Value as Json};

use crate::extra::FieldValue;
use crate::reading::Reading;
use crate::reading_id::ReadingId;
use crate::rejection::Rejection;
use crate::value::Value;

/// Largest document that a server takes, in bytes (`maxBsonObjectSize`).
const SIZE_LIMIT: usize = 16 << 20;

/// A document without fields, and how large one of a reading mostly is without its topic.
const EMPTY: [u8; 5] = [5, 0, 0, 0, 0];
const USUAL_SIZE: usize = 128;

/// Returns `{_id, topic, metric, value, unit, reg_date}`, without metric and unit if there are
/// none, and behind these the fields that were asked for.
///
/// A number is a double, text a string. JSON becomes the same value; a whole number in it a 32-bit
/// integer where it fits and else a 64-bit one, as mongoimport does it, and above the largest of
/// those the nearest double.
///
/// # Errors
///
/// No document can hold it. The text says why.
pub(super) fn reading(reading: &Reading) -> Result<RawDocumentBuf, String> {
    let mut document = begin(reading.id, &reading.topic);
    if let Some(metric) = &reading.metric {
        document.append(cstr!("metric"), &**metric);
    }
    let key = cstr!("value");
    match &reading.value {
        Value::Number(number) => document.append(key, *number),
        Value::Text(text) => document.append(key, text.as_str()),
        Value::Json(json) => document.append(key, bson(json)?),
    }
    if let Some(unit) = &reading.unit {
        document.append(cstr!("unit"), &**unit);
    }
    document.append(cstr!("reg_date"), date(reading.reg_date));
    for (name, field) in reading.extra.iter().flat_map(|extra| &extra.fields) {
        let name: &CStr = (&**name)
            .try_into()
            .map_err(|_| "name of a field with a NUL".to_owned())?;
        match field {
            FieldValue::Json(json) => document.append(name, bson(json)?),
            FieldValue::Date(at) => document.append(name, date(*at)),
        }
    }
    let size = document.as_bytes().len();
    if size > SIZE_LIMIT {
        return Err(format!(
            "its document of {size} bytes is above MongoDB's limit of {SIZE_LIMIT}"
        ));
    }
    Ok(document)
}

/// Returns `{_id, topic, payload, length, sha256, reason, reg_date}`; its size is bounded by the
/// payload that is kept.
pub(super) fn rejection(rejection: &Rejection) -> RawDocumentBuf {
    let mut document = begin(rejection.id, &rejection.topic);
    document.append(
        cstr!("payload"),
        RawBinaryRef {
            subtype: BinarySubtype::Generic,
            bytes: &rejection.payload,
        },
    );
    document.append(
        cstr!("length"),
        i64::try_from(rejection.length).unwrap_or(i64::MAX),
    );
    document.append(cstr!("sha256"), rejection.sha256_hex());
    document.append(cstr!("reason"), rejection.reason.as_str());
    document.append(cstr!("reg_date"), date(rejection.reg_date));
    document
}

/// Returns the `_id` of a document.
pub(super) fn id(id: ReadingId) -> Bson {
    ObjectId::from_bytes(id.bytes()).into()
}

/// The `_id` comes first, where the server wants it: anywhere else it would copy the document to
/// move it.
fn begin(id: ReadingId, topic: &str) -> RawDocumentBuf {
    // With room for a number, a metric and a unit: it would be moved several times as it grows.
    let mut empty = Vec::with_capacity(USUAL_SIZE + topic.len());
    empty.extend(EMPTY);
    let mut document = RawDocumentBuf::from_bytes(empty).unwrap_or_default();
    document.append(cstr!("_id"), ObjectId::from_bytes(id.bytes()));
    document.append(cstr!("topic"), topic);
    document
}

fn date(date: chrono::DateTime<Utc>) -> DateTime {
    DateTime::from_millis(date.timestamp_millis())
}

fn bson(json: &Json) -> Result<RawBson, String> {
    Ok(match json {
        Json::Null => RawBson::Null,
        Json::Bool(value) => RawBson::Boolean(*value),
        Json::Number(value) => number(value),
        Json::String(value) => RawBson::String(value.clone()),
        Json::Array(items) => {
            let items: Result<RawArrayBuf, _> = items.iter().map(bson).collect();
            RawBson::Array(items?)
        }
        Json::Object(fields) => {
            let mut document = RawDocumentBuf::new();
            for (key, item) in fields {
                let key: &CStr = key
                    .as_str()
                    .try_into()
                    .map_err(|_| "object key with a NUL".to_owned())?;
                document.append(key, bson(item)?);
            }
            RawBson::Document(document)
        }
    })
}

fn number(number: &Number) -> RawBson {
    match number.as_i64() {
        Some(whole) => match i32::try_from(whole) {
            Ok(small) => RawBson::Int32(small),
            Err(_) => RawBson::Int64(whole),
        },
        None => RawBson::Double(number.as_f64().unwrap_or(f64::NAN)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mongodb::bson::{Binary, Document, doc};

    use super::*;
    use crate::entry::Entry;
    use crate::reading_id::IdGenerator;
    use crate::received_payload::ReceivedPayload;
    use crate::testing;

    fn entry(payload: &[u8]) -> Entry {
        let now = chrono::DateTime::from_timestamp_millis(1_795_428_000_123).unwrap();
        testing::entry("iot/a", payload, now, &mut IdGenerator::new())
    }

    fn document(payload: &str) -> Document {
        let Entry::Reading(entry) = entry(payload.as_bytes()) else {
            panic!("rejected: {payload}");
        };
        reading(&entry).unwrap().try_into().unwrap()
    }

    #[test]
    fn a_reading_has_four_fields_in_order() {
        let document = document("25");
        let keys: Vec<_> = document.keys().map(String::as_str).collect();
        assert_eq!(keys, ["_id", "topic", "value", "reg_date"]);
        assert_eq!(
            document
                .get_object_id("_id")
                .unwrap()
                .timestamp()
                .timestamp_millis(),
            1_795_428_000_000
        );
        assert_eq!(document.get("topic"), Some(&"iot/a".into()));
        assert_eq!(document.get("value"), Some(&25.0.into()));
        let date = DateTime::from_millis(1_795_428_000_123);
        assert_eq!(document.get("reg_date"), Some(&date.into()));
    }

    #[test]
    fn json_becomes_the_same_value() {
        #[track_caller]
        fn case(payload: &str, expected: impl Into<Bson>) {
            assert_eq!(
                document(payload).get("value"),
                Some(&expected.into()),
                "{payload}"
            );
        }
        case("hello", "hello");
        case("\"hello\"", "hello");
        case("true", true);
        case("null", Bson::Null);
        case("[]", Vec::<Bson>::new());
        case("{}", doc! {});
        case(
            "{\"z\":1,\"a\":[2.0,-0.5,\"x\\u0000\",{\"$b.c\":null}],\"\":false}",
            doc! {"z": 1_i32, "a": [2.0, -0.5, "x\0", {"$b.c": null}], "": false},
        );
        case(
            "[2147483647,2147483648,-2147483649,9223372036854775807]",
            vec![
                Bson::Int32(i32::MAX),
                Bson::Int64(2_147_483_648),
                Bson::Int64(-2_147_483_649),
                Bson::Int64(i64::MAX),
            ],
        );
        case(
            "[9223372036854775808,18446744073709551616]",
            vec![
                Bson::Double(9_223_372_036_854_775_808.0),
                Bson::Double(18_446_744_073_709_551_616.0),
            ],
        );
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        let mut levels = 0;
        let document = document(&deep);
        let mut value = document.get("value");
        while let Some(Bson::Array(items)) = value {
            levels += 1;
            value = items.first();
        }
        assert_eq!(levels, 100);
    }

    #[test]
    fn a_rejection_has_its_payload_as_binary() {
        let Entry::Rejection(entry) = entry(b"\xff\0") else {
            panic!("not rejected");
        };
        let document: Document = rejection(&entry).try_into().unwrap();
        let keys: Vec<_> = document.keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "_id", "topic", "payload", "length", "sha256", "reason", "reg_date"
            ]
        );
        let payload = Binary {
            subtype: BinarySubtype::Generic,
            bytes: vec![0xff, 0],
        };
        assert_eq!(document.get("payload"), Some(&payload.into()));
        assert_eq!(document.get("length"), Some(&2_i64.into()));
        assert_eq!(document.get("reason"), Some(&"not UTF-8".into()));
        assert_eq!(document.get_str("sha256").unwrap().len(), 64);
    }

    #[test]
    fn the_size_limit_is_sixteen_mebibytes() {
        let size = |length| {
            let reading = Reading {
                id: ReadingId::from([0; 12]),
                topic: Arc::from("t"),
                metric: None,
                unit: None,
                value: Value::Text("x".repeat(length)),
                reg_date: chrono::DateTime::UNIX_EPOCH,
                extra: None,
                payload: ReceivedPayload::default(),
            };
            super::reading(&reading).map(|document| document.as_bytes().len())
        };
        let around = size(0).unwrap();
        assert_eq!(size(SIZE_LIMIT - around), Ok(SIZE_LIMIT));
        assert_eq!(
            size(SIZE_LIMIT - around + 1).unwrap_err(),
            "its document of 16777217 bytes is above MongoDB's limit of 16777216"
        );
    }
}
