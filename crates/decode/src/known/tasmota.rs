//! Tasmota: <https://tasmota.github.io/docs/>.

use serde_json::Value as Json;

use super::context::{Answer, Context, Fields, Recognised, readings, word};
use super::units;
use crate::decoded::Decoded;
use iot_store::Value;

const FORMAT: &str = "tasmota";

/// Fields that name a part or a unit, or count something of no interest.
const SKIPPED: [&str; 6] = ["Id", "Time", "TempUnit", "PressureUnit", "SSId", "BSSId"];

/// Recognises `tele/+/SENSOR`, `tele/+/STATE`, `stat/+/STATUS8` and `stat/+/POWER`, also with
/// another order of the levels (`FullTopic %topic%/%prefix%/`).
pub(super) fn decode(context: &mut Context<'_>) -> Recognised {
    let [first, .., last] = context.levels else {
        return None;
    };
    let prefix = match *first {
        "tele" | "stat" => first,
        _ => context.level_from_end(1),
    };
    match (prefix, *last) {
        ("tele", "SENSOR" | "STATE") => {
            let json = context.object()?;
            json.get("Time")?;
            Some(report(context, &json))
        }
        ("stat", "STATUS8" | "STATUS10") => {
            let json = context.object()?;
            Some(report(context, json.get("StatusSNS")?))
        }
        ("stat", "STATUS11") => {
            let json = context.object()?;
            Some(report(context, json.get("StatusSTS")?))
        }
        ("stat", last) if is_power(last) => {
            let state = word(context.text()?)?;
            Some(Ok(Decoded::value(FORMAT, Value::Json(Json::Bool(state)))))
        }
        _ => None,
    }
}

/// Whether this is `POWER`, `POWER1` and so on.
fn is_power(level: &str) -> bool {
    let number = level.strip_prefix("POWER");
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn report(context: &mut Context<'_>, json: &Json) -> Answer {
    let text = |name: &str| json.get(name).and_then(Json::as_str);
    let temperature = match text("TempUnit") {
        Some("C") => Some("°C"),
        Some("F") => Some("°F"),
        other => other,
    };
    let pressure = text("PressureUnit");
    let fields = Fields {
        skipped: &SKIPPED,
        unit: &|field| match field {
            "Temperature" | "DewPoint" => temperature,
            "Pressure" | "SeaPressure" => pressure,
            _ => units::tasmota(field),
        },
        time: context.time(json.get("Time")),
        topic: None,
    };
    let found = context.read(json, &fields);
    found.map(|found| readings(FORMAT, found))
}
