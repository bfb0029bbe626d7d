//! The clock of a simulation, its speed, and times as people type them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, Utc};
use iot_cli::{ParsedTime, parse_time};

/// How fast time passes in a simulation or a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Speed {
    Times(f64),
    /// Nothing waits for time to pass.
    Max,
}

impl Speed {
    pub(crate) const NORMAL: Self = Self::Times(1.0);

    /// Returns how long `duration` lasts at this speed.
    pub(crate) fn real(self, duration: Duration) -> Duration {
        match self {
            Self::Max => Duration::ZERO,
            Self::Times(1.0) => duration,
            Self::Times(times) => {
                let seconds = duration.as_secs_f64() / times;
                Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
            }
        }
    }
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let number = text.strip_suffix('x').unwrap_or(text).parse();
        match number {
            Ok(times) if times > 0.0 && f64::is_finite(times) => Ok(Self::Times(times)),
            _ => Err("a speed is a positive number, as in 10x or 0.5x, or max".into()),
        }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(times) => write!(f, "{times}x"),
            Self::Max => f.write_str("max"),
        }
    }
}

/// A simulated clock. It starts at a given time and moves from tick to tick, however long that
/// really takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Simulation {
    pub(crate) start: DateTime<FixedOffset>,
    pub(crate) speed: Speed,
}

impl Simulation {
    /// The start of a run with a seed, so that its times repeat as well.
    pub(crate) fn default_start() -> DateTime<FixedOffset> {
        let day = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap_or_default();
        day.and_time(NaiveTime::MIN).and_utc().fixed_offset()
    }

    /// Returns the time after this much of the simulation.
    pub(crate) fn time(&self, elapsed: Duration) -> DateTime<FixedOffset> {
        let elapsed = chrono::Duration::from_std(elapsed).unwrap_or(chrono::Duration::MAX);
        let end = || DateTime::<Utc>::MAX_UTC.fixed_offset();
        self.start.checked_add_signed(elapsed).unwrap_or_else(end)
    }
}

/// Reads a time: `now`, a date, or a date and a time, in UTC unless an offset follows.
///
/// # Errors
/// A line that shows the forms of a time.
pub(crate) fn parse_start(text: &str) -> Result<DateTime<FixedOffset>, String> {
    if text == "now" {
        return Ok(chrono::Local::now().fixed_offset());
    }
    let day = NaiveDate::from_str(text).map(|day| day.and_time(NaiveTime::MIN));
    day.map(|time| time.and_utc().fixed_offset())
        .ok()
        // A number is no time that people type.
        .or_else(|| {
            text.contains('-')
                .then(|| parse_time(text))?
                .map(ParsedTime::or_utc)
        })
        .ok_or_else(|| {
            "a time is now, 2026-06-21, 2026-06-21T06:00 (in UTC) or 2026-06-21T06:00:00+02:00"
                .into()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds() {
        #[track_caller]
        fn case(text: &str, milliseconds: u64) {
            let speed: Speed = text.parse().unwrap();
            let expected = Duration::from_millis(milliseconds);
            assert_eq!(speed.real(Duration::from_secs(1)), expected, "{text}");
        }
        case("10x", 100);
        case("0.5x", 2000);
        case("1", 1000);
        case("max", 0);
        for bad in ["", "x", "0", "0x", "-1x", "fast", "NaN", "inf", "10 x"] {
            let error = bad.parse::<Speed>().unwrap_err();
            assert_eq!(
                error,
                "a speed is a positive number, as in 10x or 0.5x, or max"
            );
        }
        let slowest: Speed = "1e-300x".parse().unwrap();
        assert_eq!(slowest.real(Duration::from_secs(1)), Duration::MAX);
    }

    #[test]
    fn times() {
        #[track_caller]
        fn case(text: &str, expected: &str) {
            assert_eq!(parse_start(text).unwrap().to_rfc3339(), expected);
        }
        case("2026-06-21", "2026-06-21T00:00:00+00:00");
        case("2026-06-21T06:00", "2026-06-21T06:00:00+00:00");
        case("2026-06-21 06:00:07.5", "2026-06-21T06:00:07.500+00:00");
        case("2026-06-21T06:00:00+02:00", "2026-06-21T06:00:00+02:00");
        case("2026-06-21T06:00:00Z", "2026-06-21T06:00:00+00:00");
        for bad in ["", "tomorrow", "21.6.2026", "2026-06-31", "06:00"] {
            assert!(parse_start(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_simulation_never_leaves_the_calendar() {
        let simulation = Simulation {
            start: Simulation::default_start(),
            speed: Speed::Max,
        };
        let hour = simulation.time(Duration::from_secs(3600));
        assert_eq!(hour.to_rfc3339(), "2026-01-01T01:00:00+00:00");
        assert_eq!(
            simulation.time(Duration::MAX).timestamp(),
            DateTime::<Utc>::MAX_UTC.timestamp()
        );
    }
}
