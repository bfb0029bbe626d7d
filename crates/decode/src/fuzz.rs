//! Entry points for fuzzers: every decoder gets any bytes.

use std::sync::LazyLock;

use bytes::Bytes;
use chrono::DateTime;
use iot_store::JSON_NODE_LIMIT;
use prost_reflect::DescriptorPool;
use serde_json::Value as Json;

use crate::decoded::Decoded;
use crate::decoder::Decoder;
use crate::map::{Map, MapLimits};
use crate::message::Message;
use crate::protobuf::Protobuf;
use crate::reason::METRIC_LIMIT_BYTES;
use crate::settings::Settings;

/// Topics that choose a known device.
const TOPICS: [&str; 16] = [
    "iot/home/temp",
    "tele/plug/SENSOR",
    "stat/plug/STATUS8",
    "stat/plug/POWER",
    "zigbee2mqtt/kitchen",
    "zigbee2mqtt/kitchen/availability",
    "shellies/shelly1-E09806/relay/0/power",
    "shellyplus1/status/switch:0",
    "shellyplus1/events/rpc",
    "node/sensor/temperature/state",
    "homeassistant/sensor/a/config",
    "v3/app@ttn/devices/a/up",
    "application/1/device/a/event/up",
    "owntracks/jane/phone",
    "home/gateway/BTtoMQTT/A4C138AABBCC",
    "N/c0619ab12cd3/system/0/Dc/Battery/Soc",
];

/// The formats that are tried.
const FORMATS: [&str; 13] = [
    "auto",
    "number",
    "json",
    "text",
    "measure",
    "state",
    "leaves",
    "cbor",
    "cbor+leaves",
    "msgpack",
    "msgpack+leaves",
    "senml",
    "known",
];

/// Decodes `data` in one format; `known` takes the topic from its first byte.
///
/// # Panics
/// If a promise is broken: there are more readings than a payload of this length can hold, or a
/// name is too long.
pub fn decode(format: &str, data: &[u8]) {
    let settings = Settings {
        decimal_comma: true,
        leaves_text: true,
        ..Settings::default()
    };
    let format = format.parse().expect("the format is known");
    let mut decoder = Decoder::new(format, settings).expect("the format needs no file");
    let (topic, data) = match (decoder.format().name(), data.split_first()) {
        ("known", Some((first, rest))) => (TOPICS[usize::from(*first) % TOPICS.len()], rest),
        _ => (TOPICS[0], data),
    };
    let payload = Bytes::copy_from_slice(data);
    let received = DateTime::UNIX_EPOCH;
    // A second message meets what the first one has left behind.
    for _ in 0..2 {
        if let Ok(decoded) = decoder.decode(&Message::new(topic, &payload, received)) {
            check(&decoded, data.len());
        }
    }
}

/// Message types with all that protobuf has: numbers, enumerations, maps, members of a `oneof`,
/// types within themselves.
const PROTOBUF_TYPES: [&str; 4] = [
    "google.protobuf.FileDescriptorProto",
    "google.protobuf.Struct",
    "google.protobuf.Type",
    "google.protobuf.DoubleValue",
];

/// Decodes `data` as protobuf, of several types.
///
/// # Panics
/// If the JSON has more values than a payload may.
pub fn protobuf(data: &[u8]) {
    for name in PROTOBUF_TYPES {
        let pool = DescriptorPool::global();
        let descriptor = pool.get_message_by_name(name).expect("a known type");
        if let Ok(json) = Protobuf::of(descriptor).json(data) {
            // A message has a value for each of its fields, and no type has more fields.
            assert!(
                count(&json) <= 32 * data.len().min(JSON_NODE_LIMIT) + 32,
                "{name}"
            );
        }
    }
}

/// Runs programs on `data` as a payload.
///
/// # Panics
/// If a promise is broken.
pub fn map(data: &[u8]) {
    /// Each takes whatever there is.
    const PROGRAMS: [&str; 3] = [
        ".payload",
        ".payload | ..",
        ".payload | to_entries[]? | {metric: (.key | tostring), value, unit: \"x\"}",
    ];
    static MAPS: LazyLock<[Map; 3]> = LazyLock::new(|| {
        let limits = MapLimits {
            outputs: 1_000,
            steps: 10_000,
            ..MapLimits::default()
        };
        PROGRAMS.map(|program| {
            Map::compile(program)
                .expect("a program")
                .with_limits(limits)
        })
    });
    for map in &*MAPS {
        let payload = Bytes::copy_from_slice(data);
        let message = Message::new(TOPICS[0], &payload, DateTime::UNIX_EPOCH);
        if let Ok(decoded) = map.run(&message) {
            check(&decoded, data.len());
        }
    }
}

/// Decodes `data` in every format.
pub fn decode_all(data: &[u8]) {
    for format in FORMATS {
        decode(format, data);
    }
}

fn count(json: &Json) -> usize {
    match json {
        Json::Array(items) => items.iter().map(count).sum::<usize>() + 1,
        Json::Object(fields) => fields.values().map(count).sum::<usize>() + 1,
        _ => 1,
    }
}

fn check(decoded: &Decoded, length: usize) {
    // Radio and counters come beside what a payload holds; a record has a value and a sum.
    assert!(decoded.readings.len() <= length + 4, "{}", decoded.format);
    for reading in &decoded.readings {
        if let iot_store::Value::Number(number) = reading.value {
            assert!(number.is_finite(), "{}: {number}", decoded.format);
        }
        let metric = reading.metric.as_deref().unwrap_or_default();
        assert!(metric.len() <= METRIC_LIMIT_BYTES && !metric.contains('\0'));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    /// What the formats are made of.
    const PARTS: &[&[u8]] = &[
        b"{\"n\":\"",
        b"\"v\":",
        b"\"Time\":\"2026-11-23T11:00:00\"",
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b"\"",
        b"1.5",
        b"-1e308",
        b"true",
        b"null",
        b" \xb0C",
        b" %",
        b"ON",
        b"\\u0000",
        b"\"uplink_message\":{",
        b"\"_type\":\"location\"",
        b"\"value\":",
        b"\"bn\":\"a\"",
        b"\"method\":\"NotifyStatus\",\"params\":",
        b"\"stat_t\":\"iot/home/temp\"",
        b"\x9f",
        b"\xbf",
        b"\xff",
        b"\xc4\x82",
        b"\xc2\x49",
        b"\x81",
        b"\x91",
        b"\xdd\xff\xff\xff\xff",
        b"\xfb",
        b"\x5f",
        b"\x7f",
        b"\xd6\xff",
        b"\xc7\x0c\xff",
    ];

    fn any_payload() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            prop::sample::select(PARTS).prop_map(<[u8]>::to_vec),
            prop::collection::vec(any::<u8>(), 0..8),
        ];
        prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 4_000,
            rng_seed: RngSeed::Fixed(7),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn no_payload_breaks_a_decoder(payload in any_payload()) {
            decode_all(&payload);
        }

        #[test]
        fn no_bytes_break_protobuf(payload in prop::collection::vec(any::<u8>(), 0..64)) {
            protobuf(&payload);
        }

        #[test]
        fn no_object_breaks_a_device(topic in 0..16_u8, inner in any_payload()) {
            let payload = [&[topic, b'{'][..], &inner, b"}"].concat();
            decode("known", &payload);
        }
    }

    proptest! {
        // A program takes longer than a decoder.
        #![proptest_config(ProptestConfig {
            cases: 500,
            rng_seed: RngSeed::Fixed(7),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn no_payload_breaks_a_program(payload in any_payload()) {
            map(&payload);
        }
    }
}
