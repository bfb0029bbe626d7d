//! A value as the page shows it.

use std::fmt::{self, Write};
use std::sync::Arc;

use iot_store::Value;

/// Limit of the bytes that are shown of a text or of JSON.
const SHOWN_BYTES: usize = 200;

/// A number, or the beginning of anything else as text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ShownValue {
    Number(f64),
    Text(Arc<str>),
}

impl ShownValue {
    /// Returns `value` as it is shown. A long one is cut without being written in full.
    pub(crate) fn of(value: &Value) -> Self {
        if let Value::Number(number) = value {
            return Self::Number(*number);
        }
        let mut text = Cut(String::new());
        if write!(text, "{value}").is_err() {
            text.0.push('…');
        }
        Self::Text(text.0.into())
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
        let text = |value: Value| match ShownValue::of(&value) {
            ShownValue::Text(text) => text.to_string(),
            ShownValue::Number(_) => panic!("a number"),
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
