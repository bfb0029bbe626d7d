//! What an output of a jq program means.

use std::str;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use iot_store::{JSON_DEPTH_LIMIT, Value};
use jaq_json::{Num, Val};
use jaq_std::ValT;
use serde_json::{Map, Number, Value as Json};

use crate::decoded::Measured;
use crate::json_time::read_time;
use crate::reason::METRIC_LIMIT_BYTES;

/// The keys of an output that says more than its value.
const KEYS: [&str; 5] = ["metric", "value", "unit", "time", "topic"];

/// Longest topic, in bytes (MQTT 5 §1.5.4).
const TOPIC_LIMIT: usize = 65_535;

/// Returns the reading that an output is, or nothing if its value is `null`.
///
/// # Errors
/// The output is no reading; the text says why.
pub(super) fn measured(output: &Val) -> Result<Option<Measured>, String> {
    let Val::Obj(fields) = output else {
        return Ok(value(output)?.map(Measured::new));
    };
    let names = || fields.keys().filter_map(Val::as_utf8_bytes);
    let has = |name: &str| names().any(|key| key == name.as_bytes());
    if !has("value") && !has("metric") {
        return Ok(value(output)?.map(Measured::new));
    }
    if let Some(unknown) = fields.keys().find(|key| !is_known(key)) {
        return Err(format!(
            "an output has the unknown key {unknown} (metric, value, unit, time and topic are known)"
        ));
    }
    let Some(found) = field(output, "value") else {
        return Err("an output has a metric and no value".to_owned());
    };
    let Some(found) = value(found)? else {
        return Ok(None);
    };
    Ok(Some(Measured {
        topic: name(output, "topic", TOPIC_LIMIT)?.map(topic).transpose()?,
        metric: name(output, "metric", METRIC_LIMIT_BYTES)?,
        value: found,
        unit: name(output, "unit", METRIC_LIMIT_BYTES)?,
        time: field(output, "time").map(time).transpose()?.flatten(),
    }))
}

fn is_known(key: &Val) -> bool {
    let name = key.as_utf8_bytes();
    name.is_some_and(|name| KEYS.iter().any(|known| known.as_bytes() == name))
}

fn field<'a>(object: &'a Val, name: &str) -> Option<&'a Val> {
    let Val::Obj(fields) = object else {
        return None;
    };
    let mut fields = fields.iter();
    fields.find_map(|(key, value)| (key.as_utf8_bytes()? == name.as_bytes()).then_some(value))
}

/// Returns the text under a key, if there is one that is not empty.
fn name(object: &Val, key: &str, limit: usize) -> Result<Option<Arc<str>>, String> {
    match field(object, key) {
        None | Some(Val::Null) => Ok(None),
        Some(Val::TStr(bytes)) => match str::from_utf8(bytes) {
            Ok("") => Ok(None),
            Ok(text) if text.len() > limit => Err(format!(
                "the {key} of an output is longer than {limit} bytes"
            )),
            Ok(text) if text.contains('\0') => Err(format!("the {key} of an output has a NUL")),
            Ok(text) => Ok(Some(text.into())),
            Err(_) => Err(format!("the {key} of an output is not UTF-8")),
        },
        Some(other) => Err(format!(
            "the {key} of an output is no text: {}",
            short(other)
        )),
    }
}

fn topic(topic: Arc<str>) -> Result<Arc<str>, String> {
    if topic.contains(['+', '#']) {
        return Err(format!("the topic of an output has a wildcard: {topic}"));
    }
    Ok(topic)
}

fn time(time: &Val) -> Result<Option<DateTime<Utc>>, String> {
    if matches!(time, Val::Null) {
        return Ok(None);
    }
    let found = json(time, JSON_DEPTH_LIMIT)?;
    read_time(&found, None).map(Some).map_err(|_| {
        format!(
            "the time of an output cannot be read: {} (seconds, milliseconds or RFC 3339)",
            short(time)
        )
    })
}

/// Returns the value of an output, or nothing for `null`.
fn value(output: &Val) -> Result<Option<Value>, String> {
    Ok(Some(match output {
        Val::Null => return Ok(None),
        Val::Num(number) => Value::Number(finite(number)?),
        Val::TStr(bytes) => match str::from_utf8(bytes) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => return Err("an output is a text that is not UTF-8".to_owned()),
        },
        other => Value::Json(json(other, JSON_DEPTH_LIMIT)?),
    }))
}

fn finite(number: &Num) -> Result<f64, String> {
    let value = Val::Num(number.clone()).as_f64();
    value
        .filter(|value| value.is_finite())
        .ok_or_else(|| format!("an output is not a finite number: {number}"))
}

fn json(output: &Val, depth: usize) -> Result<Json, String> {
    Ok(match output {
        Val::Null => Json::Null,
        Val::Bool(value) => Json::Bool(*value),
        Val::Num(number) => {
            if let Some(whole) = number.as_isize() {
                Json::from(whole)
            } else {
                Number::from_f64(finite(number)?).map_or(Json::Null, Json::Number)
            }
        }
        Val::TStr(bytes) | Val::BStr(bytes) => match str::from_utf8(bytes) {
            Ok(text) => Json::from(text),
            Err(_) => return Err("an output has text that is not UTF-8".to_owned()),
        },
        Val::Arr(_) | Val::Obj(_) if depth == 0 => {
            return Err(format!(
                "an output is nested deeper than {JSON_DEPTH_LIMIT} levels"
            ));
        }
        Val::Arr(items) => {
            let items = items.iter().map(|item| json(item, depth - 1));
            Json::Array(items.collect::<Result<_, _>>()?)
        }
        Val::Obj(fields) => {
            let mut object = Map::new();
            for (key, value) in fields.iter() {
                let key = key.as_utf8_bytes().and_then(|key| str::from_utf8(key).ok());
                let key = key.ok_or("an output has a key that is no text")?;
                if key.contains('\0') {
                    return Err("an output has a key with a NUL".to_owned());
                }
                object.insert(key.to_owned(), json(value, depth - 1)?);
            }
            Json::Object(object)
        }
    })
}

/// Returns the beginning of a value, for a message.
fn short(value: &Val) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
