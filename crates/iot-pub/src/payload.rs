//! Where payloads come from: `-m`, or a simulated sensor.

use std::ops::Range;

use bytes::Bytes;
use rand::{Rng, RngExt};

/// A source of payloads.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The same text each time.
    Message(Bytes),
    /// A number that is anywhere in the range with the same probability.
    Uniform(Range<f64>),
}

impl Source {
    /// Returns the next payload.
    pub(crate) fn next(&self, rng: &mut impl Rng) -> Bytes {
        match self {
            Self::Message(text) => text.clone(),
            // Not `start + random()`: rounding would reach the end of the range now and then.
            Self::Uniform(range) => format!("{:?}", rng.random_range(range.clone())).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_reading_is_a_number_from_25_up_to_26() {
        let source = Source::Uniform(25.0..26.0);
        for _ in 0..1000 {
            let payload = source.next(&mut rand::rng());
            let number: f64 = std::str::from_utf8(&payload).unwrap().parse().unwrap();
            assert!((25.0..26.0).contains(&number), "{number}");
        }
    }
}
