//! How often a series usually has a reading, learned as it goes.

/// Intervals that are seen before the usual one is known.
const KNOWN_AFTER: u8 = 5;

/// How much of the longest interval is left after each further one.
const DECAY: f32 = 0.99;

/// A learned time is this many usual intervals.
const INTERVALS: i64 = 3;

/// No series is silent before this time in milliseconds, however often it usually has a reading.
const SHORTEST: i64 = 5000;

/// The longest usual interval between readings, in eight bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Interval {
    /// In milliseconds; falls slowly, so that one outage does not count for ever.
    longest: f32,
    seen: u8,
}

impl Interval {
    /// Adds an interval in milliseconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a part in a million does not matter"
    )]
    pub fn add(&mut self, millis: i64) {
        self.longest = (self.longest * DECAY).max(millis as f32);
        self.seen = self.seen.saturating_add(1);
    }

    /// Returns after how many milliseconds without a reading a series is silent, once that is
    /// known: three usual intervals, and 5 s at the least.
    pub fn silent_after(self) -> Option<i64> {
        let usual = self.usual()?;
        Some(usual.saturating_mul(INTERVALS).max(SHORTEST))
    }

    /// Returns the longest usual interval in milliseconds, once it is known.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "such an interval is not reached"
    )]
    fn usual(self) -> Option<i64> {
        (self.seen >= KNOWN_AFTER).then_some(self.longest as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_interval_counts_and_an_outage_is_forgotten() {
        let mut interval = Interval::default();
        for millis in [1000, 2000, 1000, 1500] {
            interval.add(millis);
            assert_eq!(interval.usual(), None);
        }
        interval.add(1000);
        let usual = interval.usual().unwrap();
        assert!((1900..=2000).contains(&usual), "{usual}");
        interval.add(3_600_000);
        for _ in 0..1000 {
            interval.add(1000);
        }
        assert!(interval.usual().unwrap() < 2000);
    }
}
