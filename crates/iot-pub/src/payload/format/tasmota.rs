//! `tele/DEVICE/SENSOR`, as Tasmota sends it: the time is local and has no zone, and each sensor
//! chip has an object of its own.

use serde_json::{Map, Value as Json};

use super::snapshot::Snapshot;

/// Values of a meter.
const ENERGY: [&str; 10] = [
    "total",
    "yesterday",
    "today",
    "period",
    "power",
    "apparent_power",
    "reactive_power",
    "factor",
    "voltage",
    "current",
];

/// Returns the message.
pub(super) fn sensor(snapshot: &Snapshot<'_>) -> String {
    let mut message = Map::new();
    let time = snapshot.time.format("%Y-%m-%dT%H:%M:%S").to_string();
    message.insert("Time".into(), time.into());
    let chip = chip(snapshot);
    for (value, reading) in snapshot.numbers() {
        let is_energy = ENERGY.contains(&value.name.as_str());
        let sensor = if is_energy { "ENERGY" } else { chip };
        let sensor = message.entry(sensor).or_insert_with(|| Map::new().into());
        if let Json::Object(sensor) = sensor {
            sensor.insert(
                camel_case(&value.name),
                reading.map_or(Json::Null, Json::from),
            );
        }
    }
    if has(snapshot, "pressure") {
        let unit = snapshot.unit("pressure").unwrap_or("hPa");
        message.insert("PressureUnit".into(), unit.into());
    }
    if has(snapshot, "temperature") {
        let unit = snapshot.unit("temperature").unwrap_or("C");
        message.insert("TempUnit".into(), unit.trim_start_matches('°').into());
    }
    Json::Object(message).to_string()
}

fn has(snapshot: &Snapshot<'_>, name: &str) -> bool {
    snapshot.values.iter().any(|value| value.name == name)
}

/// Returns the chip that measures these values.
fn chip(snapshot: &Snapshot<'_>) -> &'static str {
    match ["temperature", "humidity", "pressure"].map(|name| has(snapshot, name)) {
        [_, _, true] => "BME280",
        [_, true, _] => "AM2301",
        [true, ..] => "DS18B20",
        _ => "SENSOR",
    }
}

/// Returns `apparent_power` as `ApparentPower`.
fn camel_case(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}
