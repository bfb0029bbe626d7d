//! `--alert-discovery`: Home Assistant shows each alert as a binary sensor.

use std::fmt::Write;

use iot_alert::Event;
use serde_json::json;
use sha2::{Digest, Sha256};

/// What the identifier of each alert begins with.
const ID: &str = "iot_sub_alert_";

/// Whether this is the topic of a discovery message of ours.
pub(super) fn is_own(prefix: &str, topic: &str) -> bool {
    let rest = topic.strip_prefix(prefix);
    let rest = rest.and_then(|rest| rest.strip_prefix("/binary_sensor/"));
    rest.is_some_and(|rest| rest.starts_with(ID))
}

/// Returns topic and payload of the discovery message for an alert whose reports go to
/// `state_topic`.
pub(super) fn message(prefix: &str, state_topic: &str, event: &Event) -> (String, String) {
    let hash = Sha256::digest(state_topic.as_bytes());
    let mut id = ID.to_owned();
    for byte in hash.iter().take(8) {
        // Writing to memory does not fail.
        let _ = write!(id, "{byte:02x}");
    }
    let series = match &event.metric {
        Some(metric) => format!("{} {metric}", event.topic),
        None => event.topic.clone(),
    };
    let config = json!({
        "unique_id": id,
        "name": format!("{} {series}", event.name),
        "device_class": "problem",
        "state_topic": state_topic,
        "value_template": "{{ 'ON' if value_json.state == 'firing' else 'OFF' }}",
        "json_attributes_topic": state_topic,
        "device": { "identifiers": ["iot_sub_alerts"], "name": "iot-sub alerts" },
    });
    (
        format!("{prefix}/binary_sensor/{id}/config"),
        config.to_string(),
    )
}
