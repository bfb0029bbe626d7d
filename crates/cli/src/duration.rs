//! Durations as people type them.

use std::time::Duration;

/// Returns the duration that a text such as `500ms`, `2s`, `2 sec`, `1.5m`, `1h` or `1d` names. A
/// number without a unit is in seconds.
///
/// # Errors
/// A line that shows the forms, for another text and for a duration that is not positive.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let number = text.trim_end_matches(|c: char| c.is_alphabetic());
    let seconds = unit_seconds(&text[number.len()..]).ok_or_else(wanted)?;
    number
        .trim_end()
        .parse::<f64>()
        .ok()
        .and_then(|number| Duration::try_from_secs_f64(number * seconds).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(wanted)
}

/// Returns the duration that a text such as `90d` names, whose unit must not be left out: `90`
/// means days to some and seconds to others, and what is older is deleted.
///
/// # Errors
/// As [`parse_duration`], and for a number without a unit.
pub fn parse_age(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    let text = text.trim();
    if text.ends_with(char::is_alphabetic) {
        return Ok(duration);
    }
    Err(format!(
        "a unit is missing: {text}d, {text}h, {text}m or {text}s"
    ))
}

/// Returns the seconds of a unit, by any of its usual names.
fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "us" | "µs" | "μs" => 1e-6,
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => 0.001,
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    })
}

fn wanted() -> String {
    "a duration is a positive number of seconds, or one with its unit: 500ms, 2s, 1m, 1h or 1d"
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_unit() {
        for (text, milliseconds) in [
            ("2s", 2000),
            ("2sec", 2000),
            ("2 seconds", 2000),
            ("2", 2000),
            ("0.5", 500),
            ("500ms", 500),
            ("500 msec", 500),
            ("2000us", 2),
            ("1m", 60_000),
            ("1min", 60_000),
            ("2Minutes", 120_000),
            ("1.5h", 5_400_000),
            ("1hour", 3_600_000),
            ("2d", 172_800_000),
            (" 1 day ", 86_400_000),
        ] {
            let expected = Duration::from_millis(milliseconds);
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
        assert_eq!(parse_age("90d"), parse_duration("90d"));
        assert_eq!(
            parse_age(" 90"),
            Err("a unit is missing: 90d, 90h, 90m or 90s".into())
        );
        assert_eq!(parse_age("0d"), Err(wanted()));
        for bad in [
            "", "s", "-1s", "0s", "0", "2w", "2 s s", "1e400s", "NaN", "inf", "2,5s",
        ] {
            assert_eq!(parse_duration(bad), Err(wanted()), "{bad}");
        }
    }
}
