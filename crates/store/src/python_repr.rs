//! How numbers are printed: as Python does it, so that the tutorial's subscriber and ours print the
//! same.

use std::fmt;

/// Writes `number` exactly as `repr(float)` of Python does: the fewest digits that read back as the
/// same double, in fixed notation from 0.0001 up to below 1e16.
pub(crate) fn repr(number: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(text_of(number).text())
}

/// Appends `number` as [`Value`](crate::Value) prints it: `25.0`, `0.1`, `1e+300`. An export writes
/// them by the million, so nothing is allocated.
pub fn push_number(number: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(text_of(number).bytes());
}

fn text_of(number: f64) -> Text {
    let mut text = Text::default();
    if !number.is_finite() {
        // A store of another program may hold them.
        let name: &[u8] = match (number.is_nan(), number > 0.0) {
            (true, _) => b"NaN",
            (_, true) => b"inf",
            _ => b"-inf",
        };
        text.push(name);
        return text;
    }
    if number.is_sign_negative() {
        text.push(b"-");
    }
    let size = number.abs();
    if !push_short(size, &mut text) {
        push_shortest(size, &mut text);
    }
    text
}

/// Writes a number that is a whole number of ten-thousandths and has at most 15 digits, as most
/// readings are. No other decimal of so few digits means the same double, so this is the shortest.
/// Returns `false` for any other number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "the number is positive and below 1e15; what is wanted is that it is the same"
)]
fn push_short(size: f64, text: &mut Text) -> bool {
    const POWERS: [(f64, u64); 5] = [
        (1.0, 1),
        (10.0, 10),
        (100.0, 100),
        (1_000.0, 1_000),
        (10_000.0, 10_000),
    ];
    for (places, (power, divisor)) in POWERS.into_iter().enumerate() {
        let scaled = size * power;
        if scaled >= 1e15 {
            return false;
        }
        // Rounds to the nearest: the number is not negative.
        let digits = (scaled + 0.5) as u64;
        #[expect(clippy::cast_precision_loss, reason = "it is below 1e15")]
        if digits as f64 / power == size {
            text.push_whole(digits / divisor, 1);
            text.push(b".");
            text.push_whole(digits % divisor, places.max(1));
            return true;
        }
    }
    false
}

/// Writes the shortest decimal, laid out as Python does it.
fn push_shortest(size: f64, text: &mut Text) {
    let mut buffer = zmij::Buffer::new();
    let shortest = buffer.format_finite(size);
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = Text::default();
    digits.push(whole.as_bytes());
    digits.push(fraction.as_bytes());
    let all = digits.bytes();
    let zeros = all.iter().take_while(|digit| **digit == b'0').count();
    let end = all.iter().rposition(|digit| *digit != b'0');
    let all = &all[zeros..end.map_or(zeros, |end| end + 1)];
    let exponent: i32 = exponent.parse().unwrap_or_default();
    // Digits before the point, if there were no exponent.
    let before = i32::try_from(whole.len()).unwrap_or_default() - 1;
    let exponent = exponent + before - i32::try_from(zeros).unwrap_or_default();
    lay_out(all, exponent, text);
}

/// Writes digits whose first one counts so many powers of ten.
fn lay_out(digits: &[u8], exponent: i32, text: &mut Text) {
    let Some((first, rest)) = digits.split_first() else {
        return;
    };
    match exponent {
        -4..0 => {
            text.push(b"0.");
            for _ in exponent..-1 {
                text.push(b"0");
            }
            text.push(digits);
        }
        0..16 => {
            let whole = exponent.unsigned_abs() as usize + 1;
            let (before, behind) = digits.split_at(whole.min(digits.len()));
            text.push(before);
            for _ in before.len()..whole {
                text.push(b"0");
            }
            text.push(b".");
            text.push(if behind.is_empty() { b"0" } else { behind });
        }
        _ => {
            text.push(&[*first]);
            if !rest.is_empty() {
                text.push(b".");
                text.push(rest);
            }
            text.push(if exponent < 0 { b"e-" } else { b"e+" });
            text.push_whole(u64::from(exponent.unsigned_abs()), 2);
        }
    }
}

/// Text on the stack, long enough for `-2.2250738585072014e-308`.
#[derive(Default)]
struct Text {
    bytes: [u8; 32],
    length: usize,
}

impl Text {
    fn push(&mut self, more: &[u8]) {
        let end = (self.length + more.len()).min(self.bytes.len());
        let room = &mut self.bytes[self.length..end];
        room.copy_from_slice(&more[..room.len()]);
        self.length = end;
    }

    /// Writes a whole number with so many digits at least.
    fn push_whole(&mut self, mut number: u64, least: usize) {
        let mut digits = [b'0'; 20];
        let mut start = digits.len();
        while number > 0 {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        let start = start.min(digits.len() - least);
        self.push(&digits[start..]);
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of a double's 64 bits in hex and what Python 3 prints for it.
    const PYTHON: &str = include_str!("python_repr.txt");

    #[test]
    fn numbers_are_printed_as_python_does() {
        for line in PYTHON.lines() {
            let (bits, expected) = line.split_once(' ').unwrap();
            let number = f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
            assert_eq!(Python(number).to_string(), expected, "{bits}");
        }
    }

    #[test]
    fn what_no_payload_can_be_is_printed_too() {
        assert_eq!(Python(f64::NAN).to_string(), "NaN");
        assert_eq!(Python(f64::INFINITY).to_string(), "inf");
        assert_eq!(Python(f64::NEG_INFINITY).to_string(), "-inf");
        assert_eq!(Python(-0.0).to_string(), "-0.0");
    }

    struct Python(f64);

    impl fmt::Display for Python {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            repr(self.0, f)
        }
    }
}
