//! What is of no known device: a number, a measure, a state, an object by its leaves, or JSON.

use iot_store::Value;
use serde_json::Value as Json;

use super::context::{Context, readings};
use crate::decoded::{Decoded, Measured};
use crate::leaves::leaves;
use crate::measure::measure;
use crate::plain::PlainFormat;
use crate::reason::Reason;
use crate::state_words::StateWords;

/// Returns what the message is by its payload alone.
///
/// # Errors
/// It is none of them.
pub(super) fn decode(context: &mut Context<'_>) -> Result<Decoded, Reason> {
    let payload = context.message.payload;
    match PlainFormat::Number.value(payload) {
        Ok(value) => return Ok(Decoded::value("number", value)),
        Err(Reason::NotANumber | Reason::NotUtf8) => {}
        Err(reason) => return Err(reason),
    }
    match measure(payload, context.settings.decimal_comma) {
        Ok((number, unit)) => {
            let reading = Measured {
                unit: unit.map(|unit| context.names.share(&unit)),
                ..Measured::new(Value::Number(number))
            };
            return Ok(readings("measure", vec![reading]));
        }
        Err(Reason::NotAMeasure | Reason::NotUtf8) => {}
        Err(reason) => return Err(reason),
    }
    if let Ok(state) = StateWords::Known.value(payload) {
        return Ok(Decoded::value("state", Value::Json(Json::Bool(state))));
    }
    // An object without numbers is stored whole: nothing is lost.
    if payload.trim_ascii_start().starts_with(b"{")
        && let Ok(found) = leaves(payload, context.names, context.settings.leaves_text)
        && !found.is_empty()
    {
        return Ok(readings("leaves", found));
    }
    let value = PlainFormat::Auto.value(payload)?;
    Ok(Decoded::value("auto", value))
}
