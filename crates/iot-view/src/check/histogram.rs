//! Counts of sizes, from which quantiles follow within a tenth.

/// Buckets for each power of two.
const FINENESS: f64 = 8.0;
/// Powers of two below 1 that have buckets of their own.
const SMALLEST: f64 = 64.0;
const BUCKETS: usize = 1_536;

/// Counts positive numbers by their size, in bounded memory.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    all: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            all: 0,
        }
    }
}

impl Histogram {
    /// Counts a positive number.
    pub(super) fn add(&mut self, size: f64) {
        self.counts[bucket(size)] += 1;
        self.all += 1;
    }

    pub(super) fn count(&self) -> u64 {
        self.all
    }

    /// Returns the size below which this part of the numbers is; 0.5 is the median.
    pub(super) fn quantile(&self, part: f64) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank between 0 and the number of numbers"
        )]
        let rank = (part * self.all as f64) as u64;
        let mut before = 0;
        let found = self.counts.iter().position(|count| {
            before += count;
            before > rank
        });
        #[expect(clippy::cast_precision_loss, reason = "there are few buckets")]
        found.map(|bucket| ((bucket as f64 + 0.5) / FINENESS - SMALLEST).exp2())
    }

    /// Returns how many numbers are larger, within a tenth.
    pub(super) fn count_above(&self, size: f64) -> u64 {
        self.counts[bucket(size) + 1..].iter().sum()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is limited to the buckets"
)]
fn bucket(size: f64) -> usize {
    let exact = (size.log2() + SMALLEST) * FINENESS;
    (exact.max(0.0) as usize).min(BUCKETS - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_within_a_tenth() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        (1..=1_000).for_each(|number| histogram.add(f64::from(number)));
        for (part, expected) in [(0.5, 500.0), (0.95, 950.0), (0.0, 1.0)] {
            let found = histogram.quantile(part).unwrap();
            assert!(
                (found / expected - 1.0_f64).abs() < 0.1,
                "{found} {expected}"
            );
        }
        // Within a tenth of the size.
        assert!((40..=110).contains(&histogram.count_above(900.0)));
        histogram.add(0.0);
        histogram.add(f64::MAX);
        assert_eq!(histogram.count_above(1e20), 1);
    }
}
