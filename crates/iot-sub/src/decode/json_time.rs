//! Times in JSON payloads.

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::Value as Json;

/// Returns the time that JSON names: seconds or milliseconds since 1970, or RFC 3339.
pub(super) fn time(json: &Json) -> Option<DateTime<Utc>> {
    /// Seconds until the year 5138; as milliseconds it is 1973.
    const SECONDS: f64 = 1e11;
    let time = match json {
        Json::String(text) => DateTime::parse_from_rfc3339(text).ok()?.to_utc(),
        json => {
            let number = json.as_f64()?;
            let millis = if number.abs() < SECONDS {
                number * 1e3
            } else {
                number
            };
            if millis.abs() >= SECONDS * 1e3 {
                return None;
            }
            #[expect(clippy::cast_possible_truncation, reason = "it was compared with 1e14")]
            DateTime::from_timestamp_millis(millis.round() as i64)?
        }
    };
    Some(time.trunc_subsecs(3))
}
