//! `Zigbee2MQTT`: <https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html>.

use serde_json::Value as Json;

use super::context::{Answer, Context, Fields, Recognised, readings, word};
use super::units;
use crate::decoded::Decoded;
use iot_store::Value;

const FORMAT: &str = "zigbee2mqtt";

/// The time, and what describes the device and its firmware.
const SKIPPED: [&str; 4] = [
    "last_seen",
    "update_available",
    "installed_version",
    "latest_version",
];

/// Recognises `zigbee2mqtt/#`. A friendly name can have several levels.
pub(super) fn decode(context: &mut Context<'_>) -> Recognised {
    match context.levels {
        [_, "bridge", "state"] => availability(context),
        // Lists of devices, logs, answers and commands.
        [_, "bridge", ..] | [_, _, .., "set" | "get"] => Some(Ok(Decoded::new(FORMAT))),
        [_, _, .., "availability"] => availability(context),
        [_, _, ..] => match context.object() {
            Some(json) => Some(device(context, json)),
            None => attribute(context),
        },
        _ => None,
    }
}

/// Reads `online`, or `{"state":"online"}`.
fn availability(context: &mut Context<'_>) -> Recognised {
    let state = match context.object() {
        Some(json) => word(json.get("state")?.as_str()?)?,
        None => word(context.text()?)?,
    };
    Some(Ok(Decoded::value(FORMAT, Value::Json(Json::Bool(state)))))
}

fn device(context: &mut Context<'_>, mut json: Json) -> Answer {
    // `last_seen` is a text in ISO 8601 with or without an offset, or milliseconds since 1970.
    let time = context.time(json.get("last_seen"));
    if let Json::Object(fields) = &mut json {
        fields.shift_remove("device");
        fields.shift_remove("update");
    }
    let has = |name: &str| json.get(name).is_some();
    let voltage = match () {
        () if has("power") || has("current") || has("energy") => Some("V"),
        () if has("battery") => Some("mV"),
        () => None,
    };
    let fields = Fields {
        skipped: &SKIPPED,
        unit: &|field| match field {
            "voltage" => voltage,
            _ => units::zigbee2mqtt(field),
        },
        time,
        topic: None,
    };
    let found = context.read(&json, &fields);
    found.map(|found| readings(FORMAT, found))
}

/// Reads one attribute of a device, which has a topic of its own with `output: attribute`.
fn attribute(context: &mut Context<'_>) -> Recognised {
    let unit = units::zigbee2mqtt(context.level_from_end(0));
    let json: Json = context
        .text()?
        .parse::<f64>()
        .ok()
        .filter(|n| n.is_finite())?
        .into();
    let reading = context.single(&json, unit)?;
    Some(Ok(readings(FORMAT, vec![reading])))
}
