//! Known devices, recognised by the topics and the shapes of their messages, and an order of
//! formats for everything else.

mod context;
mod discovery;
mod esphome;
mod fallback;
mod lorawan;
mod openmqttgateway;
mod owntracks;
mod shelly;
mod tasmota;
mod units;
mod victron;
mod zigbee2mqtt;

use std::cell::Cell;

use iot_store::Value;
use serde_json::Value as Json;

use crate::decoded::Decoded;
use crate::message::Message;
use crate::names::Names;
use crate::reason::Reason;
use crate::settings::Settings;
use context::{Context, Recognised};
use discovery::{Discovery, is_config};

pub use victron::{VICTRON_KEEPALIVE_INTERVAL, victron_keepalive};

/// Recognises devices.
#[derive(Debug, Default)]
pub(crate) struct Known {
    discovery: Discovery,
}

impl Known {
    /// Returns what `message` is.
    ///
    /// # Errors
    /// It is of no known device, and neither a number, a measure, a state nor JSON.
    pub(crate) fn decode(
        &mut self,
        message: &Message<'_>,
        settings: &Settings,
        names: &mut Names,
    ) -> Result<Decoded, Reason> {
        let topic = message.topic;
        if is_config(topic, settings) {
            return self.discovery.learn(message, names);
        }
        if let Some(state) = self.discovery.state(topic, message.payload) {
            return Ok(Decoded::value(
                "home-assistant",
                Value::Json(Json::Bool(state)),
            ));
        }
        let levels: Vec<&str> = topic.split('/').collect();
        let mut context = Context {
            message,
            levels: &levels,
            settings,
            names,
            lacks_timezone: Cell::default(),
        };
        let mut decoded = device(&mut context).unwrap_or_else(|| fallback::decode(&mut context))?;
        decoded.lacks_timezone = context.lacks_timezone.get();
        self.discovery.add_units(topic, &mut decoded);
        Ok(decoded)
    }
}

fn device(context: &mut Context<'_>) -> Recognised {
    let first = context.levels.first().copied().unwrap_or_default();
    match first {
        "zigbee2mqtt" => zigbee2mqtt::decode(context),
        "v3" | "application" => lorawan::decode(context),
        "owntracks" => owntracks::decode(context),
        "N" => victron::decode(context),
        _ => tasmota::decode(context)
            .or_else(|| openmqttgateway::decode(context))
            .or_else(|| shelly::decode(context))
            .or_else(|| esphome::decode(context)),
    }
}
