//! A histogram to which any thread can add values cheaply.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of latencies, in microseconds.
pub(super) const LATENCIES: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000,
];
/// Upper bounds of batch sizes.
pub(super) const SIZES: &[u64] = &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];

const MAX_BUCKETS: usize = 16;

/// The number of values up to each of a few bounds.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [u64],
    /// Values up to the bound with this index, and above the bound before it; the last counts those
    /// above all bounds.
    counts: [AtomicU64; MAX_BUCKETS],
    sum: AtomicU64,
}

impl Histogram {
    pub(super) const fn new(bounds: &'static [u64]) -> Self {
        assert!(bounds.len() < MAX_BUCKETS);
        Self {
            bounds,
            counts: [const { AtomicU64::new(0) }; MAX_BUCKETS],
            sum: AtomicU64::new(0),
        }
    }

    /// Adds a value.
    pub(crate) fn add(&self, value: u64) {
        let index = self.bounds.partition_point(|&bound| bound < value);
        self.counts[index].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Adds a latency, in microseconds.
    pub(crate) fn add_time(&self, time: Duration) {
        self.add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Returns each bound with the number of values up to it, the number of all, and their sum.
    pub(super) fn snapshot(&self) -> (Vec<(u64, u64)>, u64, u64) {
        let mut total = 0;
        let mut count = |index: usize| {
            total += self.counts[index].load(Ordering::Relaxed);
            total
        };
        let buckets = self.bounds.iter().enumerate();
        let buckets = buckets
            .map(|(index, &bound)| (bound, count(index)))
            .collect();
        let all = count(self.bounds.len());
        (buckets, all, self.sum.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_up_to_its_bound_and_all_above() {
        let histogram = Histogram::new(&[1, 10, 100]);
        for value in [0, 1, 2, 10, 11, 1_000] {
            histogram.add(value);
        }
        let expected = (vec![(1, 2), (10, 4), (100, 5)], 6, 1_024);
        assert_eq!(histogram.snapshot(), expected);
    }
}
