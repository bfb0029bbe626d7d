//! What a jq program gets of a message.

use std::str;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use iot_store::read_json;
use jaq_json::{Map, Num, Val};
use serde_json::{Number, Value as Json};

use crate::message::{Message, Properties};
use crate::reason::{PAYLOAD_LIMIT_BYTES, Reason};

/// Returns `{topic, payload, qos, retain, time, properties}`. The payload is the parsed JSON, or
/// else text, or else bytes; `time` counts seconds since 1970.
///
/// # Errors
/// The payload is too long, or JSON beyond our limits.
pub(super) fn input(message: &Message<'_>) -> Result<Val, Reason> {
    #[expect(clippy::cast_precision_loss, reason = "exact until the year 287,396")]
    let seconds = message.received.timestamp_millis() as f64 / 1e3;
    let fields = [
        ("topic", text(message.topic)),
        ("payload", payload(message.payload)?),
        ("qos", Val::from(usize::from(message.qos))),
        ("retain", Val::from(message.retain)),
        ("time", Val::from(seconds)),
        ("properties", properties(&message.properties)),
    ];
    let mut map = with_capacity(fields.len());
    map.extend(fields.map(|(name, value)| (key(name), value)));
    Ok(Val::obj(map))
}

/// Returns an empty object with room for so many fields.
fn with_capacity(fields: usize) -> Map {
    let mut map = Map::default();
    map.reserve(fields);
    map
}

fn key(name: &'static str) -> Val {
    Val::utf8_str(Bytes::from_static(name.as_bytes()))
}

fn text(text: &str) -> Val {
    Val::utf8_str(Bytes::copy_from_slice(text.as_bytes()))
}

fn payload(payload: &Bytes) -> Result<Val, Reason> {
    if payload.len() > PAYLOAD_LIMIT_BYTES {
        return Err(Reason::TooLong);
    }
    let Ok(as_text) = str::from_utf8(payload) else {
        return Ok(Val::byte_str(payload.clone()));
    };
    match read_json(as_text).map_err(Reason::from) {
        Ok(json) => Ok(value(json)),
        Err(limit @ (Reason::TooDeep | Reason::TooManyNodes | Reason::NulInKey)) => Err(limit),
        Err(_) => Ok(text(as_text)),
    }
}

/// Returns what helps after jq's error: a payload that looks like JSON and is none is text.
pub(super) fn hint(payload: &[u8]) -> &'static str {
    let looks_like_json = matches!(payload.trim_ascii_start().first(), Some(b'{' | b'['));
    let is_json = || str::from_utf8(payload).is_ok_and(|text| read_json(text).is_ok());
    if looks_like_json && !is_json() {
        " (the payload is not valid JSON, so `.payload` is text)"
    } else {
        ""
    }
}

/// Returns JSON as jq's value.
pub(super) fn value(json: Json) -> Val {
    match json {
        Json::Null => Val::Null,
        Json::Bool(value) => Val::Bool(value),
        Json::Number(value) => Val::Num(number(&value)),
        Json::String(value) => Val::utf8_str(value),
        Json::Array(items) => items.into_iter().map(value).collect(),
        Json::Object(fields) => {
            let mut map = with_capacity(fields.len());
            let fields = fields.into_iter();
            map.extend(fields.map(|(name, field)| (Val::utf8_str(name), value(field))));
            Val::obj(map)
        }
    }
}

fn number(number: &Number) -> Num {
    if let Some(whole) = number.as_i64() {
        Num::from_integral(whole)
    } else if let Some(whole) = number.as_u64() {
        Num::from_integral(whole)
    } else {
        Num::Float(number.as_f64().unwrap_or(f64::NAN))
    }
}

/// Returns the MQTT 5 properties that the message has, as an object.
fn properties(properties: &Properties<'_>) -> Val {
    let mut map = Map::default();
    let mut add = |name, value| drop(map.insert(key(name), value));
    if let Some(format) = properties.payload_format_indicator {
        add("payload_format", Val::from(usize::from(format)));
    }
    if let Some(seconds) = properties.message_expiry_interval {
        add("expiry", Val::Num(Num::from_integral(seconds)));
    }
    if let Some(content_type) = properties.content_type {
        add("content_type", text(content_type));
    }
    if let Some(topic) = properties.response_topic {
        add("response_topic", text(topic));
    }
    if let Some(data) = properties.correlation_data {
        let data = match str::from_utf8(data) {
            Ok(data) => text(data),
            Err(_) => text(&BASE64_STANDARD.encode(data)),
        };
        add("correlation_data", data);
    }
    if !properties.user_properties.is_empty() {
        let mut pairs = Map::default();
        for (name, value) in properties.user_properties {
            pairs.insert(text(name), text(value));
        }
        add("user_properties", Val::obj(pairs));
    }
    Val::obj(map)
}
