//! When a series counts as silent.

use crate::interval::Interval;
use crate::rule::SilentAfter;

/// Returns after how many milliseconds without a reading a series is silent; `None` if that is not
/// yet learned.
pub(crate) fn limit(after: SilentAfter, interval: Interval) -> Option<i64> {
    match after {
        SilentAfter::Time(time) => Some(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)),
        SilentAfter::Learned => interval.silent_after(),
    }
}
