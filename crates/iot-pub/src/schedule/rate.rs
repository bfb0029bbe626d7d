//! A number of messages or connections in a time, as people type it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A positive number a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate(f64);

/// The highest rate: one a nanosecond.
const MAX: f64 = 1e9;
/// The lowest rate: one in 31 years.
const MIN: f64 = 1e-9;

impl Rate {
    /// Returns the number a second.
    pub(crate) fn per_second(self) -> f64 {
        self.0
    }

    /// Returns how long after the start number `index` is due. The first is number 0, and due at
    /// once. No error adds up.
    pub(crate) fn due(self, index: u64) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        let seconds = index as f64 / self.0;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit {
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(form()),
        };
        let rate = number.parse::<f64>().map_err(|_| form())? / seconds;
        if (MIN..=MAX).contains(&rate) {
            Ok(Self(rate))
        } else {
            Err(form())
        }
    }
}

fn form() -> String {
    "a rate is a positive number and its unit, up to 1000000000/s: 5000/s, 300/m or 10/h".into()
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_unit() {
        for (text, per_second) in [
            ("5000/s", 5000.0),
            ("300/m", 5.0),
            ("90/min", 1.5),
            ("36/h", 0.01),
            ("0.5/s", 0.5),
            ("7", 7.0),
            ("1000000000/s", 1e9),
        ] {
            assert_eq!(text.parse(), Ok(Rate(per_second)), "{text}");
        }
        for bad in [
            "", "/s", "0", "-1/s", "5/d", "5 /s", "2e9/s", "inf", "NaN", "5/",
        ] {
            assert_eq!(bad.parse::<Rate>(), Err(form()), "{bad}");
        }
    }

    #[test]
    fn nothing_adds_up_over_many() {
        let rate: Rate = "50000/s".parse().unwrap();
        assert_eq!(rate.due(0), Duration::ZERO);
        assert_eq!(rate.due(1), Duration::from_micros(20));
        assert_eq!(rate.due(50_000 * 86_400), Duration::from_secs(86_400));
        let third: Rate = "3/s".parse().unwrap();
        assert_eq!(third.due(3_000_000_000), Duration::from_secs(1_000_000_000));
    }

    #[test]
    fn a_due_time_may_be_very_late() {
        let rate: Rate = "0.001/h".parse().unwrap();
        assert!(rate.due(u64::MAX) > Duration::from_secs(1 << 60));
    }
}
