//! An axis of values: round numbers, and as many digits as they need.

/// An axis from `low` to `high`, with its ticks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) ticks: Vec<(f64, String)>,
}

impl Scale {
    /// Returns an axis that has all values between `low` and `high`, with about so many ticks.
    pub(crate) fn new(low: f64, high: f64, wanted: usize) -> Self {
        let (low, high) = widened(low, high);
        #[expect(clippy::cast_precision_loss, reason = "there are few ticks")]
        let step = round_step((high - low) / wanted.max(1) as f64);
        let first = (low / step).floor();
        let last = (high / step).ceil();
        let mut ticks = Vec::new();
        let mut number = first;
        while number <= last {
            let value = number * step;
            ticks.push((value, text(value, step)));
            number += 1.0;
        }
        Self {
            low: first * step,
            high: last * step,
            ticks,
        }
    }

    /// Returns where a value is: 0 at the lower end, 1 at the upper.
    pub(crate) fn position(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

/// A flat curve gets some room around it.
fn widened(low: f64, high: f64) -> (f64, f64) {
    // Beyond that, differences overflow.
    const LIMIT: f64 = 1e300;
    let (low, high) = (low.clamp(-LIMIT, LIMIT), high.clamp(-LIMIT, LIMIT));
    let size = low.abs().max(high.abs());
    if high - low > size * 1e-12 {
        return (low, high);
    }
    let room = if size == 0.0 { 1.0 } else { size * 0.05 };
    (low - room, high + room)
}

/// Returns 1, 2 or 5 times a power of ten, at least as large as `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0];
    let factor = factor
        .into_iter()
        .find(|factor| factor * power >= least * 0.999_999);
    factor.unwrap_or(10.0) * power
}

fn text(value: f64, step: f64) -> String {
    let size = value.abs().max(step);
    if value.abs() < step / 2.0 {
        return "0".to_owned();
    }
    let sign = if value < 0.0 { "−" } else { "" };
    let value = value.abs();
    if !(1e-4..1e7).contains(&size) {
        return format!("{sign}{}", format!("{value:.1e}").replace(".0e", "e"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is small"
    )]
    let decimals = (-step.log10().floor()).clamp(0.0, 8.0) as usize;
    format!("{sign}{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(low: f64, high: f64, expected: &str) {
        let scale = Scale::new(low, high, 4);
        let texts: Vec<_> = scale.ticks.into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts.join(" "), expected);
    }

    #[test]
    fn ticks_are_round_numbers() {
        case(14.2, 25.9, "10 15 20 25 30");
        case(0.0, 1.0, "0 0.5 1.0");
        case(-3.0, 4.0, "−4 −2 0 2 4");
        case(21.5, 21.5, "20 21 22 23");
        case(0.0, 0.0, "−1.0 −0.5 0 0.5 1.0");
        case(0.0, 2_600.0, "0 1000 2000 3000");
        case(0.0, 3e9, "0 1e9 2e9 3e9");
        case(-1e308, 1e308, "−1e300 −5e299 0 5e299 1e300");
    }
}
