//! The value of a reading, and how it is printed.

use std::fmt;
use std::io::Write;

use serde_json::Value as Json;

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Always finite.
    Number(f64),
    /// Anything in JSON but a number alone.
    Json(Json),
    /// UTF-8 text that is neither, with `--payload text` only.
    Text(String),
}

impl fmt::Display for Value {
    /// Writes a number as Python's `repr` does (`10` is `10.0`), JSON without white space, text as it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => repr(*number, f),
            Self::Json(json) => write!(f, "{json}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Value {
    /// Returns roughly how many bytes it holds on the heap.
    pub(super) fn heap_size(&self) -> usize {
        match self {
            Self::Number(_) => 0,
            Self::Json(json) => json_heap_size(json),
            Self::Text(text) => text.len(),
        }
    }
}

fn json_heap_size(json: &Json) -> usize {
    /// A hash and a table slot beside each key.
    const FIELD: usize = size_of::<(String, Json)>() + 24;
    match json {
        Json::Array(items) => items
            .iter()
            .map(|item| size_of::<Json>() + json_heap_size(item))
            .sum(),
        Json::Object(fields) => fields
            .iter()
            .map(|(key, item)| FIELD + key.len() + json_heap_size(item))
            .sum(),
        Json::String(text) => text.len(),
        _ => 0,
    }
}

/// Writes `number` exactly as `repr(float)` of Python does: the fewest digits that read back as the same double, in
/// fixed notation from 0.0001 up to below 1e16.
fn repr(number: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let size = number.abs();
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        // Rust's own shortest form agrees here; only its borders are others.
        return write!(f, "{number:?}");
    }
    if !number.is_finite() {
        return write!(f, "{number}");
    }
    // The longest is `-2.2250738585072014e-308`.
    let mut buffer = [0; 32];
    let mut rest = &mut buffer[..];
    write!(rest, "{number:e}").map_err(|_| fmt::Error)?;
    let unused = rest.len();
    let text = &buffer[..buffer.len() - unused];
    let text = std::str::from_utf8(text).map_err(|_| fmt::Error)?;
    let (digits, exponent) = text.split_once('e').ok_or(fmt::Error)?;
    let (sign, exponent) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |e| ('-', e));
    write!(f, "{digits}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of a double's 64 bits in hex and what Python 3 prints for it.
    const PYTHON: &str = include_str!("python_repr.txt");

    #[test]
    fn numbers_are_printed_as_python_does() {
        for line in PYTHON.lines() {
            let (bits, expected) = line.split_once(' ').unwrap();
            let number = f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
            assert_eq!(Value::Number(number).to_string(), expected, "{bits}");
        }
    }

    #[test]
    fn json_and_text_are_printed_as_they_are() {
        let json = serde_json::json!({"b": [1, 2.0, null], "a": "ü\n"});
        assert_eq!(
            Value::Json(json).to_string(),
            r#"{"b":[1,2.0,null],"a":"ü\n"}"#
        );
        assert_eq!(Value::Text(" a\tb ".into()).to_string(), " a\tb ");
    }
}
