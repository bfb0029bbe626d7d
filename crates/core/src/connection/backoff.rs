//! How long to wait before the next attempt to connect.

use std::time::Duration;

use rand::RngExt;

/// Delays that double from attempt to attempt, each between half and the whole of its step, so that
/// clients that lost the same broker do not all return at the same moment.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    shortest: Duration,
    longest: Duration,
    step: Duration,
}

impl Backoff {
    pub(crate) fn new((shortest, longest): (Duration, Duration)) -> Self {
        Self {
            shortest,
            longest: longest.max(shortest),
            step: shortest,
        }
    }

    /// Sets the delays, and starts with the shortest if they differ.
    pub(crate) fn set(&mut self, delays: (Duration, Duration)) {
        let other = Self::new(delays);
        if (self.shortest, self.longest) != (other.shortest, other.longest) {
            *self = other;
        }
    }

    /// Returns the delay before the next attempt, `shortest` at first.
    pub(crate) fn next(&mut self) -> Duration {
        let step = self.step;
        self.step = step.saturating_mul(2).min(self.longest);
        let jittered = step.mul_f64(rand::rng().random_range(0.5..=1.0));
        jittered.max(self.shortest)
    }

    /// Returns the next delay without its jitter.
    pub(crate) fn step(&self) -> Duration {
        self.step
    }

    /// The next delay is the shortest again.
    pub(crate) fn reset(&mut self) {
        self.step = self.shortest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_with_jitter_and_start_again() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new((seconds(1), seconds(120)));
        for step in [1, 2, 4, 8, 16, 32, 64, 120, 120] {
            let delay = backoff.next();
            assert!(
                delay >= seconds(step) / 2 && delay >= seconds(1) && delay <= seconds(step),
                "{delay:?} in step {step}"
            );
        }
        backoff.reset();
        assert_eq!(backoff.next(), seconds(1));
    }

    #[test]
    fn other_delays_start_again_and_the_same_ones_continue() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new((seconds(1), seconds(120)));
        for _ in 0..4 {
            backoff.next();
        }
        backoff.set((seconds(1), seconds(120)));
        assert!(backoff.next() >= seconds(8));
        backoff.set((seconds(2), seconds(1)));
        assert_eq!(backoff.next(), seconds(2));
        assert_eq!(backoff.next(), seconds(2));
    }
}
