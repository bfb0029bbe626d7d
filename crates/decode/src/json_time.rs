//! Times in JSON payloads.

use chrono::{DateTime, Datelike, SubsecRound, Utc};
use iot_cli::{ParsedTime, Timezone, parse_time, parse_unix_time};
use serde_json::Value as Json;

/// Why JSON is not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeError {
    /// It is a date and a time of an unknown time zone.
    NoTimezone,
    /// It is not a time, or one before the year 0 or after the year 9999.
    Unreadable,
}

/// Returns the time if its year has four digits in UTC: neither RFC 3339 nor the stores can hold
/// others.
pub(crate) fn with_four_digits(time: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (0..=9999).contains(&time.year()).then_some(time)
}

/// Returns the time that JSON names, in whole milliseconds. Times without a time zone are from
/// `timezone`.
///
/// # Errors
/// It is not a time that can be stored, or has no time zone and `timezone` is `None`.
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
    with_four_digits(time.trunc_subsecs(3)).ok_or(TimeError::Unreadable)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn years_have_four_digits_in_utc() {
        for outside in [
            json!("+010000-01-01T00:00:00Z"),
            json!("-0001-01-01T00:00:00Z"),
            json!("9999-12-31T23:59:59-14:00"),
            json!("0000-01-01T00:00:00+14:00"),
            json!(-62_167_219_201_i64),
            json!("+012026-01-01T00:00:00Z"),
        ] {
            assert_eq!(read_time(&outside, None), Err(TimeError::Unreadable));
        }
        for (inside, milliseconds) in [
            (json!("9999-12-31T23:59:59.999Z"), 253_402_300_799_999),
            (json!("0000-01-01T00:00:00Z"), -62_167_219_200_000),
        ] {
            let time = read_time(&inside, None).map(|time| time.timestamp_millis());
            assert_eq!(time, Ok(milliseconds));
        }
    }
}
