//! `-F FORMAT`: a template of `%`, `@` and `\` sequences as in `mosquitto_sub`. It is parsed once.
//!
//! The output is that of `mosquitto_sub`, its oddities included: `%-p` pads by the payload's own
//! length. `%x`, `%d` and `%f` are those of version 2.1.

mod field;
mod flags;
mod hex;
mod parse;
mod piece;

use std::str::FromStr;

use iot_cli::make_printable;
use iot_core::Message;

use self::field::Field;
pub(super) use self::field::Shown;
use self::piece::Piece;
use super::time::Clock;

/// A format, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pieces: Vec<Piece>,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pieces = parse::parse(text)?;
        Ok(Self { pieces })
    }
}

impl Format {
    /// Returns whether it shows the message as JSON.
    pub(crate) fn has_json(&self) -> bool {
        self.pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Field(Field::Json { .. }, _)))
    }

    /// Appends what it makes of `message`. Returns what could not be printed.
    pub(super) fn print(
        &self,
        message: &Message,
        shown: Shown,
        clock: &mut Clock,
        out: &mut Vec<u8>,
    ) -> Option<&'static str> {
        let mut problem = None;
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Time(letter) => clock.at(shown.now).letter(*letter, out),
                Piece::Field(field, flags) => {
                    let start = out.len();
                    problem = problem.or(field.print(*flags, message, shown, clock, out));
                    if shown.is_on_terminal {
                        let has_lines = matches!(field, Field::Payload | Field::Json { .. });
                        make_printable(out, start, has_lines);
                    }
                }
            }
        }
        problem
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use iot_core::TopicName;

    use super::*;

    fn print_on(is_on_terminal: bool, format: &str, payload: &[u8]) -> String {
        let format: Format = format.parse().unwrap();
        let message = Message::new(TopicName::new("a/b").unwrap(), payload);
        let now = DateTime::from_timestamp(1_795_428_000, 123_456_789).unwrap();
        let shown = Shown {
            now,
            is_pretty: false,
            is_on_terminal,
        };
        let mut out = Vec::new();
        format.print(&message, shown, &mut Clock::default(), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn print(format: &str, payload: &[u8]) -> String {
        print_on(false, format, payload)
    }

    #[track_caller]
    fn case(format: &str, payload: &[u8], expected: &str) {
        assert_eq!(print(format, payload), expected, "{format}");
    }

    #[track_caller]
    fn refused(format: &str, expected: &str) {
        assert_eq!(format.parse::<Format>().unwrap_err(), expected);
    }

    #[test]
    fn text_and_escapes() {
        case("a%%b@@c\\\\d\\te\\0ü", b"", "a%b@c\\d\te\0ü");
        case("%U @N", b"", "1795428000.123456789 123456789");
    }

    #[test]
    fn hex_in_groups() {
        case("%.2:x", b"abcd", "61:62:63:64");
        case("%.4-X", b"jkl\xff\x00", "6A6B-6CFF-00");
        case("%.2 x", b"a", "61");
        case("%.x|%.2x", b"ab", "6162|61 62");
        case("%.1x", b"message", "6 d 6 5 7 3 7 3 6 1 6 7 6 5");
        case("%.2x", b"message", "6d 65 73 73 61 67 65");
    }

    #[test]
    fn hex_with_a_width() {
        case("%5x|%18x", b"message", "6d65737361|    6d657373616765");
        case(
            "%-18x|%-5x|",
            b"message",
            "6d657373616765    |6d65737361     |",
        );
        case("%06X|%-x|", b"ab", "006162|6162  |");
        case("%8.2:x", b"ab", "  :  :61:62");
    }

    #[test]
    fn a_terminal_gets_no_escape_sequences_of_the_message_s() {
        let payload = b"\x1b[2J\tx\ny";
        assert_eq!(
            print_on(true, "\\e[1m%p", payload),
            "\x1b[1m\\u{1b}[2J\tx\ny"
        );
        assert_eq!(print_on(false, "\\e[1m%p", payload), "\x1b[1m\x1b[2J\tx\ny");
    }

    #[test]
    fn binary_numbers() {
        case(
            "%f|%.2f|%8.1f|%-8.1f|%08.1f",
            &(-1.5_f32).to_ne_bytes(),
            "-1.500000|-1.50|    -1.5|-1.5    |-00001.5",
        );
        case("%d|%.0d", &2.5_f64.to_ne_bytes(), "2.500000|2");
        case("<%d>", b"1", "<>");
    }

    #[test]
    fn a_wrong_format_is_reported() {
        refused("%", "the format ends inside a `%` sequence (`%%` is a %)");
        refused("%-", "the format ends inside a `%` sequence (`%%` is a %)");
        refused(
            "%05.",
            "the format ends inside a `%` sequence (`%%` is a %)",
        );
        refused(
            "%k",
            "there is no `%k`, only %% and A C D d E F f I J j l m P p q R r S t U X x",
        );
        refused(
            "%--p",
            "there is no `%-`, only %% and A C D d E F f I J j l m P p q R r S t U X x",
        );
        refused("%9999999p", "`9999999` is wider than 1000000");
        refused("x@", "`@` at the end of the format (`@@` is an @)");
        refused(
            "@Q",
            "there is no `@Q`: @ goes before a letter of strftime or N",
        );
        refused("\\", "`\\` at the end of the format (`\\\\` is a \\)");
        refused(
            "\\q",
            "there is no `\\q`, only \\\\ \\0 \\a \\e \\n \\r \\t \\v",
        );
    }
}
