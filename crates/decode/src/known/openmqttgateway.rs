//! `OpenMQTTGateway` and Theengs Gateway: <https://docs.openmqttgateway.com/>.

use serde_json::Value as Json;

use super::context::{Context, Fields, Recognised, readings};
use super::units;

const FORMAT: &str = "openmqttgateway";

/// What names the device, its radio and the time.
const SKIPPED: [&str; 10] = [
    "id", "mac_type", "adv_type", "protocol", "length", "delay", "channel", "subtype", "unixtime",
    "mic",
];

/// Recognises `+/+/BTtoMQTT/#`, `+/+/433toMQTT/#` and `+/+/RTL_433toMQTT/#`.
///
/// Several gateways can receive one device. So the topic of the series is the message's without
/// the gateway, with the device's `id` at its end: `home/BTtoMQTT/58:78:20:76:BC:24`.
pub(super) fn decode(context: &mut Context<'_>) -> Recognised {
    let [
        base,
        _,
        technology @ ("BTtoMQTT" | "433toMQTT" | "RTL_433toMQTT"),
        ..,
    ] = context.levels
    else {
        return None;
    };
    let json = context.object()?;
    let topic = series_topic(base, technology, &json).map(|topic| context.names.share(&topic));
    let time = ["UTCtime", "unixtime", "time"]
        .into_iter()
        .find_map(|name| context.time(json.get(name)));
    let fields = Fields {
        skipped: &SKIPPED,
        unit: &|field| units::openmqttgateway(field),
        time,
        topic,
    };
    let found = context.read(&json, &fields);
    Some(found.map(|found| readings(FORMAT, found)))
}

fn series_topic(base: &str, technology: &str, json: &Json) -> Option<String> {
    // A text from a radio must not be a wildcard, nor add levels.
    let level = |text: &str| text.replace(['/', '+', '#', '\0'], "_");
    match json.get("id")? {
        Json::String(id) if !id.is_empty() => Some(format!("{base}/{technology}/{}", level(id))),
        // A number is an id among devices of one model only.
        Json::Number(id) => Some(match json.get("model").and_then(Json::as_str) {
            Some(model) => format!("{base}/{technology}/{}/{id}", level(model)),
            None => format!("{base}/{technology}/{id}"),
        }),
        _ => None,
    }
}
