//! Values and times as SQLite holds them.

use std::ops::Range;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};
use serde_json::Value as Json;

use crate::json::read_own_json;
use crate::reading_id::ReadingId;
use crate::value::Value;

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Number(number) => ToSqlOutput::from(*number),
            Self::Json(Json::Bool(value)) => ToSqlOutput::from(i64::from(*value)),
            Self::Json(json) => ToSqlOutput::from(json.to_string()),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// Returns the value that a column holds as a number, as [`Value::as_number`] does.
pub(super) fn as_number(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Real(number) => Some(number),
        #[expect(clippy::cast_precision_loss, reason = "it is 0 or 1")]
        ValueRef::Integer(number) => Some(number as f64),
        ValueRef::Text(text) if text.first().is_some_and(|byte| !b"{[".contains(byte)) => {
            value_of(value).as_number()
        }
        ValueRef::Null | ValueRef::Text(_) | ValueRef::Blob(_) => None,
    }
}

/// Returns the value that a column holds.
pub(super) fn value_of(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Real(number) => Value::Number(number),
        ValueRef::Integer(number @ 0..=1) => Value::Json(Json::Bool(number == 1)),
        ValueRef::Integer(number) => Value::Json(Json::from(number)),
        ValueRef::Null => Value::Json(Json::Null),
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            let text = String::from_utf8_lossy(text);
            match read_own_json(&text) {
                Ok(json) if !json.is_number() => Value::Json(json),
                _ => Value::Text(text.into_owned()),
            }
        }
    }
}

/// Returns the time as text, `2026-11-23T10:00:00.123Z`.
pub(super) fn time_text(millis: i64) -> String {
    let time = DateTime::from_timestamp_millis(millis);
    let time = time.unwrap_or(if millis < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    });
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The years 0 to 9999, of which the order of the text is that of the time. `+10000` and `-0001`
/// come before all of them.
const ORDERED: Range<i64> = -62_167_219_200_000..253_402_300_800_000;
/// Less than all times of the years 0 to 9999 and those before, and more than all later ones.
pub(super) const FIRST_ORDERED: &str = "-";
/// Greater than all times.
pub(super) const LAST_TIME: &str = "~";

/// Returns the text that is the limit of a range at this time. Years beyond 9999 are in no range
/// that has a limit.
pub(super) fn bound_text(millis: i64) -> String {
    if millis < ORDERED.start {
        FIRST_ORDERED.to_owned()
    } else if millis < ORDERED.end {
        time_text(millis)
    } else {
        LAST_TIME.to_owned()
    }
}

/// Returns the time that such milliseconds are.
pub(super) fn time_of(millis: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis)
}

/// Returns the id that a column holds.
pub(super) fn id_of(bytes: &[u8]) -> ReadingId {
    let mut id = [0; 12];
    let length = bytes.len().min(id.len());
    id[..length].copy_from_slice(&bytes[..length]);
    ReadingId::from(id)
}

/// Returns the milliseconds since 1970 that such a text tells.
pub(super) fn millis_of(text: &str) -> Option<i64> {
    if let Some(millis) = millis_of_usual(text.as_bytes()) {
        return Some(millis);
    }
    // Unlike `parse_from_rfc3339`, it accepts the sign of a year that has not four digits.
    let time: DateTime<Utc> = text.parse().ok()?;
    Some(time.timestamp_millis())
}

/// The same of the usual form, in a tenth of the time.
fn millis_of_usual(text: &[u8]) -> Option<i64> {
    let text: &[u8; 24] = text.try_into().ok()?;
    let number = |from: usize, to: usize| {
        text[from..to].iter().try_fold(0_i64, |number, byte| {
            byte.is_ascii_digit()
                .then(|| number * 10 + i64::from(byte - b'0'))
        })
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || text[23] != b'Z' {
        return None;
    }
    // Days since 1970 in the Gregorian calendar; the year begins in March, so that the day that is
    // not always there is its last.
    let year = year - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + day_of_year;
    let days = year / 400 * 146_097 + day_of_era - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + number(20, 23)?)
}

/// Reads times, of which many are of the same minute: only the first of each is read as a whole.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// `2026-11-23T10:00:`, and when that minute began.
    minute: Option<([u8; 17], DateTime<Utc>)>,
}

impl Times {
    /// Returns the time that such a text tells.
    pub(super) fn of(&mut self, text: &str) -> Option<DateTime<Utc>> {
        let bytes = text.as_bytes();
        let known = self.minute.filter(|(minute, _)| bytes.starts_with(minute));
        if let Some((_, start)) = known
            && let &[s, t, b'.', x, y, z, b'Z'] = &bytes[17..]
            && [s, t, x, y, z].iter().all(u8::is_ascii_digit)
        {
            let digits = |digits: &[u8]| {
                let add = |number, digit| number * 10 + i64::from(digit - b'0');
                digits.iter().copied().fold(0, add)
            };
            let millis = digits(&[s, t]) * 1_000 + digits(&[x, y, z]);
            return start.checked_add_signed(TimeDelta::milliseconds(millis));
        }
        let millis = millis_of(text)?;
        let minute = bytes.first_chunk().copied();
        let start = time_of(millis - millis.rem_euclid(60_000));
        // The year may have more digits, and then it is none of this form; nor is one with 60 s.
        let is_usual = bytes.len() == 24 && bytes[17] < b'6';
        self.minute = minute.zip(start).filter(|_| is_usual);
        time_of(millis)
    }
}

/// Returns the minute within the hour that such a text tells.
pub(super) fn minute_of_hour(text: &str) -> i64 {
    // From the end, as the year may have more digits.
    let at = text.len().saturating_sub("MM:SS.mmmZ".len());
    let minute = text.get(at..at + 2).and_then(|minute| minute.parse().ok());
    minute.unwrap_or_default()
}

/// Dates as text; those of one batch are mostly the same.
#[derive(Debug, Default)]
pub(super) struct Date {
    of: Option<DateTime<Utc>>,
    text: String,
}

impl Date {
    /// Returns `date` as `2026-11-23T10:00:00.123Z`.
    pub(super) fn text(&mut self, date: DateTime<Utc>) -> &str {
        if self.of != Some(date) {
            self.text = date.to_rfc3339_opts(SecondsFormat::Millis, true);
            self.of = Some(date);
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_of_a_minute_are_read_as_each_alone(
            start in -8_000_000_000_000_000..8_000_000_000_000_000_i64,
            steps in proptest::collection::vec(-90_000..90_000_i64, 1..20),
        ) {
            let mut times = Times::default();
            for step in steps {
                let millis = start + step;
                prop_assert_eq!(times.of(&time_text(millis)), time_of(millis));
            }
        }

        #[test]
        fn a_time_is_read_as_it_is_written(
            millis in prop_oneof![
                -60_000_000_000_000..250_000_000_000_000_i64,
                -8_000_000_000_000_000..8_000_000_000_000_000_i64,
            ],
        ) {
            let text = time_text(millis);
            prop_assert_eq!(millis_of(&text), Some(millis));
            let minute = millis.div_euclid(60_000).rem_euclid(60);
            prop_assert_eq!(minute_of_hour(&text), minute);
        }

        #[test]
        fn a_limit_is_between_the_times_before_and_those_behind(
            millis in ORDERED, limit in -8_000_000_000_000_000..8_000_000_000_000_000_i64,
        ) {
            prop_assert_eq!(time_text(millis) < bound_text(limit), millis < limit);
        }
    }
}
