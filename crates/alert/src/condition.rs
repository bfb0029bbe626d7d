//! What a value must be for an alert.

use std::fmt;
use std::time::Duration;

use crate::sample::Sample;

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A number.
    Number(f64),
    /// Text; only `==` and `!=` apply.
    Text(String),
}

/// What a value must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// It compares so with the operand.
    Compare(Comparison, Operand),
    /// It is below the first number or above the second.
    Outside(f64, f64),
    /// It is neither below the first number nor above the second.
    Inside(f64, f64),
    /// It has risen by at least so much within this time.
    Rises(f64, Duration),
    /// It has fallen by at least so much within this time.
    Falls(f64, Duration),
    /// It has not changed for this time, although readings arrive.
    Stuck(Duration),
    /// A message of the topic was rejected.
    Rejected,
}

impl Condition {
    /// Returns whether `sample` fulfils a condition on one value; `None` if the condition does not
    /// apply to it, or needs more than one value.
    pub(crate) fn holds(&self, sample: &Sample) -> Option<bool> {
        match (self, sample) {
            (Self::Compare(comparison, Operand::Number(bound)), Sample::Number(value)) => {
                Some(compares(*comparison, *value, *bound))
            }
            (Self::Compare(comparison, Operand::Text(wanted)), Sample::Text(text)) => {
                match comparison {
                    Comparison::Equal => Some(text == wanted),
                    Comparison::NotEqual => Some(text != wanted),
                    _ => None,
                }
            }
            // A text is none of the numbers, and a number none of the texts.
            (Self::Compare(Comparison::Equal, _), _) => Some(false),
            (Self::Compare(Comparison::NotEqual, _), _) => Some(true),
            (Self::Outside(low, high), Sample::Number(value)) => Some(value < low || value > high),
            (Self::Inside(low, high), Sample::Number(value)) => {
                Some((*low..=*high).contains(value))
            }
            _ => None,
        }
    }

    /// Returns the name of an alert that was given none.
    pub(crate) fn default_name(&self) -> &'static str {
        match self {
            Self::Compare(comparison, _) => match comparison {
                Comparison::Above | Comparison::AtLeast => "above",
                Comparison::Below | Comparison::AtMost => "below",
                Comparison::Equal => "equal",
                Comparison::NotEqual => "not-equal",
            },
            Self::Outside(..) => "outside",
            Self::Inside(..) => "inside",
            Self::Rises(..) => "rises",
            Self::Falls(..) => "falls",
            Self::Stuck(_) => "stuck",
            Self::Rejected => "rejected",
        }
    }
}

fn compares(comparison: Comparison, value: f64, bound: f64) -> bool {
    match comparison {
        Comparison::Above => value > bound,
        Comparison::AtLeast => value >= bound,
        Comparison::Below => value < bound,
        Comparison::AtMost => value <= bound,
        #[expect(clippy::float_cmp, reason = "a person asked for exactly this value")]
        Comparison::Equal => value == bound,
        #[expect(clippy::float_cmp, reason = "a person asked for exactly this value")]
        Comparison::NotEqual => value != bound,
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        })
    }
}

impl fmt::Display for Condition {
    /// Writes it as it is typed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare(comparison, Operand::Number(number)) => {
                write!(f, "{comparison} {number}")
            }
            Self::Compare(comparison, Operand::Text(text)) => write!(f, "{comparison} {text}"),
            Self::Outside(low, high) => write!(f, "outside {low}..{high}"),
            Self::Inside(low, high) => write!(f, "inside {low}..{high}"),
            Self::Rises(by, within) => write!(f, "rises {by} in {}", Short(*within)),
            Self::Falls(by, within) => write!(f, "falls {by} in {}", Short(*within)),
            Self::Stuck(after) => write!(f, "stuck {}", Short(*after)),
            Self::Rejected => f.write_str("rejected"),
        }
    }
}

/// Writes a duration as it is typed, in the largest unit that keeps it whole.
pub(crate) struct Short(pub(crate) Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u128, &str); 4] = [
            (86_400_000, "d"),
            (3_600_000, "h"),
            (60_000, "m"),
            (1000, "s"),
        ];
        let millis = self.0.as_millis();
        for (unit, name) in UNITS {
            if millis > 0 && millis.is_multiple_of(unit) {
                return write!(f, "{}{name}", millis / unit);
            }
        }
        write!(f, "{millis}ms")
    }
}
