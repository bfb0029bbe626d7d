//! What a payload means: a number, JSON, text, or nothing that can be stored.

#[cfg(test)]
mod tests;

use std::fmt;

use clap::ValueEnum;
use iot_store::{JSON_DEPTH_LIMIT, JSON_NODE_LIMIT, JsonError, Value, read_json};
use serde_json::Value as Json;

/// Which payloads are readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PayloadMode {
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

/// Longest payload that is read, in bytes: no document of MongoDB's is longer, and JSON takes
/// thirty times as much memory.
const LENGTH_LIMIT: usize = 16 << 20;

/// Why a payload is not a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// No bytes, or nothing but white space
    Empty,
    NotUtf8,
    NotANumber,
    NotANumberOrJson,
    /// It begins as JSON; holds what is wrong with it and where
    NotJson(String),
    /// A number too large for a double
    OutOfRange,
    TooLong,
    /// BSON can't hold it
    NulInKey,
    TooDeep,
    /// JSON of more values and keys than memory is spent on
    TooManyNodes,
    /// Where this pointer leads
    Missing(String),
    /// What is at this pointer
    NotATime(String, Json),
    /// The time at this pointer
    NoTimezone(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty payload"),
            Self::NotUtf8 => f.write_str("not UTF-8"),
            Self::NotANumber => f.write_str("not a number"),
            Self::NotANumberOrJson => f.write_str("not a number or JSON"),
            Self::NotJson(why) => write!(f, "not JSON: {why}"),
            Self::OutOfRange => f.write_str("number out of range"),
            Self::TooLong => write!(f, "longer than {} MiB", LENGTH_LIMIT >> 20),
            Self::NulInKey => f.write_str("object key with a NUL"),
            Self::Missing(pointer) => write!(f, "nothing at {pointer}"),
            Self::NotATime(pointer, found) => {
                write!(
                    f,
                    "the time at {pointer} cannot be read: `{}`",
                    excerpt(found)
                )
            }
            Self::NoTimezone(pointer) => write!(
                f,
                "the time at {pointer} has no time zone (give --device-timezone)"
            ),
            Self::TooDeep => write!(f, "nested deeper than {JSON_DEPTH_LIMIT} levels"),
            Self::TooManyNodes => write!(f, "more than {JSON_NODE_LIMIT} values and keys"),
        }
    }
}

/// Returns the beginning of JSON, on one line.
fn excerpt(json: &Json) -> String {
    const LONGEST: usize = 60;
    let text = json.to_string();
    let mut excerpt: String = text.chars().take(LONGEST).collect();
    if excerpt.len() < text.len() {
        excerpt.push('…');
    }
    excerpt
}

impl PayloadMode {
    /// Returns the value of `payload`.
    ///
    /// White space around a number doesn't count. JSON keeps the order of its keys; of two equal
    /// keys in one object the last counts. A number alone is a double, in JSON too. Inside JSON a
    /// whole number stays one as long as it fits 64 bits; beyond that it is the nearest double, as
    /// any number with a fraction is.
    ///
    /// An empty payload is rejected in every mode: it is how a retained message is removed, and no
    /// value.
    pub(super) fn value(self, payload: &[u8]) -> Result<Value, Reason> {
        if payload.len() > LENGTH_LIMIT {
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
    if payload.trim_ascii().is_empty() {
        return Err(Reason::Empty);
    }
    let text = std::str::from_utf8(payload).map_err(|_| Reason::NotUtf8)?;
    let json = read_json(text).map_err(|error| match error {
        JsonError::TooDeep => Reason::TooDeep,
        JsonError::TooManyNodes => Reason::TooManyNodes,
        JsonError::NulInKey => Reason::NulInKey,
        JsonError::Syntax(error) => {
            let why = error.to_string();
            if why.starts_with("number out of range") {
                Reason::OutOfRange
            } else {
                Reason::NotJson(why)
            }
        }
    })?;
    Ok(match json.as_f64() {
        Some(number) => Value::Number(number),
        None => Value::Json(json),
    })
}

fn text(payload: &[u8], reason: Reason) -> Result<Value, Reason> {
    match std::str::from_utf8(payload) {
        Ok("") => Err(reason),
        Ok(text) => Ok(Value::Text(text.to_owned())),
        Err(_) => Err(Reason::NotUtf8),
    }
}
