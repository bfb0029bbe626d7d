//! A message as JSON.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, SecondsFormat};
use iot_store::JSON_NODE_LIMIT;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Value};
use serde_json::{Map, Number, Value as Json};

use crate::reason::Reason;
use crate::single::widened;

/// Returns the message as JSON, with the names of the `.proto` file. Enumerations are the names of
/// their values, bytes base64, `Timestamp` RFC 3339, `Duration` seconds, and a wrapper its value.
///
/// # Errors
/// It would have more values and keys than [`JSON_NODE_LIMIT`].
pub(super) fn json_of(message: &DynamicMessage) -> Result<Json, Reason> {
    let mut nodes = JSON_NODE_LIMIT;
    of_message(message, &mut nodes)
}

fn take(nodes: &mut usize) -> Result<(), Reason> {
    *nodes = nodes.checked_sub(1).ok_or(Reason::TooManyNodes)?;
    Ok(())
}

fn of_message(message: &DynamicMessage, nodes: &mut usize) -> Result<Json, Reason> {
    take(nodes)?;
    let descriptor = message.descriptor();
    if let Some(json) = well_known(message, nodes)? {
        return Ok(json);
    }
    let mut object = Map::new();
    for field in descriptor.fields() {
        if field.supports_presence() && !message.has_field(&field) {
            continue;
        }
        take(nodes)?;
        let value = message.get_field(&field);
        object.insert(field.name().to_owned(), of_value(&value, &field, nodes)?);
    }
    Ok(object.into())
}

/// Returns the JSON of the messages of `google.protobuf` that stand for one value.
fn well_known(message: &DynamicMessage, nodes: &mut usize) -> Result<Option<Json>, Reason> {
    let descriptor = message.descriptor();
    let Some(name) = descriptor.full_name().strip_prefix("google.protobuf.") else {
        return Ok(None);
    };
    let number = |name: &str| match message.get_field_by_name(name).map(Cow::into_owned) {
        Some(Value::I64(number)) => number,
        Some(Value::I32(number)) => number.into(),
        _ => 0,
    };
    Ok(match name {
        "Timestamp" => {
            let nanoseconds = u32::try_from(number("nanos")).unwrap_or_default();
            let time = DateTime::from_timestamp(number("seconds"), nanoseconds);
            let text = time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
            Some(text.map_or(Json::Null, Json::String))
        }
        "Duration" => {
            #[expect(
                clippy::cast_precision_loss,
                reason = "beyond 2^53, the nearest double"
            )]
            let seconds = number("seconds") as f64 + number("nanos") as f64 / 1e9;
            Some(finite(seconds))
        }
        "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value"
        | "UInt32Value" | "BoolValue" | "StringValue" | "BytesValue" => {
            match descriptor.get_field_by_name("value") {
                Some(field) => Some(of_value(&message.get_field(&field), &field, nodes)?),
                None => None,
            }
        }
        _ => None,
    })
}

fn of_value(value: &Value, field: &FieldDescriptor, nodes: &mut usize) -> Result<Json, Reason> {
    Ok(match value {
        Value::Bool(it) => (*it).into(),
        Value::I32(it) => (*it).into(),
        Value::I64(it) => (*it).into(),
        Value::U32(it) => (*it).into(),
        Value::U64(it) => (*it).into(),
        Value::F32(it) => finite(widened(*it)),
        Value::F64(it) => finite(*it),
        Value::String(it) => it.as_str().into(),
        Value::Bytes(it) => BASE64_STANDARD.encode(it).into(),
        Value::EnumNumber(number) => {
            let kind = field.kind();
            let named = kind.as_enum().and_then(|it| it.get_value(*number));
            named.map_or_else(|| (*number).into(), |it| it.name().into())
        }
        Value::Message(message) => of_message(message, nodes)?,
        Value::List(items) => {
            let items = items.iter().map(|item| {
                take(nodes)?;
                of_value(item, field, nodes)
            });
            items.collect::<Result<Vec<_>, _>>()?.into()
        }
        Value::Map(entries) => {
            let Kind::Message(entry) = field.kind() else {
                return Ok(Json::Null);
            };
            let value_field = entry.map_entry_value_field();
            // In the order of the keys; that of the library changes from run to run.
            let mut entries: Vec<(String, &Value)> = entries
                .iter()
                .map(|(key, value)| (key_of(key), value))
                .collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            let entries = entries.into_iter().map(|(key, value)| {
                take(nodes)?;
                if key.contains('\0') {
                    return Err(Reason::NulInKey);
                }
                Ok((key, of_value(value, &value_field, nodes)?))
            });
            entries.collect::<Result<Map<_, _>, _>>()?.into()
        }
    })
}

fn key_of(key: &MapKey) -> String {
    match key {
        MapKey::Bool(it) => it.to_string(),
        MapKey::I32(it) => it.to_string(),
        MapKey::I64(it) => it.to_string(),
        MapKey::U32(it) => it.to_string(),
        MapKey::U64(it) => it.to_string(),
        MapKey::String(it) => it.clone(),
    }
}

fn finite(number: f64) -> Json {
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}
