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
    /// Returns roughly how many bytes it holds on the heap.
    pub(crate) fn heap_size(&self) -> usize {
        match self {
            Self::Number(_) => 0,
            Self::Json(json) => json_heap_size(json),
            Self::Text(text) => text.len(),
        }
    }
}

pub(crate) fn json_heap_size(json: &Json) -> usize {
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
