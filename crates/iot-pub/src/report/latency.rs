//! Statistics of durations, in little memory however many they are.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Durations, each with an error of at most a thousandth.
#[derive(Debug)]
pub(crate) struct Latency {
    nanoseconds: Histogram<u64>,
}

impl Latency {
    pub(crate) fn new() -> Self {
        let nanoseconds = Histogram::new(3).expect("three significant digits are allowed");
        Self { nanoseconds }
    }

    pub(crate) fn record(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        // The histogram grows as needed.
        let _ = self.nanoseconds.record(nanoseconds);
    }

    /// Returns its figures with their names, in milliseconds; `None` if nothing was recorded.
    fn figures(&self) -> Option<[(&'static str, f64); 6]> {
        if self.nanoseconds.is_empty() {
            return None;
        }
        let at = |quantile| milliseconds(self.nanoseconds.value_at_quantile(quantile));
        Some([
            ("min", milliseconds(self.nanoseconds.min())),
            ("p50", at(0.5)),
            ("p90", at(0.9)),
            ("p99", at(0.99)),
            ("p99.9", at(0.999)),
            ("max", milliseconds(self.nanoseconds.max())),
        ])
    }

    /// Returns an object of milliseconds, or null.
    pub(crate) fn to_json(&self) -> Value {
        self.figures().map_or(Value::Null, |figures| {
            let figures = figures.map(|(name, value)| (name.replace('.', "_"), json!(value)));
            Value::Object(figures.into_iter().collect())
        })
    }

    /// Returns one line of milliseconds.
    pub(crate) fn to_text(&self) -> Option<String> {
        let figures = self.figures()?;
        let figures = figures.map(|(name, value)| format!("{name} {value:.3}"));
        Some(format!("{} ms", figures.join(", ")))
    }
}

/// Returns whole microseconds, as milliseconds: more digits would only look exact.
fn milliseconds(nanoseconds: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 µs, 285 years")]
    let microseconds = (nanoseconds / 1000) as f64;
    microseconds / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_milliseconds() {
        let mut latency = Latency::new();
        assert_eq!(latency.to_json(), Value::Null);
        assert_eq!(latency.to_text(), None);
        for milliseconds in 1..=1000 {
            latency.record(Duration::from_millis(milliseconds));
        }
        let json = latency.to_json();
        let figure = |name: &str| json[name].as_f64().unwrap();
        for (name, expected) in [
            ("min", 1.0),
            ("p50", 500.0),
            ("p90", 900.0),
            ("p99", 990.0),
            ("p99_9", 999.0),
            ("max", 1000.0),
        ] {
            let found = figure(name);
            assert!(
                (found - expected).abs() <= expected / 500.0,
                "{name}: {found}"
            );
        }
    }

    #[test]
    fn extreme_durations_are_recorded_too() {
        let mut latency = Latency::new();
        latency.record(Duration::MAX);
        latency.record(Duration::ZERO);
        assert!(latency.to_text().unwrap().starts_with("min 0.000, "));
    }
}
