//! `SenML` (RFC 8428): a record for each value; the first one has the name of the device and the
//! time of all.

#[cfg(feature = "cbor")]
use ciborium::Value as Cbor;
use serde_json::{Map, Value as Json};

#[cfg(feature = "cbor")]
use super::binary::written;
use super::snapshot::Snapshot;

/// A field of a record, by its name in JSON and its label in CBOR (RFC 8428, section 6).
type Field = (&'static str, i64);

const BASE_NAME: Field = ("bn", -2);
const BASE_TIME: Field = ("bt", -3);
const NAME: Field = ("n", 0);
const UNIT: Field = ("u", 1);
const VALUE: Field = ("v", 2);

/// The content of a field.
enum Content {
    Text(String),
    Number(f64),
}

/// Returns the pack in JSON.
pub(super) fn json(snapshot: &Snapshot<'_>) -> String {
    let record = |fields: Vec<(Field, Content)>| {
        let fields = fields.into_iter().map(|((name, _), content)| {
            let content = match content {
                Content::Text(text) => text.into(),
                Content::Number(number) => number.into(),
            };
            (name.to_owned(), content)
        });
        Json::Object(fields.collect::<Map<_, _>>())
    };
    let pack: Json = records(snapshot).into_iter().map(record).collect();
    pack.to_string()
}

/// Returns the pack in CBOR.
#[cfg(feature = "cbor")]
pub(super) fn cbor(snapshot: &Snapshot<'_>) -> Vec<u8> {
    let record = |fields: Vec<(Field, Content)>| {
        let fields = fields.into_iter().map(|((_, label), content)| {
            let content = match content {
                Content::Text(text) => Cbor::Text(text),
                Content::Number(number) => Cbor::Float(number),
            };
            (Cbor::Integer(label.into()), content)
        });
        Cbor::Map(fields.collect())
    };
    let pack = records(snapshot).into_iter().map(record).collect();
    written(&Cbor::Array(pack))
}

/// Returns the records. A sensor that has dropped out has none.
fn records(snapshot: &Snapshot<'_>) -> Vec<Vec<(Field, Content)>> {
    let mut base = vec![
        (BASE_NAME, Content::Text(base_name(snapshot.device))),
        (BASE_TIME, Content::Number(seconds(snapshot))),
    ];
    let readings = snapshot.numbers();
    let readings = readings.filter_map(|(value, reading)| Some((value, reading?)));
    let record = |(value, reading): (&super::Value, f64)| {
        let mut fields = std::mem::take(&mut base);
        fields.push((NAME, Content::Text(value.name.clone())));
        if let Some(unit) = &value.unit {
            fields.push((UNIT, Content::Text(registered(unit).to_owned())));
        }
        fields.push((VALUE, Content::Number(reading)));
        fields
    };
    readings.map(record).collect()
}

/// Returns the name of the device with the separator to the names of its values. Names have ASCII
/// letters, digits, and `-:./_`.
fn base_name(device: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-:./_".contains(c);
    let name = device.chars().map(|c| if plain(c) { c } else { '-' });
    name.chain(['/']).collect()
}

fn seconds(snapshot: &Snapshot<'_>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    let milliseconds = snapshot.time.timestamp_millis() as f64;
    milliseconds / 1000.0
}

/// Returns the unit as the registry of `SenML` writes it.
fn registered(unit: &str) -> &str {
    match unit {
        "°C" => "Cel",
        "Ω" => "Ohm",
        "°" => "deg",
        other => other,
    }
}
