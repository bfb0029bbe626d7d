//! JSON objects: plain, and as `Zigbee2MQTT` sends them.

use chrono::SecondsFormat;

use super::snapshot::Snapshot;

/// Returns `{"temperature": 21.5, "humidity": 48}`.
pub(super) fn object(snapshot: &Snapshot<'_>) -> String {
    let mut text = members(snapshot);
    text.push('}');
    text
}

/// Returns the same with `last_seen`, in the format `ISO_8601` of `Zigbee2MQTT`.
pub(super) fn zigbee2mqtt(snapshot: &Snapshot<'_>) -> String {
    let mut text = members(snapshot);
    let time = snapshot.time.to_utc();
    text.push_str(", \"last_seen\": \"");
    text.push_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true));
    text.push_str("\"}");
    text
}

/// Returns the object without its end. There is at least one value.
fn members(snapshot: &Snapshot<'_>) -> String {
    let mut text = String::new();
    let mut separator = "{\"";
    for (value, reading) in snapshot.readings() {
        text.push_str(separator);
        text.push_str(&value.name);
        text.push_str("\": ");
        snapshot.push(&mut text, reading);
        separator = ", \"";
    }
    text
}
