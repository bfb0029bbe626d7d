//! How a range is divided into buckets.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// How a range is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Division {
    /// Into so many parts of the same length, at least one. Where a part is longer than 2 minutes,
    /// it begins at a whole minute, and where it is longer than 6 hours, at a whole hour (UTC), so
    /// that their lengths may differ by that.
    Into(u32),
    /// Into parts of this length, whole milliseconds and at least one, which begin at its multiples
    /// since 1970 (UTC).
    Every(Duration),
}

/// Milliseconds.
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// A part has at least so many minutes, or hours, where it begins at a whole one: rollups are by
/// minute and hour, and a thousand shorter parts have few enough readings.
const FEWEST_MINUTES: i64 = 2;
const FEWEST_HOURS: i64 = 6;

/// The parts of a range. Times are milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    since: i64,
    until: i64,
    parts: Parts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parts {
    /// So many, which begin at multiples of a length, but for the first.
    Into {
        count: i64,
        step: i64,
    },
    Every(i64),
}

impl Grid {
    /// Divides the time from `since` to `until`, which does not belong to it.
    pub fn new(since: DateTime<Utc>, until: DateTime<Utc>, division: Division) -> Self {
        let since = since.timestamp_millis();
        let until = until.timestamp_millis().max(since);
        let parts = match division {
            Division::Into(count) => {
                let count = i64::from(count).clamp(1, (until - since).max(1));
                let step = match (until - since) / count {
                    HOURS.. => HOUR,
                    MINUTES.. => MINUTE,
                    _ => 1,
                };
                Parts::Into { count, step }
            }
            Division::Every(length) => {
                let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
                Parts::Every(millis.max(1))
            }
        };
        Self {
            since,
            until,
            parts,
        }
    }

    /// Returns where the range begins.
    pub fn since(&self) -> i64 {
        self.since
    }

    /// Returns where it ends.
    pub fn until(&self) -> i64 {
        self.until
    }

    /// Returns the parts in order of time, each with its beginning and its end. The first and the
    /// last are cut off at the range's.
    pub fn parts(self) -> impl Iterator<Item = (i64, i64)> {
        let mut index = 0;
        let mut start = self.since;
        std::iter::from_fn(move || {
            while start < self.until {
                let end = self.end(index, start).min(self.until);
                index += 1;
                if end > start {
                    let part = (start, end);
                    start = end;
                    return Some(part);
                }
            }
            None
        })
    }

    /// Returns where the part ends that has this index and begins at `start`.
    fn end(&self, index: i64, start: i64) -> i64 {
        match self.parts {
            Parts::Into { count, .. } if index + 1 >= count => self.until,
            Parts::Into { count, step } => {
                let length = i128::from(self.until - self.since);
                let offset = length * i128::from(index + 1) / i128::from(count);
                let exact = self.since + i64::try_from(offset).unwrap_or(i64::MAX);
                exact.div_euclid(step).saturating_mul(step)
            }
            Parts::Every(length) => {
                let next = start.div_euclid(length).saturating_add(1);
                next.saturating_mul(length)
            }
        }
    }
}

const MINUTES: i64 = FEWEST_MINUTES * MINUTE;
const HOURS: i64 = FEWEST_HOURS * HOUR;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(millis).unwrap()
    }

    fn division() -> impl Strategy<Value = Division> {
        prop_oneof![
            (0..2_000_u32).prop_map(Division::Into),
            (0..100_000_000_u64).prop_map(|millis| Division::Every(Duration::from_millis(millis))),
        ]
    }

    proptest! {
        #[test]
        fn the_parts_are_the_range(
            since in -10_000_000_000_i64..10_000_000_000,
            length in 0..1_000_000_000_i64,
            division in division(),
        ) {
            let grid = Grid::new(at(since), at(since + length), division);
            let mut before = since;
            let mut count = 0;
            for (start, end) in grid.parts().take(10_000) {
                prop_assert_eq!(start, before);
                prop_assert!(end > start);
                before = end;
                count += 1;
            }
            if count < 10_000 {
                prop_assert_eq!(before, since + length);
            }
            if let Division::Into(parts) = division {
                prop_assert!(count <= parts.max(1));
                let wanted = i64::from(parts.max(1)).min(length);
                prop_assert!(i64::from(count) >= wanted.min(1).max(wanted - 1));
            }
        }
    }

    #[test]
    fn long_parts_begin_at_whole_minutes_and_hours() {
        let starts = |length, division| {
            let grid = Grid::new(at(1), at(1 + length), division);
            grid.parts().map(|(start, _)| start).collect::<Vec<_>>()
        };
        assert_eq!(starts(1_000, Division::Into(4)), [1, 251, 501, 751]);
        let half_hours = starts(HOUR, Division::Into(2));
        assert_eq!(half_hours, [1, 30 * MINUTE]);
        assert_eq!(
            starts(100 * HOUR + 5 * MINUTE, Division::Into(2)),
            [1, 50 * HOUR]
        );
        let every = Division::Every(Duration::from_millis(400));
        assert_eq!(starts(1_000, every), [1, 400, 800]);
    }
}
