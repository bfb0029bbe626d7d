//! Objects in CBOR and `MessagePack`.

use super::snapshot::Snapshot;

/// Returns a map of the values in CBOR.
#[cfg(feature = "cbor")]
pub(super) fn cbor(snapshot: &Snapshot<'_>) -> Vec<u8> {
    use ciborium::Value;
    let entries = snapshot.numbers().map(|(value, reading)| {
        let reading = reading.map_or(Value::Null, Value::Float);
        (Value::Text(value.name.clone()), reading)
    });
    written(&Value::Map(entries.collect()))
}

/// Returns the bytes of a value in CBOR.
#[cfg(feature = "cbor")]
pub(super) fn written(value: &ciborium::Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = ciborium::into_writer(value, &mut bytes);
    bytes
}

/// Returns a map of the values in `MessagePack`.
pub(super) fn msgpack(snapshot: &Snapshot<'_>) -> Vec<u8> {
    use rmpv::Value;
    let entries = snapshot.numbers().map(|(value, reading)| {
        let reading = reading.map_or(Value::Nil, Value::F64);
        (Value::from(value.name.as_str()), reading)
    });
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = rmpv::encode::write_value(&mut bytes, &Value::Map(entries.collect()));
    bytes
}
