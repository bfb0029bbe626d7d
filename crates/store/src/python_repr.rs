//! How numbers are printed: as Python does it, so that the tutorial's subscriber and ours print the
//! same.

use std::fmt::{self, Write};

/// Writes `number` exactly as `repr(float)` of Python does: the fewest digits that read back as the
/// same double, in fixed notation from 0.0001 up to below 1e16.
pub(crate) fn repr(number: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if number == 0.0 || !number.is_finite() {
        return write!(f, "{number:?}");
    }
    let size = number.abs();
    if number.is_sign_negative() {
        f.write_str("-")?;
    }
    if let Some(short) = Buffer::short(size) {
        return f.write_str(short.text());
    }
    let mut shortest = Buffer::default();
    write!(shortest, "{size:e}")?;
    // With 16 digits or more the number can lie halfway between two such decimals. Python takes the
    // even one, Rust's shortest form the larger; rounded to so many digits, Rust takes the even one
    // too.
    let mut even = Buffer::default();
    let decimals = shortest.decimals();
    if decimals >= 15 {
        write!(even, "{size:.decimals$e}")?;
        if even.text().parse() == Ok(size) {
            shortest = even;
        }
    }

    let (digits, exponent) = shortest.text().split_once('e').ok_or(fmt::Error)?;
    let exponent: i32 = exponent.parse().map_err(|_| fmt::Error)?;
    let (first, rest) = digits.split_at(1);
    let rest = rest.strip_prefix('.').unwrap_or_default();
    match exponent {
        -4..0 => write!(
            f,
            "0.{:0>zeros$}{first}{rest}",
            "",
            zeros = exponent.unsigned_abs() as usize - 1
        ),
        0..16 => {
            let whole = exponent.unsigned_abs() as usize;
            match rest.split_at_checked(whole) {
                Some((whole, "")) => write!(f, "{first}{whole}.0"),
                Some((whole, fraction)) => write!(f, "{first}{whole}.{fraction}"),
                None => write!(f, "{first}{rest:0<whole$}.0"),
            }
        }
        _ => {
            let sign = if exponent < 0 { '-' } else { '+' };
            write!(f, "{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
    }
}

/// Text on the stack, long enough for `2.2250738585072014e-308`: readings are printed by the
/// million.
#[derive(Default)]
struct Buffer {
    bytes: [u8; 32],
    length: usize,
}

impl Buffer {
    /// Returns a number that is a whole number of ten-thousandths and has at most 15 digits, as
    /// most readings are. No other decimal of so few digits means the same double, so this is the
    /// shortest.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::float_cmp,
        reason = "the number is positive and below 1e15; what is wanted is that it is the same"
    )]
    fn short(size: f64) -> Option<Self> {
        const POWERS: [(f64, u64); 5] = [
            (1.0, 1),
            (10.0, 10),
            (100.0, 100),
            (1_000.0, 1_000),
            (10_000.0, 10_000),
        ];
        for (places, (power, divisor)) in POWERS.into_iter().enumerate() {
            let digits = (size * power).round();
            if digits >= 1e15 {
                return None;
            }
            if digits / power == size {
                let mut buffer = Self::default();
                let digits = digits as u64;
                write!(buffer, "{}.", digits / divisor).ok()?;
                write!(
                    buffer,
                    "{:0places$}",
                    digits % divisor,
                    places = places.max(1)
                )
                .ok()?;
                return Some(buffer);
            }
        }
        None
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    /// Returns how many digits there are behind the point.
    fn decimals(&self) -> usize {
        let digits = self.text().split('e').next().unwrap_or_default();
        digits.len().saturating_sub(2)
    }
}

impl Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let free = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        free.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
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

    struct Python(f64);

    impl fmt::Display for Python {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            repr(self.0, f)
        }
    }
}
