//! The latest reading of a series as JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use iot_store::Value;
use iot_store::read::Series;
use serde_json::{Map, Value as Json};

use super::line::per_hour;

/// Returns an object, without what is not known.
pub(super) fn line(series: &Series, now: DateTime<Utc>) -> Option<String> {
    let last = series.last.as_ref()?;
    let mut object = Map::new();
    let mut text = |name: &str, text: Option<&str>| {
        if let Some(text) = text {
            object.insert(name.into(), text.into());
        }
    };
    text("topic", Some(&series.key.topic));
    text("metric", series.key.metric.as_deref());
    text("unit", series.unit.as_deref());
    text("name", series.name.as_deref());
    text("device", series.device.as_deref());
    let value = match &last.value {
        Value::Number(number) => Json::from(*number),
        Value::Json(json) => json.clone(),
        Value::Text(text) => Json::from(text.as_str()),
    };
    object.insert("value".into(), value);
    let time = last.time.to_rfc3339_opts(SecondsFormat::Millis, true);
    object.insert("time".into(), time.into());
    let age = (now - last.time).as_seconds_f64();
    object.insert("age_seconds".into(), age.into());
    object.insert("readings".into(), series.count.into());
    if let Some(rate) = per_hour(series) {
        object.insert("readings_per_hour".into(), rate.into());
    }
    Some(Json::Object(object).to_string())
}
