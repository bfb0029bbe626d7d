//! When a series counts as silent.

use crate::interval::Interval;
use crate::rule::SilentAfter;

/// A learned time is this many usual intervals.
const INTERVALS: i64 = 3;

/// No series is silent before this time in milliseconds, however often it usually has a reading.
const SHORTEST: i64 = 5000;

/// Returns after how many milliseconds without a reading a series is silent; `None` if that is not
/// yet learned.
pub(crate) fn limit(after: SilentAfter, interval: Interval) -> Option<i64> {
    match after {
        SilentAfter::Time(time) => Some(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)),
        SilentAfter::Learned => {
            let usual = interval.usual()?;
            Some(usual.saturating_mul(INTERVALS).max(SHORTEST))
        }
    }
}
