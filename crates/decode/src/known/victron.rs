//! Victron's Venus OS: <https://github.com/victronenergy/dbus-flashmq>.

use std::time::Duration;

use serde_json::Value as Json;

use super::context::{Context, Fields, Recognised, readings};
use crate::decoded::Decoded;

const FORMAT: &str = "victron";

/// How often the keepalive is to be sent. After 60 s without one, nothing is published any more.
pub const VICTRON_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// Returns the topic and the payload of the keepalive for the installation `portal`. The `first`
/// one makes it publish all values, the others do not.
pub fn victron_keepalive(portal: &str, first: bool) -> (String, &'static str) {
    let payload = if first {
        ""
    } else {
        r#"{"keepalive-options":["suppress-republish"]}"#
    };
    (format!("R/{portal}/keepalive"), payload)
}

/// Recognises `N/#`.
pub(super) fn decode(context: &mut Context<'_>) -> Recognised {
    let [_, _, rest @ ..] = context.levels else {
        return None;
    };
    let is_answer = matches!(rest, ["keepalive" | "full_publish_completed"]);
    // The broker removes what a device no longer has with an empty message.
    if is_answer || (context.message.payload.is_empty() && !rest.is_empty()) {
        return Some(Ok(Decoded::new(FORMAT)));
    }
    let json = context.object()?;
    let value = json.get("value")?;
    if let Json::Array(_) | Json::Object(_) = value {
        let fields = Fields {
            skipped: &[],
            unit: &|_| None,
            time: None,
            topic: None,
        };
        let found = context.read(value, &fields);
        return Some(found.map(|found| readings(FORMAT, found)));
    }
    let found = context.single(value, None).into_iter().collect();
    Some(Ok(readings(FORMAT, found)))
}
