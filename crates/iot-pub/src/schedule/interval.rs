//! Ticks at a fixed interval.

use std::time::{Duration, Instant};

/// Ticks at whole multiples of an interval after the start. They never drift, and missed ones are
/// skipped.
#[derive(Debug, Clone)]
pub(super) struct IntervalTicks {
    start: Instant,
    interval: Duration,
    due: Option<Instant>,
}

impl IntervalTicks {
    /// Returns ticks whose first tick is at the start. `interval` is not zero.
    pub(super) fn new(start: Instant, interval: Duration) -> Self {
        Self {
            start,
            interval,
            due: Some(start),
        }
    }

    /// When the next tick is; `None` if that is beyond the end of the clock.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The tick that was due is done at `now`. The next one is the first after that. Returns how
    /// many were missed between.
    pub(super) fn advance(&mut self, now: Instant) -> u64 {
        let Some(due) = self.due else { return 0 };
        // The clock may still be before the tick, which must not come twice.
        let done = now.max(due);
        let elapsed = done.saturating_duration_since(self.start).as_nanos();
        let interval = self.interval.as_nanos();
        let left = Duration::from_nanos_u128(interval - elapsed % interval);
        self.due = done.checked_add(left);
        // A `u64` counts nanoseconds for 584 years.
        u64::try_from((done - due).as_nanos() / interval).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does each tick at the given time after the start, and returns when the one after it is due.
    #[track_caller]
    fn case(interval: Duration, expected: &[(Duration, Duration)]) {
        let start = Instant::now();
        let mut ticks = IntervalTicks::new(start, interval);
        assert_eq!(ticks.due(), Some(start), "the first tick");
        for (done, next) in expected {
            ticks.advance(start + *done);
            assert_eq!(ticks.due(), Some(start + *next), "done at {done:?}");
        }
    }

    #[test]
    fn ticks_keep_to_the_clock_of_the_start() {
        let ms = Duration::from_millis;
        case(
            ms(100),
            &[
                (ms(0), ms(100)),
                (ms(107), ms(200)),
                (ms(299), ms(300)),
                (ms(300), ms(400)),
            ],
        );
    }

    #[test]
    fn missed_ticks_are_skipped() {
        let ms = Duration::from_millis;
        case(
            ms(100),
            &[
                (ms(750), ms(800)),
                (ms(900), ms(1000)),
                (ms(86_400_099), ms(86_400_100)),
            ],
        );
    }

    #[test]
    fn a_tick_taken_early_does_not_come_twice() {
        let ms = Duration::from_millis;
        case(
            ms(100),
            &[(ms(0), ms(100)), (ms(99), ms(200)), (ms(0), ms(300))],
        );
    }

    #[test]
    fn nothing_adds_up_over_a_million_late_ticks_of_an_odd_interval() {
        let start = Instant::now();
        let interval = Duration::from_nanos(3_333_333);
        let mut ticks = IntervalTicks::new(start, interval);
        for tick in 0..1_000_000 {
            let due = start + interval * tick;
            assert_eq!(ticks.due(), Some(due));
            ticks.advance(due + Duration::from_nanos(u64::from(tick)));
        }
    }

    #[test]
    fn the_shortest_interval_ticks_each_nanosecond() {
        let ns = Duration::from_nanos;
        case(ns(1), &[(ns(0), ns(1)), (ns(1), ns(2)), (ns(500), ns(501))]);
    }

    #[test]
    fn a_tick_beyond_the_clock_s_end_never_comes() {
        let start = Instant::now();
        let mut ticks = IntervalTicks::new(start, Duration::MAX);
        for _ in 0..2 {
            ticks.advance(start);
            assert_eq!(ticks.due(), None);
        }
    }
}
