//! Payloads that are one value: a number, JSON or text.

#[cfg(test)]
mod tests;

use iot_store::{Value, read_json};
use serde_json::Value as Json;

use crate::reason::{PAYLOAD_LIMIT_BYTES, Reason};

/// Which payloads are readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainFormat {
    /// A number, or else JSON; anything else is rejected
    #[default]
    Auto,
    /// A number only
    Number,
    /// JSON only (so `.5`, `+5` and `5.` are rejected)
    Json,
    /// A number, JSON, or any other UTF-8 text, which is stored as it is
    Text,
}

impl PlainFormat {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Number => "number",
            Self::Json => "json",
            Self::Text => "text",
        }
    }

    /// Returns the value of `payload`.
    ///
    /// White space around a number doesn't count. JSON keeps the order of its keys; of two equal
    /// keys in one object the last counts. A number alone is a double, in JSON too. Inside JSON a
    /// whole number stays one as long as it fits 64 bits; beyond that it is the nearest double, as
    /// any number with a fraction is.
    ///
    /// An empty payload is rejected in every mode: it is how a retained message is removed, and no
    /// value.
    ///
    /// # Errors
    /// It is not what this format takes.
    pub fn value(self, payload: &[u8]) -> Result<Value, Reason> {
        if payload.len() > PAYLOAD_LIMIT_BYTES {
            return Err(Reason::TooLong);
        }
        match self {
            Self::Auto => number_or_json(payload),
            Self::Number => number(payload),
            Self::Json => json(payload),
            Self::Text => number_or_json(payload).or_else(|reason| text(payload, reason)),
        }
    }
}

fn number_or_json(payload: &[u8]) -> Result<Value, Reason> {
    match number(payload) {
        Err(Reason::NotANumber) => {}
        decided => return decided,
    }
    json(payload).map_err(|reason| match reason {
        // What doesn't even begin as JSON was hardly meant to be: where a parser gave up on it
        // helps nobody.
        Reason::NotJson(_) if !matches!(payload.trim_ascii().first(), Some(b'{' | b'[' | b'"')) => {
            Reason::NotANumberOrJson
        }
        reason => reason,
    })
}

/// Returns the ASCII decimal number that `payload` is: sign, digits with or without a point,
/// exponent.
fn number(payload: &[u8]) -> Result<Value, Reason> {
    let digits = payload.trim_ascii();
    if digits.is_empty() {
        return Err(Reason::Empty);
    }
    // Rust's own parser would also take `inf`, `infinity` and `nan`: none of them is made of these
    // characters.
    let decimal = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    if !digits.iter().all(decimal) {
        return match std::str::from_utf8(payload) {
            Ok(_) => Err(Reason::NotANumber),
            Err(_) => Err(Reason::NotUtf8),
        };
    }
    match std::str::from_utf8(digits).map(str::parse::<f64>) {
        Ok(Ok(number)) if number.is_finite() => Ok(Value::Number(number)),
        Ok(Ok(_)) => Err(Reason::OutOfRange),
        _ => Err(Reason::NotANumber),
    }
}

fn json(payload: &[u8]) -> Result<Value, Reason> {
    document(payload).map(json_value)
}

/// Returns the JSON document in a payload.
///
/// # Errors
/// It is not JSON, or exceeds a limit.
pub(crate) fn document(payload: &[u8]) -> Result<Json, Reason> {
    if payload.len() > PAYLOAD_LIMIT_BYTES {
        return Err(Reason::TooLong);
    }
    if payload.trim_ascii().is_empty() {
        return Err(Reason::Empty);
    }
    let text = std::str::from_utf8(payload).map_err(|_| Reason::NotUtf8)?;
    read_json(text).map_err(Reason::from)
}

/// Returns JSON as the value of a reading: a number alone is a double.
pub(crate) fn json_value(json: Json) -> Value {
    match json.as_f64() {
        Some(number) => Value::Number(number),
        None => Value::Json(json),
    }
}

fn text(payload: &[u8], reason: Reason) -> Result<Value, Reason> {
    match std::str::from_utf8(payload) {
        Ok("") => Err(reason),
        Ok(text) => Ok(Value::Text(text.to_owned())),
        Err(_) => Err(Reason::NotUtf8),
    }
}
