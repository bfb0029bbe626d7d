//! Moments as a user names them: `24h` ago, `yesterday`, a day, or a time.

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use crate::duration::parse_duration;
use crate::time::{ParsedTime, parse_time};
use crate::timezone::Timezone;

/// A moment, or a day, as a user names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So long ago; zero is now.
    Ago(Duration),
    /// So many days ago, a whole day: 0 is today.
    DaysAgo(u64),
    /// A whole day.
    Day(NaiveDate),
    /// A time in the user's time zone.
    Local(NaiveDateTime),
    /// A moment.
    At(DateTime<Utc>),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const WANTED: &str =
            "a time is 24h (ago), yesterday, 2026-06-21, 2026-06-21T06:00 or RFC 3339 with a zone";
        // Fewer digits would be a time in 1970; `24` means hours to some and seconds to others.
        const DIGITS: usize = 9;
        let text = text.trim();
        match text.to_ascii_lowercase().as_str() {
            "now" => return Ok(Self::Ago(Duration::ZERO)),
            "today" => return Ok(Self::DaysAgo(0)),
            "yesterday" => return Ok(Self::DaysAgo(1)),
            _ => {}
        }
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Ok(Self::Day(day));
        }
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        if is_digits && !text.is_empty() && text.len() < DIGITS {
            return Err(format!(
                "a unit is missing, as in {text}h or {text}d; {WANTED}"
            ));
        }
        match parse_time(text) {
            Some(ParsedTime::At(time)) => return Ok(Self::At(time.to_utc())),
            Some(ParsedTime::Local(time)) => return Ok(Self::Local(time)),
            None => {}
        }
        let ago = text.strip_suffix("ago").unwrap_or(text);
        let duration = parse_duration(ago).map_err(|_| WANTED)?;
        Ok(Self::Ago(duration))
    }
}

impl Moment {
    /// Returns the moment, or the beginning of the day.
    ///
    /// # Errors
    /// No calendar has it.
    pub fn begin(self, now: DateTime<Utc>, zone: &Timezone) -> Result<DateTime<Utc>, String> {
        self.plus_days(0, now, zone)
    }

    /// Returns the moment, or the end of the day, which is the beginning of the next one.
    ///
    /// # Errors
    /// No calendar has it.
    pub fn end(self, now: DateTime<Utc>, zone: &Timezone) -> Result<DateTime<Utc>, String> {
        self.plus_days(1, now, zone)
    }

    fn plus_days(
        self,
        days: u64,
        now: DateTime<Utc>,
        zone: &Timezone,
    ) -> Result<DateTime<Utc>, String> {
        let moment = match self {
            Self::At(moment) => Some(moment),
            Self::Local(time) => zone.at(time),
            Self::Ago(duration) => chrono::Duration::from_std(duration)
                .ok()
                .and_then(|duration| now.checked_sub_signed(duration)),
            Self::Day(day) => midnight(day.checked_add_days(Days::new(days)), zone),
            Self::DaysAgo(ago) => {
                let today = zone.local_time(now).date_naive();
                let day = today.checked_sub_days(Days::new(ago));
                let day = day.and_then(|day| day.checked_add_days(Days::new(days)));
                midnight(day, zone)
            }
        };
        moment.ok_or_else(|| "there is no such time".to_owned())
    }
}

/// Returns the beginning of a day: the first moment of it, where clocks skip midnight.
fn midnight(day: Option<NaiveDate>, zone: &Timezone) -> Option<DateTime<Utc>> {
    zone.at(day?.and_time(NaiveTime::MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, begin: &str, end: &str) {
        let now = "2026-06-21T10:00:00Z".parse().unwrap();
        let zone = "Europe/Berlin".parse().unwrap();
        let moment: Moment = text.parse().unwrap();
        let shown = |moment: DateTime<Utc>| moment.to_rfc3339();
        assert_eq!(
            moment.begin(now, &zone).map(shown).unwrap(),
            begin,
            "{text}"
        );
        assert_eq!(moment.end(now, &zone).map(shown).unwrap(), end, "{text}");
    }

    #[test]
    fn a_day_has_a_begin_and_an_end() {
        let today = ("2026-06-20T22:00:00+00:00", "2026-06-21T22:00:00+00:00");
        case("today", today.0, today.1);
        case("2026-06-21", today.0, today.1);
        case("yesterday", "2026-06-19T22:00:00+00:00", today.0);
        // 25 hours.
        let long = ("2026-10-24T22:00:00+00:00", "2026-10-25T23:00:00+00:00");
        case("2026-10-25", long.0, long.1);
    }

    #[test]
    fn a_moment_is_its_begin_and_its_end() {
        for (text, moment) in [
            ("now", "2026-06-21T10:00:00+00:00"),
            ("24h", "2026-06-20T10:00:00+00:00"),
            ("90 min", "2026-06-21T08:30:00+00:00"),
            ("7d ago", "2026-06-14T10:00:00+00:00"),
            ("2026-06-21T06:00", "2026-06-21T04:00:00+00:00"),
            ("2026-06-21 06:00:00", "2026-06-21T04:00:00+00:00"),
            ("2026-06-21T06:00:00Z", "2026-06-21T06:00:00+00:00"),
            ("1782000000", "2026-06-21T00:00:00+00:00"),
        ] {
            case(text, moment, moment);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            "24",
            "tomorrow",
            "2026-13-01",
            "-1h",
            "0s",
            "21.06.2026",
        ] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
        let long: Moment = "1000000000d".parse().unwrap();
        let now = DateTime::UNIX_EPOCH;
        assert!(long.begin(now, &"UTC".parse().unwrap()).is_err());
    }
}
