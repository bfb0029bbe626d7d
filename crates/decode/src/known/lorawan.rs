//! Uplinks of `LoRaWAN` devices, from The Things Network v3 and `ChirpStack` 4.

use chrono::{DateTime, Utc};
use iot_store::Value;
use serde_json::Value as Json;

use super::context::{Context, Fields, Recognised, readings};
use super::units;
use crate::decoded::{Decoded, Measured};

const TTN: &str = "ttn";
const CHIRPSTACK: &str = "chirpstack";

/// Recognises `v3/+/devices/+/up` and `application/+/device/+/event/up`. Other events are no
/// readings.
pub(super) fn decode(context: &mut Context<'_>) -> Recognised {
    match context.levels {
        ["v3", _, "devices", _, "up"] => {
            let json = context.object()?;
            json.get("end_device_ids")?;
            let uplink = json
                .get("uplink_message")
                .filter(|uplink| uplink.is_object())?;
            let time = context.time(json.get("received_at"));
            let parts = Parts {
                payload: uplink.get("decoded_payload"),
                gateways: uplink.get("rx_metadata"),
                counters: [
                    ("f_cnt", uplink.get("f_cnt")),
                    ("f_port", uplink.get("f_port")),
                ],
            };
            Some(uplink_readings(context, &parts, time).map(|found| readings(TTN, found)))
        }
        ["v3", _, "devices", _, ..] => {
            context.object()?.get("end_device_ids")?;
            Some(Ok(Decoded::new(TTN)))
        }
        ["application", _, "device", _, "event", "up"] => {
            let json = context.object()?;
            json.get("deviceInfo")?;
            let time = context.time(json.get("time"));
            let parts = Parts {
                payload: json.get("object"),
                gateways: json.get("rxInfo"),
                counters: [("fCnt", json.get("fCnt")), ("fPort", json.get("fPort"))],
            };
            let found = uplink_readings(context, &parts, time);
            Some(found.map(|found| readings(CHIRPSTACK, found)))
        }
        ["application", _, "device", _, "event", "status"] => status(context),
        ["application", _, "device", _, "event" | "command", ..] => {
            context.object()?;
            Some(Ok(Decoded::new(CHIRPSTACK)))
        }
        _ => None,
    }
}

/// The parts of an uplink.
struct Parts<'j> {
    /// What the device's codec made of the payload.
    payload: Option<&'j Json>,
    /// How each gateway received it.
    gateways: Option<&'j Json>,
    counters: [(&'j str, Option<&'j Json>); 2],
}

fn uplink_readings(
    context: &mut Context<'_>,
    parts: &Parts<'_>,
    time: Option<DateTime<Utc>>,
) -> Result<Vec<Measured>, crate::reason::Reason> {
    let fields = Fields {
        skipped: &[],
        unit: &|_| None,
        time,
        topic: None,
    };
    let mut found = match parts.payload {
        Some(payload) => context.read(payload, &fields)?,
        None => Vec::new(),
    };
    let own = found.len();
    let best = |name: &str| {
        let gateways = parts.gateways.and_then(Json::as_array)?;
        let values = gateways
            .iter()
            .filter_map(|gateway| gateway.get(name)?.as_f64());
        values.max_by(f64::total_cmp)
    };
    let radio = [("rssi", best("rssi")), ("snr", best("snr"))];
    let counters = parts
        .counters
        .map(|(name, value)| (name, value.and_then(Json::as_f64)));
    for (name, value) in radio.into_iter().chain(counters) {
        let Some(value) = value else { continue };
        let is_taken = found[..own]
            .iter()
            .any(|reading| reading.metric.as_deref() == Some(name));
        let metric = if is_taken {
            context.names.share(&format!("uplink.{name}"))
        } else {
            context.names.share(name)
        };
        found.push(Measured {
            metric: Some(metric),
            unit: units::lorawan(name).map(|unit| context.names.share(unit)),
            time,
            ..Measured::new(Value::Number(value))
        });
    }
    Ok(found)
}

/// Reads the battery and the margin of a device, which it sends when it is asked.
fn status(context: &mut Context<'_>) -> Recognised {
    let json = context.object()?;
    json.get("deviceInfo")?;
    let time = context.time(json.get("time"));
    let mut found = Vec::new();
    for name in ["margin", "batteryLevel", "externalPowerSource"] {
        let Some(reading) = json.get(name).and_then(|value| {
            let unit = units::lorawan(name);
            context.single(value, unit)
        }) else {
            continue;
        };
        found.push(Measured {
            metric: Some(context.names.share(name)),
            time,
            ..reading
        });
    }
    Some(Ok(readings(CHIRPSTACK, found)))
}
