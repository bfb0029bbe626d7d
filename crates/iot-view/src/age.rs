//! How long ago something was, for people.

use chrono::{DateTime, TimeDelta, Utc};

/// Returns the time from `then` to `now` in its largest unit: `5 s`, `3 min`, `2 h`, `4 d`. A time
/// that is still to come is `in 2 h`.
pub(crate) fn age(then: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let age = now - then;
    if age < TimeDelta::zero() {
        // Clocks differ a little.
        return match age.num_seconds() {
            -1..=0 => "0 s".to_owned(),
            _ => format!("in {}", in_largest_unit(-age)),
        };
    }
    in_largest_unit(age)
}

/// Returns a duration in its largest unit.
pub(crate) fn in_largest_unit(duration: TimeDelta) -> String {
    let seconds = duration.num_seconds();
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_in_its_largest_unit() {
        let now = DateTime::UNIX_EPOCH;
        for (seconds, expected) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (172_800, "2 d"),
            (-1, "0 s"),
            (-7_200, "in 2 h"),
        ] {
            assert_eq!(age(now - TimeDelta::seconds(seconds), now), expected);
        }
    }
}
