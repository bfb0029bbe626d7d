//! What is odd about one series. Its readings come in the order of their time and are seen once.

use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use iot_cli::Timezone;
use iot_store::Value;
use iot_store::read::Row;

use super::histogram::Histogram;
use crate::age::in_largest_unit;

/// A gap is so many times the median distance of readings.
const GAP: f64 = 10.0;
/// An outlier leaves its neighbours so many times further than nearly all readings do.
const OUTLIER: f64 = 20.0;
/// Fewer changes say nothing about what is usual.
const FEWEST: u64 = 20;
/// Clocks may differ by so many minutes.
const TOLERANCE_MINUTES: i64 = 5;
/// An SQLite file orders times as text, and only these years have four digits and no sign.
const ORDERED_YEARS: RangeInclusive<i32> = 0..=9_999;

/// What is known of a series so far.
#[derive(Debug, Default)]
pub(super) struct SeriesCheck {
    /// The last reading.
    last: Option<(DateTime<Utc>, Value)>,
    /// The last two numbers, the older one first.
    numbers: Vec<(DateTime<Utc>, f64)>,
    /// Seconds between readings.
    distances: Histogram,
    /// The longest of them, and when it began.
    longest: Option<(TimeDelta, DateTime<Utc>)>,
    /// Differences of successive numbers, and heights of single readings above or below both of
    /// their neighbours.
    changes: Histogram,
    heights: Histogram,
    highest: Option<(f64, f64, DateTime<Utc>)>,
    duplicates: Counted,
    future: Counted,
    others: Counted,
    /// Their place in the order of time is not known.
    unordered: Counted,
    count: u64,
}

/// How often something was seen, and when for the last time.
#[derive(Debug, Default, Clone, Copy)]
struct Counted {
    count: u64,
    last: Option<DateTime<Utc>>,
}

impl Counted {
    fn add(&mut self, time: DateTime<Utc>) {
        self.count += 1;
        self.last = Some(time);
    }
}

/// Something odd.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Finding {
    Gaps {
        count: u64,
        longest: TimeDelta,
        since: DateTime<Utc>,
    },
    /// The same value at the same time.
    Duplicates {
        count: u64,
        last: DateTime<Utc>,
    },
    Future {
        count: u64,
        last: DateTime<Utc>,
    },
    Outliers {
        count: u64,
        value: f64,
        time: DateTime<Utc>,
    },
    /// Values that are no numbers, among numbers.
    NoNumbers {
        count: u64,
        last: DateTime<Utc>,
    },
    /// Times that a file does not keep in order, and a period does not select.
    Unordered {
        count: u64,
        last: DateTime<Utc>,
    },
}

impl Finding {
    /// Returns whether it makes the check fail.
    pub(super) fn matters(&self) -> bool {
        !matches!(self, Self::Outliers { .. } | Self::NoNumbers { .. })
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Gaps { .. } => "gap",
            Self::Duplicates { .. } => "duplicate",
            Self::Future { .. } => "time in the future",
            Self::Outliers { .. } => "outlier",
            Self::NoNumbers { .. } => "not a number",
            Self::Unordered { .. } => "year not of 0 to 9999",
        }
    }

    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Gaps { count, .. }
            | Self::Duplicates { count, .. }
            | Self::Future { count, .. }
            | Self::Outliers { count, .. }
            | Self::NoNumbers { count, .. }
            | Self::Unordered { count, .. } => *count,
        }
    }

    /// Returns one of them, for people.
    pub(super) fn example(&self, zone: &Timezone) -> String {
        let local = |time: &DateTime<Utc>| zone.local_time(*time).format("%F %T").to_string();
        match self {
            Self::Gaps { longest, since, .. } => {
                format!("{} from {} on", in_largest_unit(*longest), local(since))
            }
            Self::Outliers { value, time, .. } => {
                format!("{} at {}", Value::Number(*value), local(time))
            }
            Self::Duplicates { last, .. }
            | Self::Future { last, .. }
            | Self::NoNumbers { last, .. }
            | Self::Unordered { last, .. } => local(last),
        }
    }
}

impl SeriesCheck {
    /// Takes the next reading.
    pub(super) fn add(&mut self, row: &Row, now: DateTime<Utc>) {
        self.count += 1;
        if !ORDERED_YEARS.contains(&row.time.year()) {
            self.unordered.add(row.time);
            return;
        }
        if row.time > now + TimeDelta::minutes(TOLERANCE_MINUTES) {
            self.future.add(row.time);
        }
        if let Some((time, value)) = &self.last {
            let distance = row.time - *time;
            if distance > TimeDelta::zero() {
                self.distances.add(distance.as_seconds_f64());
                if self.longest.is_none_or(|(longest, _)| distance > longest) {
                    self.longest = Some((distance, *time));
                }
            } else if *value == row.value {
                self.duplicates.add(row.time);
            }
        }
        match row.value.as_number() {
            Some(number) => self.add_number(row.time, number),
            None => self.others.add(row.time),
        }
        self.last = Some((row.time, row.value.clone()));
    }

    fn add_number(&mut self, time: DateTime<Utc>, number: f64) {
        if let Some((_, before)) = self.numbers.last() {
            let change = (number - before).abs();
            if change > 0.0 {
                self.changes.add(change);
            }
        }
        if let [(_, first), (at, middle)] = self.numbers[..] {
            let (up, down) = (middle - first, middle - number);
            let height = up.abs().min(down.abs());
            if up * down > 0.0 && height > 0.0 {
                self.heights.add(height);
                if self.highest.is_none_or(|(highest, ..)| height > highest) {
                    self.highest = Some((height, middle, at));
                }
            }
            self.numbers.remove(0);
        }
        self.numbers.push((time, number));
    }

    /// Returns what is odd. Without `gap`, a gap is many times longer than what is usual.
    pub(super) fn findings(&self, gap: Option<Duration>) -> Vec<Finding> {
        let mut findings = Vec::new();
        findings.extend(self.gaps(gap));
        if let (count @ 1.., Some(last)) = (self.duplicates.count, self.duplicates.last) {
            findings.push(Finding::Duplicates { count, last });
        }
        if let (count @ 1.., Some(last)) = (self.future.count, self.future.last) {
            findings.push(Finding::Future { count, last });
        }
        if let (count @ 1.., Some(last)) = (self.unordered.count, self.unordered.last) {
            findings.push(Finding::Unordered { count, last });
        }
        findings.extend(self.outliers());
        // A series of text is none of numbers.
        let is_mixed = self.others.count * 2 < self.count;
        if let (count @ 1.., Some(last), true) = (self.others.count, self.others.last, is_mixed) {
            findings.push(Finding::NoNumbers { count, last });
        }
        findings
    }

    fn gaps(&self, gap: Option<Duration>) -> Option<Finding> {
        let (longest, since) = self.longest?;
        let limit = match gap {
            Some(gap) => gap.as_secs_f64(),
            None if self.distances.count() < FEWEST => return None,
            None => self.distances.quantile(0.5)? * GAP,
        };
        (longest.as_seconds_f64() > limit).then(|| Finding::Gaps {
            count: self.distances.count_above(limit).max(1),
            longest,
            since,
        })
    }

    fn outliers(&self) -> Option<Finding> {
        let (highest, value, time) = self.highest?;
        if self.changes.count() < FEWEST {
            return None;
        }
        let limit = self.changes.quantile(0.95)? * OUTLIER;
        (highest > limit).then(|| Finding::Outliers {
            count: self.heights.count_above(limit).max(1),
            value,
            time,
        })
    }
}

#[cfg(test)]
mod tests {
    use iot_store::ReadingId;
    use iot_store::read::SeriesKey;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn check(readings: impl IntoIterator<Item = (i64, Value)>) -> Vec<Finding> {
        let mut check = SeriesCheck::default();
        for (seconds, value) in readings {
            let row = Row {
                key: SeriesKey::of_topic("a"),
                value,
                unit: None,
                time: at(seconds),
                id: ReadingId::from([0; 12]),
            };
            check.add(&row, at(100_000));
        }
        check.findings(None)
    }

    /// A reading every ten seconds, from 20 to 21 and back.
    fn usual() -> Vec<(i64, Value)> {
        let value = |number: i32| Value::Number(20.0 + f64::from(number % 10) / 10.0);
        (0..200)
            .map(|number| (i64::from(number) * 10, value(number)))
            .collect()
    }

    #[test]
    fn usual_readings_are_not_odd() {
        assert_eq!(check(usual()), []);
        assert_eq!(
            check([(0, Value::Number(1.0)), (90_000, Value::Number(2.0))]),
            []
        );
        let text = |number| (number, Value::Text("on".into()));
        assert_eq!(check((0..100).map(text)), []);
    }

    #[test]
    fn each_oddity_is_found() {
        let mut readings = usual();
        readings[50].1 = Value::Number(-127.0);
        readings[60].1 = Value::Text("ERR".into());
        readings.drain(100..130);
        let last = readings[120].clone();
        readings.insert(121, last.clone());
        readings.push((200_000, Value::Number(20.0)));
        let found = check(readings);
        let (longest, since) = (TimeDelta::seconds(198_010), at(1_990));
        assert_eq!(
            found,
            [
                Finding::Gaps {
                    count: 2,
                    longest,
                    since
                },
                Finding::Duplicates {
                    count: 1,
                    last: at(last.0)
                },
                Finding::Future {
                    count: 1,
                    last: at(200_000)
                },
                Finding::Outliers {
                    count: 1,
                    value: -127.0,
                    time: at(500)
                },
                Finding::NoNumbers {
                    count: 1,
                    last: at(600)
                },
            ]
        );
    }
}
