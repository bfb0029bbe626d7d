//! When messages are sent.

use std::time::{Duration, Instant};

/// Ticks at whole multiples of an interval after the start: they never drift, and those that were
/// missed are skipped.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    start: Instant,
    interval: Duration,
    due: Instant,
}

impl Schedule {
    /// Returns a schedule whose first tick is at the start. `interval` is not zero.
    pub(crate) fn new(start: Instant, interval: Duration) -> Self {
        Self {
            start,
            interval,
            due: start,
        }
    }

    /// When the next tick is.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// The tick that was due is done, at `now`: the next is the first after it.
    pub(crate) fn advance(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.start).as_nanos();
        let interval = self.interval.as_nanos();
        let past = elapsed % interval;
        let next = now + duration(interval - past);
        // A tick that was taken before its time must not come twice.
        self.due = next.max(self.due + self.interval);
    }
}

/// At most one interval, which fits.
fn duration(nanoseconds: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    Duration::new(
        u64::try_from(nanoseconds / SECOND).unwrap_or(u64::MAX),
        u32::try_from(nanoseconds % SECOND).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_keep_to_the_clock_of_the_start_and_missed_ones_are_skipped() {
        let ms = Duration::from_millis;
        let start = Instant::now();
        let mut schedule = Schedule::new(start, ms(100));
        // When each tick was done, and when the next is due.
        for (done, next) in [
            (0, 100),
            (100, 200),
            (207, 300),
            (299, 400),
            (750, 800),
            (800, 900),
        ] {
            schedule.advance(start + ms(done));
            assert_eq!(schedule.due(), start + ms(next), "done at {done} ms");
        }
    }
}
