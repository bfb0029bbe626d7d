//! Where payloads come from: `-m`, or a simulated sensor.

use std::ops::Range;

use bytes::Bytes;
use rand::RngExt;

use crate::device::Moment;

/// A source of payloads.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The same text each time.
    Message(Bytes),
    /// A number that is anywhere in the range with the same probability.
    Uniform(Range<f64>),
}

#[expect(clippy::unnecessary_wraps, reason = "sensors drop out")]
impl Source {
    /// Returns the next payload.
    pub(crate) fn next(&mut self, _at: Moment) -> Option<Bytes> {
        Some(match self {
            Self::Message(text) => text.clone(),
            // Not `start + random()`: rounding would reach the end of the range now and then.
            Self::Uniform(range) => format!("{:?}", rand::rng().random_range(range.clone())).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_reading_is_a_number_from_25_up_to_26() {
        let mut source = Source::Uniform(25.0..26.0);
        for _ in 0..1000 {
            let payload = source.next(Moment::now(std::time::Instant::now())).unwrap();
            let number: f64 = std::str::from_utf8(&payload).unwrap().parse().unwrap();
            assert!((25.0..26.0).contains(&number), "{number}");
        }
    }
}
