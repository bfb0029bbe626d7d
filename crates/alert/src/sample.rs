//! The value of a reading, as conditions see it.

use serde_json::Value as Json;

/// A value that conditions are applied to.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    /// A number; a boolean is 1 or 0.
    Number(f64),
    /// Text. Numeric conditions do not apply to it.
    Text(String),
}

impl Sample {
    /// Returns the sample that a JSON value is; arrays, objects and null are none.
    pub fn from_json(json: &Json) -> Option<Self> {
        match json {
            Json::Bool(value) => Some(Self::Number(f64::from(u8::from(*value)))),
            Json::Number(number) => number.as_f64().map(Self::Number),
            Json::String(text) => Some(Self::Text(text.clone())),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        }
    }

    /// Returns the value as JSON.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Number(number) => Json::from(*number),
            Self::Text(text) => Json::from(text.as_str()),
        }
    }
}
