//! What values mean that JSON does not have.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Number, Value as Json};

use crate::reason::Reason;

pub(super) fn base64url(bytes: &[u8]) -> Json {
    Json::String(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

pub(super) fn double(number: f64) -> Json {
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}

/// Returns the key of an object that a value is.
pub(super) fn key(value: Json, format: &'static str) -> Result<String, Reason> {
    let key = match value {
        Json::String(text) => text,
        Json::Array(_) | Json::Object(_) => {
            return Err(Reason::malformed(
                format,
                "a key of a map is an array or a map",
            ));
        }
        other => other.to_string(),
    };
    if key.contains('\0') {
        return Err(Reason::NulInKey);
    }
    Ok(key)
}
