//! How numbers are written in payloads.

use std::fmt::Write as _;

/// Appends a number: with all its digits, or rounded to `precision` digits after the point.
pub(crate) fn push_number(text: &mut String, number: f64, precision: Option<usize>) {
    let from = text.len();
    // Writing to memory doesn't fail.
    let _ = match precision {
        Some(digits) => write!(text, "{number:.digits$}"),
        None => write!(text, "{number}"),
    };
    // Sensors don't tell -0 from 0.
    let is_zero = |c: char| matches!(c, '0' | '.');
    if text[from..].starts_with('-') && text[from + 1..].chars().all(is_zero) {
        text.remove(from);
    }
}

/// Returns a number rounded to `precision` digits after the point, as it would be written.
pub(crate) fn rounded(number: f64, precision: Option<usize>) -> f64 {
    if precision.is_none() {
        return number;
    }
    let mut text = String::new();
    push_number(&mut text, number, precision);
    text.parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_all_digits_or_the_precision() {
        #[track_caller]
        fn case(number: f64, precision: Option<usize>, expected: &str) {
            let mut text = String::new();
            push_number(&mut text, number, precision);
            assert_eq!(text, expected);
        }
        case(25.674_758_177_121_582, None, "25.674758177121582");
        case(25.0, None, "25");
        case(-0.0, None, "0");
        case(1e21, None, "1000000000000000000000");
        case(25.3, Some(2), "25.30");
        case(25.005, Some(1), "25.0");
        case(-0.04, Some(1), "0.0");
        case(-0.05, Some(0), "0");
        case(-10.06, Some(1), "-10.1");
    }
}
