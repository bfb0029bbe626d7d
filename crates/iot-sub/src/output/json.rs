//! A message as JSON, as `%j` and `%J` of `mosquitto_sub` print it.

use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use iot_core::{Message, Properties, QoS};

/// Limit of the nesting of a payload that is printed as JSON; a deeper one is printed as text.
const DEEPEST: usize = 1_000;

/// Appends the object: `tst`, `topic`, `qos`, `retain`, `payloadlen`, `mid`, `properties`,
/// `payload`, in that order.
///
/// With `parsed` a JSON payload is part of the object. Another payload is a string; one that is not
/// UTF-8 is base64, and `encoding` says so. So the output is always JSON.
pub(super) fn message(
    message: &Message,
    time: &str,
    parsed: bool,
    pretty: bool,
    out: &mut Vec<u8>,
) {
    let mut json = Json {
        out,
        pretty,
        depth: 0,
    };
    json.open();
    json.key("tst", true);
    json.string(time);
    json.key("topic", false);
    json.string(message.topic.as_str());
    json.number("qos", message.qos as u8);
    json.number("retain", u8::from(message.retain));
    json.number("payloadlen", message.payload.len());
    if message.qos > QoS::AtMostOnce
        && let Some(id) = message.packet_id
    {
        json.number("mid", id);
    }
    if let Some(properties) = &message.properties {
        json.properties(properties);
    }
    json.key("payload", false);
    match std::str::from_utf8(&message.payload) {
        Ok("") => json.raw("null"),
        Ok(text) => {
            if !(parsed && json.parsed(text)) {
                json.string(text);
            }
        }
        Err(_) => {
            json.string(&BASE64_STANDARD.encode(&message.payload));
            json.key("encoding", false);
            json.string("base64");
        }
    }
    json.close(false);
}

/// Writes JSON with the white space of cJSON: none, or `pretty` with tabs.
struct Json<'a> {
    out: &'a mut Vec<u8>,
    pretty: bool,
    depth: usize,
}

impl Json<'_> {
    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn open(&mut self) {
        self.raw("{");
        self.depth += 1;
        if self.pretty {
            self.raw("\n");
        }
    }

    fn close(&mut self, empty: bool) {
        self.depth -= 1;
        if self.pretty {
            if !empty {
                self.raw("\n");
            }
            self.tabs();
        }
        self.raw("}");
    }

    fn tabs(&mut self) {
        self.out.resize(self.out.len() + self.depth, b'\t');
    }

    fn key(&mut self, name: &str, first: bool) {
        if !first {
            self.raw(if self.pretty { ",\n" } else { "," });
        }
        if self.pretty {
            self.tabs();
        }
        self.string(name);
        self.raw(if self.pretty { ":\t" } else { ":" });
    }

    fn open_list(&mut self) {
        self.raw("[");
        self.depth += 1;
    }

    fn next_item(&mut self, first: bool) {
        if !first {
            self.raw(if self.pretty { ", " } else { "," });
        }
    }

    fn close_list(&mut self) {
        self.depth -= 1;
        self.raw("]");
    }

    fn string(&mut self, text: &str) {
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut *self.out, text);
    }

    fn number(&mut self, name: &str, number: impl std::fmt::Display) {
        self.key(name, false);
        let _ = write!(self.out, "{number}");
    }

    fn properties(&mut self, properties: &Properties) {
        self.key("properties", false);
        self.open();
        let mut first = true;
        let mut key = |json: &mut Self, name: &str| {
            json.key(name, first);
            first = false;
        };
        for id in &properties.subscription_identifiers {
            key(self, "subscription-identifier");
            let _ = write!(self.out, "{id}");
        }
        if !properties.user_properties.is_empty() {
            key(self, "user-properties");
            self.open_list();
            for (at, (name, value)) in properties.user_properties.iter().enumerate() {
                self.next_item(at == 0);
                self.open();
                self.key(name, true);
                self.string(value);
                self.close(false);
            }
            self.close_list();
        }
        if let Some(text) = &properties.content_type {
            key(self, "content-type");
            self.string(text);
        }
        if let Some(topic) = &properties.response_topic {
            key(self, "response-topic");
            self.string(topic);
        }
        if let Some(data) = &properties.correlation_data {
            key(self, "correlation-data");
            if let Ok(text) = std::str::from_utf8(data) {
                self.string(text);
            } else {
                self.string(&BASE64_STANDARD.encode(data));
                key(self, "correlation-data-encoding");
                self.string("base64");
            }
        }
        let numbers = [
            (
                "payload-format-indicator",
                properties.payload_format_indicator.map(u32::from),
            ),
            ("topic-alias", properties.topic_alias.map(u32::from)),
            (
                "message-expiry-interval",
                properties.message_expiry_interval,
            ),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                key(self, name);
                let _ = write!(self.out, "{number}");
            }
        }
        self.close(first);
    }

    /// Writes JSON `text` without its white space; writes nothing if it is not JSON.
    fn parsed(&mut self, text: &str) -> bool {
        let start = self.out.len();
        let depth = self.depth;
        let mut parser = Parser { text, at: 0 };
        if text.starts_with('\u{feff}') {
            parser.at = '\u{feff}'.len_utf8();
        }
        parser.space();
        let whole = parser.value(self).is_some() && {
            parser.space();
            parser.at == text.len()
        };
        if !whole {
            self.out.truncate(start);
            self.depth = depth;
        }
        whole
    }
}

/// Reads JSON and writes it again. It accepts the same numbers and control characters as cJSON.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while self.byte().is_some_and(|byte| byte <= b' ' && byte != 0) {
            self.at += 1;
        }
    }

    fn take(&mut self, text: &str) -> Option<()> {
        self.text
            .get(self.at..)?
            .starts_with(text)
            .then(|| self.at += text.len())
    }

    fn value(&mut self, json: &mut Json<'_>) -> Option<()> {
        if json.depth > DEEPEST {
            return None;
        }
        match self.byte()? {
            b'{' => self.object(json),
            b'[' => self.list(json),
            b'"' => {
                let text = self.string()?;
                json.string(&text);
                Some(())
            }
            b'-' | b'0'..=b'9' => self.number(json),
            _ => {
                let word = ["null", "true", "false"]
                    .into_iter()
                    .find(|word| self.take(word).is_some())?;
                json.raw(word);
                Some(())
            }
        }
    }

    fn object(&mut self, json: &mut Json<'_>) -> Option<()> {
        self.at += 1;
        json.open();
        self.space();
        let mut first = true;
        if self.take("}").is_none() {
            loop {
                self.space();
                if self.byte()? != b'"' {
                    return None;
                }
                let name = self.string()?;
                json.key(&name, first);
                first = false;
                self.space();
                self.take(":")?;
                self.space();
                self.value(json)?;
                self.space();
                if self.take(",").is_none() {
                    self.take("}")?;
                    break;
                }
            }
        }
        json.close(first);
        Some(())
    }

    fn list(&mut self, json: &mut Json<'_>) -> Option<()> {
        self.at += 1;
        json.open_list();
        self.space();
        if self.take("]").is_none() {
            let mut first = true;
            loop {
                self.space();
                json.next_item(first);
                first = false;
                self.value(json)?;
                self.space();
                if self.take(",").is_none() {
                    self.take("]")?;
                    break;
                }
            }
        }
        json.close_list();
        Some(())
    }

    fn number(&mut self, json: &mut Json<'_>) -> Option<()> {
        let rest = &self.text[self.at..];
        let other = |c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E');
        let mut digits = &rest[..rest.find(other).unwrap_or(rest.len())];
        // The longest prefix that is a number.
        let number = loop {
            match digits.parse::<f64>() {
                Ok(number) => break number,
                Err(_) => digits = &digits[..digits.len().checked_sub(1)?],
            }
        };
        self.at += digits.len();
        number_like_c(number, json.out);
        Some(())
    }

    fn string(&mut self) -> Option<String> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let end = rest.find(['"', '\\'])?;
            string.push_str(&rest[..end]);
            self.at += end + 1;
            if rest.as_bytes()[end] == b'"' {
                return Some(string);
            }
            let escaped = self.byte()?;
            self.at += 1;
            string.push(match escaped {
                b'b' => '\x08',
                b'f' => '\x0c',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'"' | b'\\' | b'/' => escaped.into(),
                b'u' => self.code_point()?,
                _ => return None,
            });
        }
    }

    fn code_point(&mut self) -> Option<char> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        self.take("\\u")?;
        let second = self.hex()?;
        if !(0xdc00..0xe000).contains(&second) {
            return None;
        }
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

/// Writes a number with 15 digits, or with 17 if 15 lose more than a rounding error, as cJSON does.
fn number_like_c(number: f64, out: &mut Vec<u8>) {
    if !number.is_finite() {
        out.extend(b"null");
        return;
    }
    let mut text = general(number, 15);
    let near = text
        .parse::<f64>()
        .is_ok_and(|back| (back - number).abs() <= back.abs().max(number.abs()) * f64::EPSILON);
    if !near {
        text = general(number, 17);
    }
    out.extend(text.as_bytes());
}

/// Returns a number as C's `%.{digits}g` prints it.
fn general(number: f64, digits: usize) -> String {
    let scientific = format!("{number:.*e}", digits - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let short = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    let whole = i32::try_from(digits).unwrap_or(i32::MAX);
    if (-4..whole).contains(&exponent) {
        let decimals = usize::try_from(whole - 1 - exponent).unwrap_or_default();
        short(&format!("{number:.decimals$}"))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", short(mantissa), exponent.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use iot_core::TopicName;
    use serde_json::Value;

    use super::*;

    fn payload(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        let topic = TopicName::new("t").unwrap();
        message(&Message::new(topic, bytes), "now", true, false, &mut out);
        let text = String::from_utf8(out).unwrap();
        serde_json::from_str::<Value>(&text).unwrap();
        let (_, payload) = text.split_once(r#""payload":"#).unwrap();
        payload.strip_suffix('}').unwrap().to_owned()
    }

    #[track_caller]
    fn case(bytes: &[u8], expected: &str) {
        assert_eq!(payload(bytes), expected);
    }

    #[test]
    fn json_is_written_as_cjson_does() {
        case(
            b" {\"a\" : [1 , 2.50,-0.0], \"a\": {} } ",
            r#"{"a":[1,2.5,-0],"a":{}}"#,
        );
        case(b"0.30000000000000004", "0.3");
        case(b"12345678901234567890", "1.2345678901234567e+19");
        case(b"123456.789e3", "123456789");
        case(b"1e-7", "1e-07");
        case(b"0.0001", "0.0001");
        case(b"007", "7");
        case(br#""\ud83d\ude00\u00e9\/\n""#, "\"😀é/\\n\"");
    }

    #[test]
    fn what_is_no_json_is_text_and_what_is_no_text_base64() {
        for text in [
            "hello",
            "{\"a\":1}x",
            "[1,]",
            "{\"a\"}",
            "\"\\ud800\"",
            "1e",
            "nul",
        ] {
            case(text.as_bytes(), &serde_json::to_string(text).unwrap());
        }
        case(b"7\0", "\"7\\u0000\"");
        case(b"\xff\xfe", r#""//4=","encoding":"base64""#);
        case(b"", "null");
        let deep = "[".repeat(100_000);
        case(deep.as_bytes(), &format!("\"{deep}\""));
    }
}
