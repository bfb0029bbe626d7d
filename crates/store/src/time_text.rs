//! Times as text, by the million.

use chrono::{DateTime, SecondsFormat, Utc};

const MILLISECONDS_PER_DAY: i64 = 86_400_000;

/// Writes times as `2026-11-23T10:00:00.123Z`. It keeps the text of the last day: readings of one
/// day come together.
#[derive(Debug, Default)]
pub struct TimeText {
    day: Option<i64>,
    /// `2026-11-23T`
    date: String,
}

impl TimeText {
    /// Appends a time, in whole milliseconds.
    pub fn push(&mut self, time: DateTime<Utc>, out: &mut Vec<u8>) {
        let milliseconds = time.timestamp_millis();
        let day = milliseconds.div_euclid(MILLISECONDS_PER_DAY);
        if self.day != Some(day) {
            let text = time.to_rfc3339_opts(SecondsFormat::Millis, true);
            let end = text.find('T').map_or(0, |at| at + 1);
            text[..end].clone_into(&mut self.date);
            self.day = Some(day);
        }
        let rest = milliseconds.rem_euclid(MILLISECONDS_PER_DAY);
        let (seconds, millisecond) = (rest / 1_000, rest % 1_000);
        let (minutes, second) = (seconds / 60, seconds % 60);
        let (hour, minute) = (minutes / 60, minutes % 60);
        #[expect(clippy::cast_sign_loss, reason = "it is a digit")]
        let digit = |number: i64| b'0' + (number % 10) as u8;
        out.extend_from_slice(self.date.as_bytes());
        out.extend_from_slice(&[
            digit(hour / 10),
            digit(hour),
            b':',
            digit(minute / 10),
            digit(minute),
            b':',
            digit(second / 10),
            digit(second),
            b'.',
            digit(millisecond / 100),
            digit(millisecond / 10),
            digit(millisecond),
            b'Z',
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_chrono_does() {
        let mut text = TimeText::default();
        for milliseconds in [
            0,
            -1,
            1_782_000_000_000,
            1_782_000_000_007,
            1_782_086_399_999,
            1_782_086_400_000,
            -62_135_596_800_001,
            253_402_300_800_000,
        ] {
            let time = DateTime::from_timestamp_millis(milliseconds).unwrap();
            let mut out = Vec::new();
            text.push(time, &mut out);
            let expected = time.to_rfc3339_opts(SecondsFormat::Millis, true);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
