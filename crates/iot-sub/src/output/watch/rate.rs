//! How often a series has a reading.

use std::time::Duration;

/// How much of the mean interval the newest one makes up.
const WEIGHT: f64 = 0.2;

/// The mean interval of the latest readings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rate {
    /// In seconds; 0 before the second reading.
    mean: f64,
}

impl Rate {
    /// Adds an interval.
    pub(super) fn add(&mut self, interval: Duration) {
        let seconds = interval.as_secs_f64();
        self.mean = if self.mean == 0.0 {
            seconds
        } else {
            self.mean + WEIGHT * (seconds - self.mean)
        };
    }

    /// Returns the rate for people, `age` after the last reading: a series that has gone silent
    /// becomes slower.
    pub(super) fn text(self, age: Duration) -> String {
        if self.mean == 0.0 {
            return String::new();
        }
        let seconds = self.mean.max(age.as_secs_f64());
        let (per, unit) = match 1.0 / seconds {
            rate if rate >= 0.95 => (rate, "s"),
            rate if rate * 60.0 >= 0.95 => (rate * 60.0, "min"),
            rate => (rate * 3600.0, "h"),
        };
        let digits = usize::from(per < 9.95);
        format!("{per:.digits$}/{unit}")
    }
}

/// Returns an age for people: `0s`, `59s`, `3m`, `2h`, `4d`.
pub(super) fn age_text(age: Duration) -> String {
    match age.as_secs() {
        seconds @ ..100 => format!("{seconds}s"),
        seconds @ ..6000 => format!("{}m", seconds / 60),
        seconds @ ..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_the_unit_that_fits() {
        for (interval, expected) in [
            (0.01, "100/s"),
            (0.5, "2.0/s"),
            (1.0, "1.0/s"),
            (5.0, "12/min"),
            (60.0, "1.0/min"),
            (600.0, "6.0/h"),
        ] {
            let mut rate = Rate::default();
            rate.add(Duration::from_secs_f64(interval));
            assert_eq!(rate.text(Duration::ZERO), expected);
        }
        let mut rate = Rate::default();
        assert_eq!(rate.text(Duration::ZERO), "");
        rate.add(Duration::from_secs(1));
        assert_eq!(rate.text(Duration::from_secs(60)), "1.0/min");
    }

    #[test]
    fn an_age_has_one_unit() {
        for (seconds, expected) in [
            (0, "0s"),
            (99, "99s"),
            (100, "1m"),
            (7200, "2h"),
            (864_000, "10d"),
        ] {
            assert_eq!(age_text(Duration::from_secs(seconds)), expected);
        }
    }
}
