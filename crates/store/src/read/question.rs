//! Which readings a question is about, and in which order they come.

use chrono::{DateTime, Utc};

use super::filter::SeriesFilter;
use crate::reading_id::ReadingId;

/// From a time to another one. Without an end it also takes readings of the future: the tutorial's
/// Python program stores local time as if it were UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// The first time; `None`: from the beginning.
    pub since: Option<DateTime<Utc>>,
    /// The first time that is not in it any more; `None`: no end.
    pub until: Option<DateTime<Utc>>,
}

impl TimeRange {
    /// Returns the range that begins at `since` and does not end.
    pub fn since(since: DateTime<Utc>) -> Self {
        Self {
            since: Some(since),
            until: None,
        }
    }

    /// Returns whether `time` is in it.
    pub fn contains(&self, time: DateTime<Utc>) -> bool {
        self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until)
    }
}

/// The order of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// One series after the other, by topic and metric, each from its first reading to its last:
    /// the fastest.
    #[default]
    Series,
    /// All of them from the first reading to the last.
    Time,
    /// All of them from the last reading to the first.
    TimeDescending,
}

/// Where a page ended: the last row that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its time.
    pub time: DateTime<Utc>,
    /// Its id.
    pub id: ReadingId,
}

/// A question for rows.
#[derive(Clone, Debug, Default)]
pub struct RowQuestion {
    /// Of which series.
    pub filter: SeriesFilter,
    /// Of which time.
    pub range: TimeRange,
    /// In which order.
    pub order: Order,
    /// Only rows behind this one in that order; for a page after another one, with an order by
    /// time.
    pub after: Option<Position>,
    /// At most so many rows.
    pub limit: Option<u64>,
}

impl RowQuestion {
    /// Returns the question for a range of series, one after the other.
    pub fn new(filter: SeriesFilter, range: TimeRange) -> Self {
        Self {
            filter,
            range,
            ..Self::default()
        }
    }
}
