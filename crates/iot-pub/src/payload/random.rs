//! Random numbers that a seed repeats.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

/// The random numbers of one device. `ChaCha` and the functions here never change, while the
/// distributions of a library may change with its version. So a seed gives the same readings for
/// ever.
#[derive(Debug)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    /// Returns number `stream` of the generators of a seed, which are independent.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream);
        Self(random)
    }

    /// Returns a number from 0 up to 1, which it excludes.
    pub(crate) fn unit(&mut self) -> f64 {
        // As many bits as the mantissa has.
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let bits = (self.0.next_u64() >> 11) as f64;
        bits * f64::EPSILON / 2.0
    }

    /// Returns a number from `low` up to `high`, which it excludes; `low` if both are equal.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        let number = low + (high - low) * self.unit();
        // Rounding may reach the end of the range.
        if number < high { number } else { low }
    }

    /// Returns true with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Returns a normally distributed number with mean 0 and standard deviation 1 (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        // Not the logarithm of 0.
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_for_ever() {
        let mut random = Random::new(1, 0);
        let numbers: Vec<f64> = (0..3).map(|_| random.unit()).collect();
        let expected = [
            0.402_485_663_664_848_06,
            0.080_383_708_929_781_97,
            0.596_560_180_934_854_9,
        ];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn streams_and_seeds_differ() {
        let first = |seed, stream| Random::new(seed, stream).unit().to_bits();
        assert_ne!(first(1, 0), first(1, 1));
        assert_ne!(first(1, 0), first(2, 0));
        assert_eq!(first(1, 7), first(1, 7));
    }

    #[test]
    fn a_range_excludes_its_end() {
        let mut random = Random::new(1, 0);
        let next = f64::from_bits(25.0_f64.to_bits() + 1);
        for _ in 0..1000 {
            assert!((25.0..26.0).contains(&random.between(25.0, 26.0)));
            assert!(random.between(25.0, next) < next);
            assert_eq!(random.between(25.0, 25.0).to_bits(), 25.0_f64.to_bits());
        }
    }
}
