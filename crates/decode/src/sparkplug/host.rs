//! STATE: whether a host application is there.

use std::sync::Arc;

use chrono::DateTime;
use iot_store::{Value, read_json};
use serde_json::Value as Json;

use super::names::{NAME, ONLINE};
use crate::decoded::{Decoded, Measured};
use crate::json_time::with_four_digits;
use crate::reason::Reason;

/// Decodes the payload of STATE: JSON with `online` and `timestamp`, or `ONLINE` and `OFFLINE` in
/// versions before 3.0.
pub(super) fn state(payload: &[u8]) -> Result<Decoded, Reason> {
    let not_a_state = |why: &str| Reason::malformed(NAME, why);
    let text = std::str::from_utf8(payload).map_err(|_| Reason::NotUtf8)?;
    let (is_online, time) = match text.trim() {
        "" => return Err(Reason::Empty),
        "ONLINE" => (true, None),
        "OFFLINE" => (false, None),
        text if text.starts_with('{') => {
            let json = read_json(text)?;
            let Some(is_online) = json.get("online").and_then(Json::as_bool) else {
                return Err(not_a_state(
                    "a STATE without `online`, which is true or false",
                ));
            };
            let time = json.get("timestamp").and_then(Json::as_i64);
            let time = time.and_then(DateTime::from_timestamp_millis);
            (is_online, time.and_then(with_four_digits))
        }
        _ => {
            return Err(not_a_state(
                "a STATE that is neither JSON nor ONLINE or OFFLINE",
            ));
        }
    };
    let mut decoded = Decoded::new(NAME);
    decoded.readings.push(Measured {
        metric: Some(Arc::from(ONLINE)),
        time,
        ..Measured::new(Value::Json(is_online.into()))
    });
    Ok(decoded)
}
