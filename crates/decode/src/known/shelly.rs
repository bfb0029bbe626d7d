//! Shelly: <https://shelly-api-docs.shelly.cloud/>.

use iot_store::Value;
use serde_json::Value as Json;

use super::context::{Answer, Context, Fields, Recognised, readings, word};
use super::units;
use crate::decoded::Decoded;

const GEN1: &str = "shelly-gen1";
const GEN2: &str = "shelly";

/// The components of Gen2 without a number.
const COMPONENTS: [&str; 9] = [
    "ble", "cloud", "eth", "ht_ui", "knx", "mqtt", "sys", "wifi", "ws",
];

/// Numbers that name something, and times.
const SKIPPED: [&str; 6] = ["id", "ts", "minute_ts", "unixtime", "cfg_rev", "ssid"];

/// Recognises `shellies/+/#` (Gen1), and `+/status/#` and `+/events/rpc` (Gen2 and later), whose
/// prefix can have several levels.
pub(super) fn decode(context: &mut Context<'_>) -> Recognised {
    match context.levels {
        [_, .., "status", component] if is_component(component) => {
            let json = context.object()?;
            // A component with a number repeats it.
            if component.contains(':') {
                json.get("id")?;
            }
            let time = json.get("unixtime").cloned();
            Some(gen2(context, &json, time.as_ref()))
        }
        [_, .., "events", "rpc"] => notification(context),
        ["shellies", _, .., "command" | "set"] => Some(Ok(Decoded::new(GEN1))),
        // The same values come in topics of their own.
        ["shellies", "announce"] | ["shellies", _, "announce" | "info"] => {
            context.object()?;
            Some(Ok(Decoded::new(GEN1)))
        }
        ["shellies", _, rest @ ..] if !rest.is_empty() => gen1(context, rest),
        _ => None,
    }
}

fn is_component(level: &str) -> bool {
    match level.split_once(':') {
        Some((name, number)) => {
            !name.is_empty() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
        }
        None => COMPONENTS.contains(&level),
    }
}

fn notification(context: &mut Context<'_>) -> Recognised {
    let json = context.object()?;
    let method = json.get("method")?.as_str()?;
    let params = json.get("params").filter(|params| params.is_object())?;
    match method {
        "NotifyStatus" | "NotifyFullStatus" => Some(gen2(context, params, params.get("ts"))),
        // Somebody pressed a button.
        "NotifyEvent" => Some(Ok(Decoded::new(GEN2))),
        _ => None,
    }
}

fn gen2(context: &mut Context<'_>, json: &Json, time: Option<&Json>) -> Answer {
    let fields = Fields {
        skipped: &SKIPPED,
        unit: &|field| units::shelly(field),
        time: context.time(time),
        topic: None,
    };
    let found = context.read(json, &fields);
    found.map(|found| readings(GEN2, found))
}

fn gen1(context: &mut Context<'_>, rest: &[&str]) -> Recognised {
    // `adc/0`, `ext_temperature/0` and so on: the name is before the number.
    let last = rest.iter().rev();
    let field = { last.copied() }
        .find(|level| !level.bytes().all(|byte| byte.is_ascii_digit()))
        .unwrap_or_default();
    let is_meter = rest.first() == Some(&"emeter");
    if let Some(json) = context.object() {
        let fields = Fields {
            skipped: &["hwID", "event_cnt"],
            unit: &|field| units::shelly_gen1(field, is_meter),
            time: None,
            topic: None,
        };
        let found = context.read(&json, &fields);
        return Some(found.map(|found| readings(GEN1, found)));
    }
    let text = context.text()?;
    let is_state = matches!(
        field,
        "input" | "overtemperature" | "flood" | "motion" | "vibration" | "smoke" | "loaderror"
    );
    let state = match text {
        "1" | "0" if is_state => Some(text == "1"),
        // A window is open or close, a roller also in the middle.
        "open" | "close" if field == "state" => Some(text == "open"),
        // A relay that has switched itself off.
        "overpower" if field == "relay" => Some(false),
        text => word(text),
    };
    if let Some(state) = state {
        return Some(Ok(Decoded::value(GEN1, Value::Json(Json::Bool(state)))));
    }
    let number: Json = text.parse::<f64>().ok().filter(|n| n.is_finite())?.into();
    // 999 is what a sensor without a value sends.
    if field.contains("temperature") && number.as_f64() == Some(999.0) {
        return Some(Ok(Decoded::new(GEN1)));
    }
    let reading = context.single(&number, units::shelly_gen1(field, is_meter))?;
    Some(Ok(readings(GEN1, vec![reading])))
}
