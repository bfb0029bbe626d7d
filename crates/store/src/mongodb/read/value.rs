//! What a document holds, as a reading.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::read::{Row, SeriesKey};
use crate::reading_id::ReadingId;
use crate::value::Value;

/// Returns the value that is stored. A number of any type is a number: other programs store whole
/// ones as such.
#[expect(clippy::cast_precision_loss, reason = "a double is what is wanted")]
pub(super) fn value(bson: Bson) -> Value {
    match bson {
        Bson::Double(number) if number.is_finite() => Value::Number(number),
        Bson::Double(number) => Value::Text(number.to_string()),
        Bson::Int32(number) => Value::Number(f64::from(number)),
        Bson::Int64(number) => Value::Number(number as f64),
        Bson::String(text) => Value::Text(text),
        other => Value::Json(json(other)),
    }
}

fn json(bson: Bson) -> Json {
    match bson {
        Bson::Double(number) => Json::from(number),
        Bson::Array(items) => items.into_iter().map(json).collect(),
        Bson::Document(document) => {
            let fields = document.into_iter();
            Json::Object(fields.map(|(key, value)| (key, json(value))).collect())
        }
        Bson::Boolean(value) => Json::Bool(value),
        Bson::Null | Bson::Undefined => Json::Null,
        Bson::String(text) => Json::String(text),
        Bson::Int32(number) => Json::from(number),
        Bson::Int64(number) => Json::from(number),
        Bson::ObjectId(id) => Json::String(id.to_hex()),
        Bson::DateTime(at) => {
            let at = time(at).to_rfc3339_opts(SecondsFormat::Millis, true);
            Json::String(at)
        }
        // What no reading of ours has.
        other => Json::String(other.to_string()),
    }
}

/// Returns the id of a document; of one that is not an `ObjectId`, a hash.
pub(super) fn id(bson: Option<RawBsonRef<'_>>) -> ReadingId {
    match bson {
        Some(RawBsonRef::ObjectId(id)) => ReadingId::from(id.bytes()),
        other => {
            let hash: [u8; 32] = Sha256::digest(format!("{other:?}")).into();
            let mut id = [0; 12];
            id.copy_from_slice(&hash[..12]);
            ReadingId::from(id)
        }
    }
}

/// Returns the same of a document that was read as a whole.
pub(super) fn whole_id(bson: Option<&Bson>) -> ReadingId {
    match bson {
        Some(Bson::ObjectId(id)) => ReadingId::from(id.bytes()),
        other => {
            let raw = other.and_then(|bson| mongodb::bson::RawBson::try_from(bson.clone()).ok());
            id(raw.as_ref().map(mongodb::bson::RawBson::as_raw_bson_ref))
        }
    }
}

/// Returns a time.
pub(super) fn time(time: mongodb::bson::DateTime) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time.timestamp_millis()).unwrap_or_default()
}

/// Returns a text of a document.
pub(super) fn text(document: &Document, key: &str) -> Option<Arc<str>> {
    document.get_str(key).ok().map(Arc::from)
}

/// Returns the reading that a document is, if it is one.
pub(super) fn row(document: &RawDocument) -> Option<Row> {
    let text = |key| document.get_str(key).ok().map(Arc::<str>::from);
    let stored = document.get("value").ok()??;
    Some(Row {
        key: SeriesKey {
            topic: text("topic")?,
            metric: text("metric"),
        },
        value: value(Bson::try_from(stored).ok()?),
        unit: text("unit"),
        time: time(document.get_datetime("reg_date").ok()?),
        id: id(document.get("_id").ok()?),
    })
}
