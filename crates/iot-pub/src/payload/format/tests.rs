use chrono::DateTime;

use super::*;

fn values() -> Vec<Value> {
    let value = |name: &str, unit: Option<&str>| Value {
        name: name.into(),
        unit: unit.map(str::to_owned),
    };
    vec![
        value("temperature", Some("°C")),
        value("humidity", Some("%RH")),
        value("power", None),
        value("apparent_power", None),
    ]
}

/// What a device sends that measures 21.456, 48 and 230.5, while its last sensor has dropped out.
fn made(format: Format) -> Made {
    format.message(&Snapshot {
        device: "shed 1",
        values: &values(),
        readings: &[Some(21.456), Some(48.0), Some(230.5), None],
        time: DateTime::parse_from_rfc3339("2026-06-21T06:30:00.250+02:00").unwrap(),
        precision: Some(2),
    })
}

#[track_caller]
fn case(format: Format, expected: &str) {
    let made = made(format);
    assert_eq!(made.payload, expected);
    assert_eq!((made.shown, made.sample), (None, None));
}

#[test]
fn text_formats() {
    case(
        Format::Json,
        r#"{"temperature": 21.46, "humidity": 48.00, "power": 230.50, "apparent_power": null}"#,
    );
    case(
        Format::Zigbee2Mqtt,
        r#"{"temperature": 21.46, "humidity": 48.00, "power": 230.50, "apparent_power": null, "last_seen": "2026-06-21T04:30:00.250Z"}"#,
    );
    case(
        Format::Tasmota,
        r#"{"Time":"2026-06-21T06:30:00","AM2301":{"Temperature":21.46,"Humidity":48.0},"ENERGY":{"Power":230.5,"ApparentPower":null},"TempUnit":"C"}"#,
    );
    case(
        Format::Senml,
        r#"[{"bn":"shed-1/","bt":1782016200.25,"n":"temperature","u":"Cel","v":21.46},{"n":"humidity","u":"%RH","v":48.0},{"n":"power","v":230.5}]"#,
    );
}

#[test]
fn binary_formats() {
    #[track_caller]
    fn case(format: Format, expected: &[u8]) {
        let made = made(format);
        assert_eq!(made.payload, expected);
        let shown = made.shown.unwrap();
        assert!(shown.starts_with(r#"{"temperature": 21.46, "#), "{shown}");
    }
    case(
        Format::Cbor,
        b"\xa4\x6btemperature\xfb\x40\x35\x75\xc2\x8f\x5c\x28\xf6\x68humidity\xf9\x52\x00\
          \x65power\xf9\x5b\x34\x6eapparent_power\xf6",
    );
    case(
        Format::MsgPack,
        b"\x84\xabtemperature\xcb\x40\x35\x75\xc2\x8f\x5c\x28\xf6\xa8humidity\xcb\x40\x48\0\0\0\0\0\0\
          \xa5power\xcb\x40\x6c\xd0\0\0\0\0\0\xaeapparent_power\xc0",
    );
    case(
        Format::SenmlCbor,
        b"\x83\xa5\x21\x67shed-1/\x22\xfb\x41\xda\x8d\xda\x32\x10\0\0\0\x6btemperature\
          \x01\x63Cel\x02\xfb\x40\x35\x75\xc2\x8f\x5c\x28\xf6\
          \xa3\0\x68humidity\x01\x63%RH\x02\xf9\x52\0\xa2\0\x65power\x02\xf9\x5b\x34",
    );
}

#[test]
fn the_edge_node_makes_the_payload_of_sparkplug() {
    let sample = made(Format::Sparkplug).sample.unwrap();
    assert_eq!(sample.values, [Some(21.46), Some(48.0), Some(230.5), None]);
    assert_eq!(sample.timestamp, 1_782_016_200_250);
}

#[test]
fn formats_have_names() {
    assert_eq!(Format::parse("senml-cbor"), Ok(Format::SenmlCbor));
    assert_eq!(Format::parse("zigbee2mqtt"), Ok(Format::Zigbee2Mqtt));
    assert_eq!(
        Format::parse("xml"),
        Err("not a format; the formats are json, cbor, msgpack, senml, senml-cbor, sparkplug, tasmota, zigbee2mqtt".into())
    );
}
