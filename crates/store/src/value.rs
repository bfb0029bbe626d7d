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
    pub fn heap_size(&self) -> usize {
        match self {
            Self::Number(_) => 0,
            Self::Json(json) => json_heap_size(json),
            Self::Text(text) => text.len(),
        }
    }
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
