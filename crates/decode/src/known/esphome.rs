//! `ESPHome`: <https://esphome.io/components/mqtt.html>.

use iot_store::Value;
use serde_json::Value as Json;

use super::context::{Context, Recognised, readings, word};
use crate::decoded::{Decoded, Measured};

const FORMAT: &str = "esphome";

/// Components whose state is one value.
const COMPONENTS: [&str; 11] = [
    "binary_sensor",
    "button",
    "cover",
    "fan",
    "lock",
    "number",
    "select",
    "sensor",
    "switch",
    "text_sensor",
    "valve",
];

/// Recognises `…/COMPONENT/NAME/state`. Units come with discovery.
pub(super) fn decode(context: &mut Context<'_>) -> Recognised {
    if context.level_from_end(0) != "state" || !COMPONENTS.contains(&context.level_from_end(2)) {
        return None;
    }
    let text = context.text()?;
    if let Some(state) = word(text) {
        return Some(Ok(Decoded::value(FORMAT, Value::Json(Json::Bool(state)))));
    }
    // A sensor without a value.
    if text.eq_ignore_ascii_case("nan") || matches!(text, "NA" | "unknown" | "unavailable") {
        return Some(Ok(Decoded::new(FORMAT)));
    }
    let value = match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Value::Number(number),
        _ if context.level_from_end(2) == "text_sensor" && !text.is_empty() => {
            Value::Text(text.to_owned())
        }
        _ => return None,
    };
    Some(Ok(readings(FORMAT, vec![Measured::new(value)])))
}
