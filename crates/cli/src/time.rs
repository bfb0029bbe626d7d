//! Times as devices and people write them: the one parser of all programs.

use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};

/// A time that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParsedTime {
    /// A moment.
    At(DateTime<FixedOffset>),
    /// A date and a time of day without a time zone.
    Local(NaiveDateTime),
}

impl ParsedTime {
    /// Returns the moment; a time without a zone is in UTC.
    pub fn or_utc(self) -> DateTime<FixedOffset> {
        match self {
            Self::At(time) => time,
            Self::Local(time) => time.and_utc().fixed_offset(),
        }
    }
}

/// Reads a time: RFC 3339, also with a space instead of the `T`, with an offset such as `+0100` or
/// `+01`, or without a time zone; or digits, which count seconds, milliseconds, microseconds or
/// nanoseconds since 1970.
pub fn parse_time(text: &str) -> Option<ParsedTime> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(ParsedTime::At(time));
    }
    if let Some(time) = parse_unix_time(text) {
        return Some(ParsedTime::At(time.fixed_offset()));
    }
    let text = text.replacen([' ', 't'], "T", 1);
    let zoned = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"];
    // `%#z` accepts no space before the offset, and no lower-case `z`.
    let compact = text.replace(' ', "").replace(['z', 'Z'], "+00");
    let at = |format| DateTime::parse_from_str(&compact, format).ok();
    if let Some(time) = zoned.into_iter().find_map(at) {
        return Some(ParsedTime::At(time));
    }
    let local = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    let naive = |format| NaiveDateTime::parse_from_str(&text, format).ok();
    local.into_iter().find_map(naive).map(ParsedTime::Local)
}

/// Reads seconds, milliseconds, microseconds or nanoseconds since 1970, whose unit its size shows:
/// seconds up to the year 5138, from 1973 on in each of the others.
pub fn parse_unix_time(number: &str) -> Option<DateTime<Utc>> {
    let number = number.strip_prefix('+').unwrap_or(number);
    let magnitude = number.strip_prefix('-').unwrap_or(number);
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    if !magnitude.starts_with(|c: char| c.is_ascii_digit()) || !magnitude.chars().all(is_number) {
        return None;
    }
    let size = magnitude.parse::<f64>().ok()?;
    let nanoseconds_per_unit = match size {
        ..1e11 => 1_000_000_000,
        ..1e14 => 1_000_000,
        ..1e17 => 1_000,
        ..1e20 => 1,
        _ => return None,
    };
    let nanoseconds = match number.parse::<i128>() {
        Ok(whole) => whole * nanoseconds_per_unit,
        Err(_) => fraction(number.parse().ok()?, nanoseconds_per_unit),
    };
    let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
    let rest = u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).ok()?;
    DateTime::from_timestamp(seconds, rest)
}

/// Returns the nanoseconds of a number of units. They are whole microseconds: a double of today's
/// seconds has no more digits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "it is below 1e20 nanoseconds"
)]
fn fraction(number: f64, nanoseconds_per_unit: i128) -> i128 {
    let microseconds = number * (nanoseconds_per_unit as f64 / 1e3);
    microseconds.round() as i128 * 1_000
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;

    use super::*;

    #[track_caller]
    fn case(text: &str, expected: &str) {
        let found = match parse_time(text) {
            Some(ParsedTime::At(time)) => {
                time.to_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true)
            }
            Some(ParsedTime::Local(time)) => time.format("%FT%T%.f").to_string(),
            None => "none".to_owned(),
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_date_and_a_time_with_a_zone() {
        for text in [
            "2026-11-23T10:00:00Z",
            "2026-11-23t10:00:00z",
            "2026-11-23 10:00:00Z",
            "2026-11-23 10:00:00 Z",
            "2026-11-23T11:00:00+01:00",
            "2026-11-23T11:00:00+0100",
            "2026-11-23T11:00:00+01",
            "2026-11-23 11:00:00 +0100",
            "2026-11-23T10:00Z",
            "2026-11-23T04:30:00-05:30",
            " 2026-11-23T10:00:00Z ",
        ] {
            case(text, "2026-11-23T10:00:00Z");
        }
        case("2026-11-23 11:00:00.25+0100", "2026-11-23T10:00:00.250Z");
    }

    #[test]
    fn a_date_and_a_time_without_a_zone() {
        for text in [
            "2026-11-23T10:00:00",
            "2026-11-23 10:00:00",
            "2026-11-23T10:00",
        ] {
            case(text, "2026-11-23T10:00:00");
        }
        case("2026-11-23 10:00:00.25", "2026-11-23T10:00:00.250");
    }

    #[test]
    fn a_number_of_seconds_or_a_smaller_unit() {
        for (text, expected) in [
            ("1795428000", "2026-11-23T10:00:00Z"),
            ("1795428000.25", "2026-11-23T10:00:00.250Z"),
            ("1795428000250", "2026-11-23T10:00:00.250Z"),
            ("1795428000250001", "2026-11-23T10:00:00.250001Z"),
            ("1795428000250001002", "2026-11-23T10:00:00.250001002Z"),
            ("1.795428e9", "2026-11-23T10:00:00Z"),
            ("0", "1970-01-01T00:00:00Z"),
            ("-1", "1969-12-31T23:59:59Z"),
        ] {
            case(text, expected);
        }
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "today",
            "10:00:00",
            "2026-11-23",
            "2026-13-01T00:00:00Z",
            "1e30",
            "NaN",
            "inf",
            "1-2",
            "true",
            "100000000000000000000",
            "2026-11-23T10:00:00 CET",
        ] {
            case(text, "none");
        }
    }
}
