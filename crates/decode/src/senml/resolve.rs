//! Resolves records: each gets the base fields of those before it (RFC 8428 §4.6).

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use iot_store::Value;
use serde_json::Value as Json;

use super::record::{Fact, Record};
use crate::decoded::Measured;
use crate::json_time::with_four_digits;
use crate::names::Names;
use crate::reason::METRIC_LIMIT_BYTES;

/// Times below this are relative to now (§4.5.3).
const RELATIVE_LIMIT_SECONDS: f64 = 268_435_456.0;

/// The base fields so far.
#[derive(Debug, Default)]
pub(super) struct Base {
    name: String,
    time: f64,
    unit: Option<String>,
    value: f64,
    sum: f64,
}

impl Base {
    /// Adds the readings of `record` to `readings`.
    pub(super) fn resolve(
        &mut self,
        record: &Record<'_>,
        now: DateTime<Utc>,
        names: &mut Names,
        readings: &mut Vec<Measured>,
    ) -> Result<(), String> {
        self.update(record);
        if record.is_base_only() {
            return Ok(());
        }
        let name = [&self.name, record.name.unwrap_or_default()].concat();
        if name.is_empty() {
            return Err("it has no name".into());
        }
        if name.len() + ".sum".len() > METRIC_LIMIT_BYTES {
            return Err(format!("its name has more than {METRIC_LIMIT_BYTES} bytes"));
        }
        if name.contains('\0') {
            return Err("its name has a NUL".into());
        }
        let seconds = self.time + record.time.unwrap_or_default();
        let time = time(seconds, now)?;
        let unit = record.unit.or(self.unit.as_deref());
        let value = match (record.value, record.fact) {
            (Some(value), _) => Some(finite(self.value + value)?),
            (None, Some(Fact::Text(text))) => Some(Value::Text(text.to_owned())),
            (None, Some(Fact::Bool(state))) => Some(Value::Json(Json::Bool(state))),
            (None, None) => None,
        };
        if value.is_none() && record.sum.is_none() {
            return Err("it has no value".into());
        }
        let mut reading = |metric: Arc<str>, unit: Option<Arc<str>>, value| {
            readings.push(Measured {
                topic: None,
                metric: Some(metric),
                value,
                unit,
                time,
            });
        };
        if let Some(value) = value {
            let unit = unit.map(|unit| names.share(unit));
            reading(names.share(&name), unit, value);
        }
        if let Some(sum) = record.sum {
            // §4.2: in the unit times seconds.
            let unit = unit.map(|unit| names.share(&format!("{unit}·s")));
            let metric = names.share(&format!("{name}.sum"));
            reading(metric, unit, finite(self.sum + sum)?);
        }
        Ok(())
    }

    fn update(&mut self, record: &Record<'_>) {
        let base = &record.base;
        if let Some(name) = base.name {
            name.clone_into(&mut self.name);
        }
        if let Some(unit) = base.unit {
            self.unit = (!unit.is_empty()).then(|| unit.to_owned());
        }
        self.time = base.time.unwrap_or(self.time);
        self.value = base.value.unwrap_or(self.value);
        self.sum = base.sum.unwrap_or(self.sum);
    }
}

fn finite(number: f64) -> Result<Value, String> {
    if number.is_finite() {
        Ok(Value::Number(number))
    } else {
        Err("its value is out of range".into())
    }
}

/// Returns the time that `seconds` names, in whole milliseconds. Zero is now, the time of receipt.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a number beyond the range of an i64 is out of the range of a time"
)]
fn time(seconds: f64, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, String> {
    if seconds == 0.0 {
        return Ok(None);
    }
    let milliseconds = (seconds * 1e3).round() as i64;
    let time = if seconds < RELATIVE_LIMIT_SECONDS {
        TimeDelta::try_milliseconds(milliseconds)
            .and_then(|passed| now.trunc_subsecs(3).checked_add_signed(passed))
    } else {
        DateTime::from_timestamp_millis(milliseconds)
    };
    let out_of_range = || format!("the time {seconds:e} is out of range");
    let time = time.and_then(with_four_digits);
    time.map(Some).ok_or_else(out_of_range)
}
