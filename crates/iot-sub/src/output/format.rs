//! `-F FORMAT`: a template of `%`, `@` and `\` sequences as in `mosquitto_sub`. It is parsed once.
//!
//! The output is that of `mosquitto_sub` 2.0.11, its oddities included: hex with a width shows half
//! of what would fit; `%-p` pads by the payload's own length. Hex in groups, `%d` and `%f` are those
//! of version 2.1.

use std::io::Write;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use iot_core::{Message, Properties};

use super::json;
use super::time::{Clock, Letter};

/// Limit of a field's width. A larger one is a typing error.
const MAX_WIDTH: usize = 1_000_000;

/// What separates groups of hex digits.
const SEPARATORS: &[u8] = b"!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~ ";

/// A parsed format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Time(Letter),
    Field(Field, Flags),
}

/// The characters between `%` and the letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    left: bool,
    zeros: bool,
    /// 0 for no padding.
    width: usize,
    precision: Option<usize>,
    separator: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    TopicAlias,
    ContentType,
    CorrelationData,
    Expiry,
    PayloadFormat,
    IsoDate,
    Json { parsed: bool },
    Length,
    PacketId,
    Payload,
    UserProperties,
    QoS,
    ResponseTopic,
    Retain,
    SubscriptionId,
    Topic,
    UnixTime,
    Hex { upper: bool },
    Float,
    Double,
}

impl Field {
    fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'A' => Self::TopicAlias,
            'C' => Self::ContentType,
            'D' => Self::CorrelationData,
            'E' => Self::Expiry,
            'F' => Self::PayloadFormat,
            'I' => Self::IsoDate,
            'j' => Self::Json { parsed: false },
            'J' => Self::Json { parsed: true },
            'l' => Self::Length,
            'm' => Self::PacketId,
            'p' => Self::Payload,
            'P' => Self::UserProperties,
            'q' => Self::QoS,
            'R' => Self::ResponseTopic,
            'r' => Self::Retain,
            'S' => Self::SubscriptionId,
            't' => Self::Topic,
            'U' => Self::UnixTime,
            'x' => Self::Hex { upper: false },
            'X' => Self::Hex { upper: true },
            'f' => Self::Float,
            'd' => Self::Double,
            _ => return None,
        })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut format = Self { pieces: Vec::new() };
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                '%' => format.percent(&mut rest)?,
                '@' => match rest.next() {
                    None => return Err("`@` at the end of the format (`@@` is an @)".into()),
                    Some('@') => format.text("@"),
                    Some(letter) => format.pieces.push(Piece::Time(Letter::of(letter)?)),
                },
                '\\' => format.text(escape(rest.next())?),
                c => format.text(c.encode_utf8(&mut [0; 4])),
            }
        }
        Ok(format)
    }
}

fn escape(letter: Option<char>) -> Result<&'static str, String> {
    Ok(match letter {
        Some('\\') => "\\",
        Some('0') => "\0",
        Some('a') => "\x07",
        Some('e') => "\x1b",
        Some('n') => "\n",
        Some('r') => "\r",
        Some('t') => "\t",
        Some('v') => "\x0b",
        Some(other) => {
            return Err(format!(
                "there is no `\\{other}`, only \\\\ \\0 \\a \\e \\n \\r \\t \\v"
            ));
        }
        None => return Err("`\\` at the end of the format (`\\\\` is a \\)".into()),
    })
}

impl Format {
    fn text(&mut self, text: &str) {
        if let Some(Piece::Text(before)) = self.pieces.last_mut() {
            before.extend(text.as_bytes());
        } else {
            self.pieces.push(Piece::Text(text.into()));
        }
    }

    fn percent(&mut self, rest: &mut std::str::Chars<'_>) -> Result<(), String> {
        let mut flags = Flags::default();
        let text = rest.as_str();
        let after = text.trim_start_matches('-');
        // At most one of each: a second one counts as an unknown letter.
        let after = &text[(text.len() - after.len()).min(1)..];
        flags.left = after.len() < text.len();
        let unpadded = after.strip_prefix('0');
        flags.zeros = unpadded.is_some();
        let (width, after) = number(unpadded.unwrap_or(after))?;
        flags.width = width;
        let mut after = after;
        if let Some(precise) = after.strip_prefix('.') {
            let (precision, behind) = number(precise)?;
            (flags.precision, after) = (Some(precision), behind);
        }
        if let [separator, b'x' | b'X', ..] = after.as_bytes()
            && SEPARATORS.contains(separator)
        {
            flags.separator = Some(*separator);
            after = &after[1..];
        }
        let mut letters = after.chars();
        let letter = letters.next();
        *rest = letters;
        match letter {
            None => Err("the format ends inside a `%` sequence (`%%` is a %)".into()),
            Some('%') => {
                self.text("%");
                Ok(())
            }
            Some(letter) => {
                let field = Field::of(letter).ok_or_else(|| {
                    format!("there is no `%{letter}`, only %% and A C D d E F f I J j l m P p q R r S t U X x")
                })?;
                self.pieces.push(Piece::Field(field, flags));
                Ok(())
            }
        }
    }

    /// Returns whether it prints the message as JSON.
    pub(crate) fn has_json(&self) -> bool {
        self.pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Field(Field::Json { .. }, _)))
    }

    /// Appends `message`, which was received at `now`. Returns why a field could not be printed.
    pub(super) fn print(
        &self,
        message: &Message,
        now: DateTime<Utc>,
        pretty: bool,
        clock: &mut Clock,
        out: &mut Vec<u8>,
    ) -> Option<&'static str> {
        let mut problem = None;
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Time(letter) => clock.at(now).letter(*letter, out),
                Piece::Field(field, flags) => {
                    problem = problem.or(flags.print(*field, message, now, pretty, clock, out));
                }
            }
        }
        problem
    }
}

/// Returns the number at the start of `text` (0 if there is none), and the rest.
fn number(text: &str) -> Result<(usize, &str), String> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &text[..text.len() - rest.len()];
    if digits.is_empty() {
        return Ok((0, rest));
    }
    match digits.parse() {
        Ok(number) if number <= MAX_WIDTH => Ok((number, rest)),
        _ => Err(format!("`{digits}` is wider than {MAX_WIDTH}")),
    }
}

impl Flags {
    fn print(
        self,
        field: Field,
        message: &Message,
        now: DateTime<Utc>,
        pretty: bool,
        clock: &mut Clock,
        out: &mut Vec<u8>,
    ) -> Option<&'static str> {
        let properties = message.properties.as_deref();
        let payload = &message.payload[..];
        match field {
            Field::Topic => self.string(message.topic.as_str().as_bytes(), out),
            Field::Payload => self.payload(payload, out),
            Field::Hex { upper } => self.hex(payload, upper, out),
            Field::Length => self.integer(payload.len() as u64, out),
            Field::PacketId => {
                self.integer(message.packet_id.map_or(0, |id| id.get().into()), out);
            }
            Field::QoS => out.push(b'0' + message.qos as u8),
            Field::Retain => out.push(b'0' + u8::from(message.retain)),
            Field::Json { parsed } => {
                json::message(message, clock.at(now).stamp(), parsed, pretty, out);
            }
            Field::IsoDate => self.string(clock.at(now).iso().as_bytes(), out),
            Field::UnixTime => {
                let nanoseconds = now.timestamp_subsec_nanos();
                let _ = write!(out, "{}.{nanoseconds:09}", now.timestamp());
            }
            Field::TopicAlias => self.maybe(properties.and_then(|p| p.topic_alias), out),
            Field::Expiry => self.maybe(properties.and_then(|p| p.message_expiry_interval), out),
            Field::PayloadFormat => {
                self.maybe(properties.and_then(|p| p.payload_format_indicator), out);
            }
            Field::SubscriptionId => {
                let first = |p: &Properties| p.subscription_identifiers.first().copied();
                self.maybe(properties.and_then(first), out);
            }
            Field::ContentType => match properties.and_then(|p| p.content_type.as_ref()) {
                Some(text) => self.string(text.as_bytes(), out),
                None => pad(b' ', self.width, out),
            },
            Field::ResponseTopic => {
                if let Some(topic) = properties.and_then(|p| p.response_topic.as_ref()) {
                    self.string(topic.as_bytes(), out);
                }
            }
            Field::CorrelationData => {
                out.extend(
                    properties
                        .and_then(|p| p.correlation_data.as_deref())
                        .unwrap_or_default(),
                );
            }
            Field::UserProperties => {
                let pairs = properties.map_or(&[][..], |p| &p.user_properties);
                for (at, (name, value)) in pairs.iter().enumerate() {
                    let space = if at > 0 { " " } else { "" };
                    let _ = write!(out, "{space}{name}:{value}");
                }
            }
            Field::Float => match payload.try_into() {
                Ok(bytes) => self.float(f32::from_ne_bytes(bytes).into(), out),
                Err(_) => return Some("`%f` needs a payload of 4 bytes"),
            },
            Field::Double => match payload.try_into() {
                Ok(bytes) => self.float(f64::from_ne_bytes(bytes), out),
                Err(_) => return Some("`%d` needs a payload of 8 bytes"),
            },
        }
        None
    }

    fn string(self, text: &[u8], out: &mut Vec<u8>) {
        let text = &text[..text.len().min(self.precision.unwrap_or(usize::MAX))];
        self.aligned(text, b' ', out);
    }

    fn integer(self, number: u64, out: &mut Vec<u8>) {
        let fill = if self.zeros && !self.left { b'0' } else { b' ' };
        self.aligned(number.to_string().as_bytes(), fill, out);
    }

    fn maybe(self, number: Option<impl Into<u64>>, out: &mut Vec<u8>) {
        match number {
            Some(number) => self.integer(number.into(), out),
            None => pad(self.fill(), self.width, out),
        }
    }

    fn float(self, number: f64, out: &mut Vec<u8>) {
        let sign = if number.is_sign_negative() { "-" } else { "" };
        let size = number.abs();
        let (digits, finite) = if size.is_nan() {
            ("nan".to_owned(), false)
        } else if size.is_infinite() {
            ("inf".to_owned(), false)
        } else {
            (format!("{size:.*}", self.precision.unwrap_or(6)), true)
        };
        if self.zeros && !self.left && finite {
            out.extend(sign.as_bytes());
            let zeros = self.width.saturating_sub(sign.len() + digits.len());
            pad(b'0', zeros, out);
            out.extend(digits.as_bytes());
        } else {
            self.aligned(format!("{sign}{digits}").as_bytes(), b' ', out);
        }
    }

    fn aligned(self, text: &[u8], fill: u8, out: &mut Vec<u8>) {
        let missing = self.width.saturating_sub(text.len());
        if !self.left {
            pad(fill, missing, out);
        }
        out.extend_from_slice(text);
        if self.left {
            pad(b' ', missing, out);
        }
    }

    fn fill(self) -> u8 {
        if self.zeros { b'0' } else { b' ' }
    }

    fn payload(self, payload: &[u8], out: &mut Vec<u8>) {
        let shown = match self.width {
            0 => payload,
            width => &payload[..payload.len().min(width)],
        };
        self.padded(shown.len(), shown.len(), out, |out| {
            out.extend_from_slice(shown);
        });
    }

    /// Calls `write`, which writes `length` bytes, and adds the padding of a payload: on the left up
    /// to the width; on the right up to the width, or `alone` bytes without a width.
    fn padded(
        self,
        length: usize,
        alone: usize,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let missing = self.width.saturating_sub(length);
        if !self.left {
            pad(self.fill(), missing, out);
        }
        write(out);
        if self.left {
            pad(b' ', if self.width == 0 { alone } else { missing }, out);
        }
    }

    fn hex(self, payload: &[u8], upper: bool, out: &mut Vec<u8>) {
        let digits: &[u8; 16] = if upper {
            b"0123456789ABCDEF"
        } else {
            b"0123456789abcdef"
        };
        let nibbles = |byte: u8| {
            [
                digits[usize::from(byte >> 4)],
                digits[usize::from(byte & 15)],
            ]
        };
        let Some(separator) = self.separator else {
            let shown = match self.width {
                0 => payload,
                width => &payload[..payload.len().min(width) / 2],
            };
            self.padded(shown.len() * 2, payload.len(), out, |out| {
                out.extend(shown.iter().flat_map(|byte| nibbles(*byte)));
            });
            return;
        };
        let shown = match self.width {
            0 => payload,
            width => &payload[..payload.len().min(width)],
        };
        let group = self.precision.unwrap_or(0);
        let mut position = 0;
        let mut step = |out: &mut Vec<u8>| {
            position += 1;
            if group > 0 && position % group == 0 {
                out.push(separator);
            }
        };
        let missing = self.width.saturating_sub(shown.len() * 2);
        if !self.left {
            for _ in 0..missing {
                out.push(self.fill());
                step(out);
            }
        }
        for (at, byte) in shown.iter().enumerate() {
            let [high, low] = nibbles(*byte);
            out.push(high);
            step(out);
            out.push(low);
            if at + 1 < shown.len() {
                step(out);
            }
        }
        if self.left {
            pad(
                b' ',
                if self.width == 0 {
                    payload.len()
                } else {
                    missing
                },
                out,
            );
        }
    }
}

fn pad(byte: u8, count: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + count, byte);
}

#[cfg(test)]
mod tests {
    use iot_core::TopicName;

    use super::*;

    fn print(format: &str, payload: &[u8]) -> String {
        let format: Format = format.parse().unwrap();
        let message = Message::new(TopicName::new("a/b").unwrap(), payload);
        let now = DateTime::from_timestamp(1_795_428_000, 123_456_789).unwrap();
        let mut out = Vec::new();
        format.print(&message, now, false, &mut Clock::default(), &mut out);
        String::from_utf8(out).unwrap()
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
        case("%.x|%.2x", b"ab", "6162|6162");
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
    fn a_wrong_format_is_explained() {
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
