//! Durations as people type them.

use std::time::Duration;

/// Returns the duration that a text such as `500ms`, `2s`, `1.5m` or `1h` names; seconds without a
/// unit.
///
/// # Errors
/// A line that says what is wanted, where the text is another or the duration is not positive.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wanted()),
    };
    digits
        .parse::<f64>()
        .ok()
        .and_then(|number| Duration::try_from_secs_f64(number * unit).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(wanted)
}

fn wanted() -> String {
    "a duration is a positive number and its unit: 500ms, 2s, 1m or 1h".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_unit() {
        for (text, milliseconds) in [
            ("2s", 2000),
            ("500ms", 500),
            ("1m", 60_000),
            ("1.5h", 5_400_000),
            ("2", 2000),
        ] {
            let expected = Duration::from_millis(milliseconds);
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
        for bad in ["", "s", "-1s", "0s", "2 s", "2d", "1e400s", "NaN"] {
            assert_eq!(parse_duration(bad), Err(wanted()), "{bad}");
        }
    }
}
