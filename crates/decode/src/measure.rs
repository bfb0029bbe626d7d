//! A number and its unit, such as `20.0 °C`, `55 %` or `230V`.

use std::borrow::Cow;

use crate::reason::Reason;

/// Longest unit, in characters: `cycles/minute` has 13.
const UNIT_LIMIT: usize = 16;

/// Returns the number and the unit that `payload` is. The unit may be missing.
///
/// A unit is one word that begins with a letter, `%` or `°`. The only digits in it are the
/// exponents 2 and 3 behind a letter, so that a serial number is not a measure. With
/// `decimal_comma`, `23,5` is a number too. The signs `°`, `²`, `³` and `µ` may be in Latin-1, as
/// some old firmware sends them.
///
/// # Errors
/// The payload is empty, or anything else.
pub(crate) fn measure(
    payload: &[u8],
    decimal_comma: bool,
) -> Result<(f64, Option<String>), Reason> {
    let text = text_of(payload.trim_ascii())?;
    if text.is_empty() {
        return Err(Reason::Empty);
    }
    let (digits, rest) = text.split_at(number_length(text.as_bytes(), decimal_comma));
    let unit = rest.trim_start();
    // `0x10` and `0b1` are numbers in another notation.
    let other_notation = rest.len() == unit.len()
        && digits.ends_with('0')
        && unit.starts_with(['x', 'X', 'b', 'B', 'o'])
        && unit.len() > 1
        && !unit
            .bytes()
            .any(|byte| !byte.is_ascii_hexdigit() && !b"xXo".contains(&byte));
    if digits.is_empty() || other_notation || !(unit.is_empty() || is_unit(unit)) {
        return Err(Reason::NotAMeasure);
    }
    match digits.replace(',', ".").parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((number, (!unit.is_empty()).then(|| unit.into()))),
        Ok(_) => Err(Reason::OutOfRange),
        Err(_) => Err(Reason::NotAMeasure),
    }
}

/// Returns `payload` as text: UTF-8, or ASCII with some signs of Latin-1.
fn text_of(payload: &[u8]) -> Result<Cow<'_, str>, Reason> {
    if let Ok(text) = std::str::from_utf8(payload) {
        return Ok(text.into());
    }
    let is_known = |byte: &u8| byte.is_ascii() || matches!(byte, 0xb0 | 0xb2 | 0xb3 | 0xb5);
    if payload.len() > 64 || !payload.iter().all(is_known) {
        return Err(Reason::NotUtf8);
    }
    Ok(payload.iter().copied().map(char::from).collect())
}

/// Returns how many bytes at the beginning are a decimal number.
fn number_length(text: &[u8], decimal_comma: bool) -> usize {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let whole = digits(sign);
    let mut end = sign + whole;
    let mut fraction = 0;
    if matches!(text.get(end), Some(b'.')) || (decimal_comma && text.get(end) == Some(&b',')) {
        fraction = digits(end + 1);
        end += 1 + fraction;
    }
    if whole + fraction == 0 {
        return 0;
    }
    // In `5 eV` and `5e` the letter belongs to the unit.
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}

fn is_unit(text: &str) -> bool {
    let begins_well = text.starts_with(|c: char| c.is_alphabetic() || matches!(c, '%' | '°' | '‰'));
    let mut before = ' ';
    begins_well
        && text.chars().count() <= UNIT_LIMIT
        && text.chars().all(|c| {
            let exponent = matches!(c, '2' | '3') && before.is_alphabetic();
            let sign = matches!(
                c,
                '%' | '‰' | '°' | '²' | '³' | '⁻' | '¹' | '·' | '/' | '^' | '*' | '.' | '_' | '-'
            );
            let taken = c.is_alphabetic() || exponent || sign;
            before = if c == '^' { 'x' } else { c };
            taken
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(payload: impl AsRef<[u8]>, expected: &str) {
        assert_eq!(found(payload.as_ref(), false), expected);
    }

    fn found(payload: &[u8], decimal_comma: bool) -> String {
        match measure(payload, decimal_comma) {
            Ok((number, unit)) => format!("{number} [{}]", unit.as_deref().unwrap_or("-")),
            Err(reason) => format!("! {reason}"),
        }
    }

    #[test]
    fn a_number_and_a_unit() {
        case("20.0 °C", "20 [°C]");
        case("55 %", "55 [%]");
        case("230V", "230 [V]");
        case(" -4.5\t°F\n", "-4.5 [°F]");
        case("20.5", "20.5 [-]");
        case(".5 m3", "0.5 [m3]");
        case("1e3 kWh", "1000 [kWh]");
        case("5 eV", "5 [eV]");
        case("5eV", "5 [eV]");
        case("12 µg/m³", "12 [µg/m³]");
        case("9.81 m/s^2", "9.81 [m/s^2]");
        case("400ppm", "400 [ppm]");
        case("0 b", "0 [b]");
        case("0xyz", "0 [xyz]");
        case(b"20.0 \xb0C", "20 [°C]");
        case("1 cycles/minute", "1 [cycles/minute]");
    }

    #[test]
    fn a_decimal_comma_is_read_if_asked_for() {
        case("23,5 °C", "! not a number with a unit");
        assert_eq!(found("23,5 °C".as_bytes(), true), "23.5 [°C]");
        assert_eq!(found(b"23,5", true), "23.5 [-]");
        assert_eq!(found(b"23.5", true), "23.5 [-]");
        assert_eq!(found(b"1.234,5", true), "! not a number with a unit");
        assert_eq!(found(b"1,234,5", true), "! not a number with a unit");
    }

    #[test]
    fn anything_else_is_no_measure() {
        for payload in [
            "°C",
            "hello",
            "20 °C 55 %",
            "2026-11-23",
            "10:00:00",
            "1.2.3",
            "192.168.0.1",
            "0x10",
            "0xFF",
            "12AB34",
            "3 blind mice",
            "1,5",
            "{\"a\":1}",
            "-",
            "+-1 V",
            "5 0",
            "1 thisisnotaunitbutasentence",
            "20 \"C\"",
            "NaN °C",
        ] {
            case(payload, "! not a number with a unit");
        }
        case(" ", "! empty payload");
        case("1e999 V", "! number out of range");
        case(b"20 \xff", "! not UTF-8");
    }
}
