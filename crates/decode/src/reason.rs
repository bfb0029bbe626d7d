//! Why a message is not a reading.

use std::fmt;

use iot_store::{JSON_DEPTH_LIMIT, JSON_NODE_LIMIT, JsonError};
use serde_json::Value as Json;

/// Longest payload that is read, in bytes: no document of MongoDB's is longer, and JSON takes
/// thirty times as much memory.
pub const PAYLOAD_LIMIT_BYTES: usize = 16 << 20;

/// Longest name of a metric, in bytes. A long key around many numbers would otherwise be kept once
/// for each of them.
pub const METRIC_LIMIT_BYTES: usize = 1024;

/// Why a message has no readings. The text is one line; what it quotes of the payload may hold
/// control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No bytes, or nothing but white space
    Empty,
    /// A text format has bytes that are not UTF-8
    NotUtf8,
    /// It is not a decimal number
    NotANumber,
    /// It is neither
    NotANumberOrJson,
    /// It begins as JSON; holds what is wrong with it and where
    NotJson(String),
    /// A number too large for a double
    OutOfRange,
    /// A payload longer than [`PAYLOAD_LIMIT_BYTES`]
    TooLong,
    /// BSON can't hold it
    NulInKey,
    /// Nested deeper than [`JSON_DEPTH_LIMIT`]
    TooDeep,
    /// JSON of more values and keys than memory is spent on
    TooManyNodes,
    /// Where this pointer leads
    Missing(String),
    /// What is at this pointer
    NotATime(String, Json),
    /// The time at this pointer
    NoTimezone(String),
    /// A path longer than [`METRIC_LIMIT_BYTES`]
    LongMetric,
    /// It is not a number with a unit
    NotAMeasure,
    /// It is none of these words
    NotAState(String),
    /// What a program has said about it
    Map(String),
    /// It is not what the format wants: its name, and what is wrong with it
    Malformed(&'static str, String),
}

impl Reason {
    /// Returns the reason for a payload that is not what `format` wants.
    pub fn malformed(format: &'static str, why: impl Into<String>) -> Self {
        Self::Malformed(format, why.into())
    }
}

impl From<JsonError> for Reason {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::TooDeep => Self::TooDeep,
            JsonError::TooManyNodes => Self::TooManyNodes,
            JsonError::NulInKey => Self::NulInKey,
            JsonError::Syntax(error) => error.into(),
        }
    }
}

impl From<serde_json::Error> for Reason {
    fn from(error: serde_json::Error) -> Self {
        let why = error.to_string();
        if why.starts_with("number out of range") {
            Self::OutOfRange
        } else {
            Self::NotJson(why)
        }
    }
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
            Self::TooLong => write!(f, "longer than {} MiB", PAYLOAD_LIMIT_BYTES >> 20),
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
            Self::LongMetric => write!(
                f,
                "a path of more than {METRIC_LIMIT_BYTES} bytes cannot be the name of a metric"
            ),
            Self::NotAMeasure => f.write_str("not a number with a unit"),
            Self::NotAState(words) => write!(f, "not a state: none of {words}"),
            Self::Map(why) => write!(f, "map: {why}"),
            Self::Malformed(format, why) => write!(f, "not {format}: {why}"),
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

impl std::error::Error for Reason {}
