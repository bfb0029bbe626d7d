//! `OwnTracks`: <https://owntracks.org/booklet/tech/json/>.

use iot_store::Value;
use serde_json::Value as Json;

use super::context::{Context, Recognised, readings};
use super::units;
use crate::decoded::{Decoded, Measured};
use crate::leaves::Path;
use crate::reason::Reason;

const FORMAT: &str = "owntracks";

/// What is measured, by the type of the message.
const LOCATION: [&str; 10] = [
    "lat", "lon", "acc", "alt", "vac", "vel", "cog", "batt", "p", "rad",
];
const TRANSITION: [&str; 3] = ["lat", "lon", "acc"];
const BEACON: [&str; 3] = ["acc", "rssi", "prox"];
const STEPS: [&str; 1] = ["steps"];

/// Recognises `owntracks/+/+` and the topics below it.
pub(super) fn decode(context: &mut Context<'_>) -> Recognised {
    let [_, _, _, ..] = context.levels else {
        return None;
    };
    let json = context.object()?;
    let fields: &[&str] = match json.get("_type")?.as_str()? {
        "location" => &LOCATION,
        "transition" => &TRANSITION,
        "beacon" => &BEACON,
        "steps" => &STEPS,
        "encrypted" => {
            return Some(Err(Reason::malformed(
                "a location",
                "it is encrypted (the app's key is not known here)",
            )));
        }
        // Waypoints, settings, commands, names and pictures.
        _ => return Some(Ok(Decoded::new(FORMAT))),
    };
    let mut found = Vec::new();
    for name in fields {
        if let Some(Json::Number(number)) = json.get(*name)
            && let Some(number) = number.as_f64()
        {
            found.push(Measured {
                metric: Some(context.names.share(name)),
                unit: units::owntracks(name).map(|unit| context.names.share(unit)),
                ..Measured::new(Value::Number(number))
            });
        }
    }
    // Entering and leaving a region is a state of this region.
    let text = |name: &str| json.get(name).and_then(Json::as_str);
    if let (Some(event @ ("enter" | "leave")), Some(region)) = (text("event"), text("desc")) {
        let mut path = Path::default();
        if path
            .push_key("region")
            .and_then(|()| path.push_key(region))
            .is_ok()
        {
            found.push(Measured {
                metric: Some(context.names.share(path.text())),
                ..Measured::new(Value::Json(Json::Bool(event == "enter")))
            });
        }
    }
    let time = context.time(json.get("tst"));
    for reading in &mut found {
        reading.time = time;
    }
    Some(Ok(readings(FORMAT, found)))
}
