//! A value as the page shows it.

use std::fmt::{self, Write};

use iot_store::Value;
use serde::Serialize;
use serde_json::Value as Json;

/// Limit of the bytes that are shown of a text or of JSON.
const SHOWN_BYTES: usize = 200;

/// A number, a boolean, or the beginning of anything else as text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum ShownValue {
    Number(f64),
    Bool(bool),
    Text(String),
}

impl ShownValue {
    /// Returns `value` as it is shown. A long one is cut without being written in full.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Number(number) => return Self::Number(*number),
            Value::Json(Json::Bool(value)) => return Self::Bool(*value),
            Value::Json(_) | Value::Text(_) => {}
        }
        let mut text = Cut(String::new());
        if write!(text, "{value}").is_err() {
            text.0.push('…');
        }
        Self::Text(text.0)
    }

    /// Returns it as a number for a chart.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Text(_) => None,
        }
    }
}

/// Takes text up to the limit, and then fails.
struct Cut(String);

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = SHOWN_BYTES - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_at_a_character() {
        assert_eq!(ShownValue::of(&Value::Number(2.5)), ShownValue::Number(2.5));
        let on = ShownValue::of(&Value::Json(true.into()));
        assert_eq!(on.number(), Some(1.0));
        let text = |value: Value| match ShownValue::of(&value) {
            ShownValue::Text(text) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(text(Value::Text("on".into())), "on");
        assert_eq!(
            text(Value::Json(serde_json::json!({"a": [1]}))),
            r#"{"a":[1]}"#
        );
        let long = text(Value::Text("ü".repeat(1_000)));
        assert_eq!(long, "ü".repeat(100) + "…");
        let json = text(Value::Json(serde_json::json!(vec!["x"; 100_000])));
        assert!(json.len() < 210, "{}", json.len());
    }
}
