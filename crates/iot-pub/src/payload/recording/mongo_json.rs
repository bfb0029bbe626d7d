//! MongoDB's extended JSON, as `mongoexport` writes it: `{"$date": …}`,
//! `{"$numberDouble": "25.3"}`.

use chrono::{DateTime, FixedOffset};
use iot_cli::{ParsedTime, parse_time};
use serde_json::Value as Json;

/// Returns the time of `{"$date": …}`: RFC 3339, milliseconds, or `{"$numberLong": "…"}` with
/// milliseconds.
///
/// # Errors
/// It is something else.
pub(super) fn date(raw: &str) -> Result<DateTime<FixedOffset>, String> {
    let json: Json = serde_json::from_str(raw).map_err(|error| error.to_string())?;
    let milliseconds = |number: i64| DateTime::from_timestamp_millis(number);
    let time = match json.get("$date") {
        Some(Json::String(text)) => parse_time(text).map(ParsedTime::or_utc),
        Some(Json::Number(number)) => number
            .as_i64()
            .and_then(milliseconds)
            .map(|time| time.fixed_offset()),
        Some(Json::Object(long)) => long
            .get("$numberLong")
            .and_then(Json::as_str)
            .and_then(|text| text.parse().ok())
            .and_then(milliseconds)
            .map(|time| time.fixed_offset()),
        _ => None,
    };
    time.ok_or_else(|| {
        let shown: String = raw.chars().take(100).collect();
        format!("`{shown}` is not a time, as in 2026-06-21T06:00:00Z or {{\"$date\": …}}")
    })
}

/// Returns JSON without the types of extended JSON. Other JSON stays byte for byte.
///
/// # Errors
/// A number of a type is none.
pub(super) fn plain(raw: &str) -> Result<String, String> {
    if !raw.contains("\"$") {
        return Ok(raw.to_owned());
    }
    let mut json: Json = serde_json::from_str(raw).map_err(|error| error.to_string())?;
    make_plain(&mut json)?;
    Ok(json.to_string())
}

fn make_plain(json: &mut Json) -> Result<(), String> {
    match json {
        Json::Array(items) => items.iter_mut().try_for_each(make_plain)?,
        Json::Object(fields) => {
            if let Some(number) = number(fields)? {
                *json = number;
                return Ok(());
            }
            fields.values_mut().try_for_each(make_plain)?;
        }
        _ => {}
    }
    Ok(())
}

/// Returns the number of `{"$numberLong": "5"}` and the like.
fn number(fields: &serde_json::Map<String, Json>) -> Result<Option<Json>, String> {
    let mut fields = fields.iter();
    let (Some((key, Json::String(text))), None) = (fields.next(), fields.next()) else {
        return Ok(None);
    };
    let number: Option<serde_json::Number> = match key.as_str() {
        "$numberInt" | "$numberLong" => text.parse::<i64>().ok().map(Into::into),
        "$numberDouble" | "$numberDecimal" => {
            text.parse().ok().and_then(serde_json::Number::from_f64)
        }
        _ => return Ok(None),
    };
    number
        .map(|number| Some(Json::Number(number)))
        .ok_or_else(|| format!("`{text}` in {key} is not a number that a payload can hold"))
}
