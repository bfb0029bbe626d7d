//! Times in JSON payloads.

use chrono::{DateTime, SubsecRound, Utc};
use iot_cli::{ParsedTime, Timezone, parse_time, parse_unix_time};
use serde_json::Value as Json;

/// Why JSON is not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeError {
    /// It is a date and a time of an unknown time zone.
    NoTimezone,
    /// It is not a time.
    Unreadable,
}

/// Returns the time that JSON names, in whole milliseconds. Times without a time zone are from
/// `timezone`.
///
/// # Errors
/// It is not a time, or has no time zone and `timezone` is `None`.
pub fn read_time(json: &Json, timezone: Option<&Timezone>) -> Result<DateTime<Utc>, TimeError> {
    let parsed = match json {
        Json::String(text) => parse_time(text),
        Json::Number(number) => {
            parse_unix_time(&number.to_string()).map(|time| ParsedTime::At(time.fixed_offset()))
        }
        _ => None,
    };
    let time = match parsed.ok_or(TimeError::Unreadable)? {
        ParsedTime::At(time) => time.to_utc(),
        ParsedTime::Local(local) => {
            let timezone = timezone.ok_or(TimeError::NoTimezone)?;
            timezone.at(local).ok_or(TimeError::Unreadable)?
        }
    };
    Ok(time.trunc_subsecs(3))
}
