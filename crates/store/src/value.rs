//! The value of a reading.

use std::fmt;

use serde_json::Value as Json;

use crate::python_repr::repr;

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Always finite.
    Number(f64),
    /// Anything in JSON but a number alone.
    Json(Json),
    /// UTF-8 text that is neither.
    Text(String),
}

impl fmt::Display for Value {
    /// Writes a number as Python's `repr` does (`10` is `10.0`), JSON without white space, text as
    /// it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => repr(*number, f),
            Self::Json(json) => write!(f, "{json}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Value {
    /// Returns it as a number, if it is one for plots and sums: a boolean is 1 or 0, and text may
    /// be a decimal number such as `-1.5e3`.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Json(Json::Bool(value)) => Some(f64::from(u8::from(*value))),
            Self::Json(Json::String(text)) | Self::Text(text) => decimal(text),
            // Another program may have stored it.
            Self::Json(Json::Number(number)) => number.as_f64(),
            Self::Json(_) => None,
        }
    }

    /// Returns roughly how many bytes it holds on the heap.
    pub fn heap_size(&self) -> usize {
        match self {
            Self::Number(_) => 0,
            Self::Json(json) => json_heap_size(json),
            Self::Text(text) => text.len(),
        }
    }
}

/// Returns the number that `text` is: digits with a sign, a point and an exponent, but no space and
/// no word such as `inf`.
fn decimal(text: &str) -> Option<f64> {
    let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    if text.len() > 40 || !text.as_bytes().iter().all(is_part) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    number.is_finite().then_some(number)
}

pub(crate) fn json_heap_size(json: &Json) -> usize {
    /// A hash beside key and value.
    const FIELD: usize = size_of::<(String, Json)>() + 8;
    /// A table of the fields has at least four places, and as many slots that lead there.
    const FIRST_FIELDS: usize = 4;
    const SLOT: usize = 9;
    match json {
        Json::Array(items) => {
            let own = items.capacity() * size_of::<Json>();
            own + items.iter().map(json_heap_size).sum::<usize>()
        }
        Json::Object(fields) if fields.is_empty() => 0,
        Json::Object(fields) => {
            let places = fields.len().next_power_of_two().max(FIRST_FIELDS);
            let field = |(key, item): (&String, &Json)| key.capacity() + json_heap_size(item);
            places * (FIELD + 2 * SLOT) + fields.iter().map(field).sum::<usize>()
        }
        Json::String(text) => text.capacity(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
