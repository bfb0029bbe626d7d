//! Whether a series of samples rises above its noise.
//!
//! The first quarter is left out: caches fill up. The rest is cut into twelve blocks, and the
//! median of each is taken, so that the seconds of a fault do not count. The series rises if the
//! Mann-Kendall test of these medians finds a trend (z above 3.09, one chance in a thousand), and
//! the Theil-Sen slope over the whole time is more than a tenth of the median.

const BLOCKS: usize = 12;
const WARM_UP: usize = 4;
/// The one-sided quantile of the normal distribution for 0.001.
const Z_LIMIT: f64 = 3.09;
/// Growth that is accepted.
const GROWTH_LIMIT: f64 = 0.1;

/// How a series of samples develops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trend {
    /// The median of all blocks.
    pub(crate) level: f64,
    /// Growth from the first block to the last, as a part of the level.
    pub(crate) growth: f64,
    /// Of the Mann-Kendall test.
    pub(crate) z: f64,
}

impl Trend {
    /// Returns it, or `None` if there are too few samples.
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        let steady = &samples[samples.len() / WARM_UP..];
        let size = steady.len() / BLOCKS;
        if size == 0 {
            return None;
        }
        let medians: Vec<f64> = steady.chunks(size).take(BLOCKS).map(median).collect();
        let level = median(&medians);
        let pairs = || (0..BLOCKS).flat_map(|one| (one + 1..BLOCKS).map(move |other| (one, other)));
        let slopes: Vec<f64> = pairs()
            .map(|(one, other)| (medians[other] - medians[one]) / number(other - one))
            .collect();
        let rising = pairs().filter(|(one, other)| medians[*other] > medians[*one]);
        let falling = pairs().filter(|(one, other)| medians[*other] < medians[*one]);
        let sum = number(rising.count()) - number(falling.count());
        let blocks = number(BLOCKS);
        let deviation = (blocks * (blocks - 1.0) * (2.0 * blocks + 5.0) / 18.0).sqrt();
        // One less towards zero, because the sum is a whole number.
        let corrected = if sum == 0.0 { 0.0 } else { sum - sum.signum() };
        Some(Self {
            level,
            growth: median(&slopes) * (blocks - 1.0) / level.abs().max(f64::MIN_POSITIVE),
            z: corrected / deviation,
        })
    }

    /// Whether it rises above the noise.
    pub(crate) fn rises(&self) -> bool {
        self.z > Z_LIMIT && self.growth > GROWTH_LIMIT
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn number(count: usize) -> f64 {
    count as f64
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// 300 samples around 50, with spikes; `slope` is the growth over all of them.
    fn samples(seed: u64, slope: f64) -> Vec<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        (0..300)
            .map(|at| {
                let spike = if random.random_ratio(1, 20) {
                    200.0
                } else {
                    0.0
                };
                50.0 + slope * number(at) / 300.0 + random.random_range(-5.0..5.0) + spike
            })
            .collect()
    }

    #[test]
    fn noise_does_not_rise() {
        for seed in 0..200 {
            let trend = Trend::of(&samples(seed, 0.0)).expect("enough");
            assert!(!trend.rises(), "seed {seed}: {trend:?}");
        }
    }

    #[test]
    fn a_leak_rises() {
        for seed in 0..200 {
            let trend = Trend::of(&samples(seed, 25.0)).expect("enough");
            assert!(trend.rises(), "seed {seed}: {trend:?}");
        }
    }

    #[test]
    fn growth_at_the_start_is_no_trend() {
        let mut warm_up: Vec<f64> = (0..100).map(number).collect();
        warm_up.extend([100.0; 300]);
        assert!(!Trend::of(&warm_up).expect("enough").rises());
    }

    #[test]
    fn few_samples_say_nothing() {
        assert_eq!(Trend::of(&[1.0; 10]), None);
    }
}
