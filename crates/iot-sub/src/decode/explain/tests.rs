use iot_core::TopicName;

use super::*;
use crate::decode::decoder::{Decoder, FieldsPlan};
use crate::decode::routed::routed_format;
use crate::decode::router::{Router, Routes};

#[track_caller]
fn case(format: &str, topic: &str, payload: &str, expected: &str) {
    let routes = Routes {
        formats: vec![routed_format(format).unwrap()],
        ..Routes::default()
    };
    let by_topic = Router::new(routes, Settings::default()).unwrap();
    let mut decoder = Decoder::new(by_topic, FieldsPlan::default(), String::new());
    let mut explainer = Explainer::new(Settings::default()).unwrap();
    let now = DateTime::from_timestamp_millis(1_795_428_000_123).unwrap();
    let message = Message::new(TopicName::new(topic).unwrap(), payload.to_owned());
    let known = explainer.known(&message, now);
    let made = decoder.entry(message, now);
    let verdict = Verdict::of_made(&made, topic, now);
    let mut out = Vec::new();
    explain(topic, &verdict, &known, None, &mut out);
    // What is known grows with the known devices.
    let out = String::from_utf8(out).unwrap();
    let stored = out.split("  with --decode known").next().unwrap();
    assert_eq!(stored, expected);
}

#[test]
fn readings_are_shown_with_name_value_unit_and_time() {
    case(
        "auto",
        "iot/t",
        "25.3",
        "iot/t: auto, 1 reading\n  value = 25.3, at arrival\n",
    );
    case(
        "measure",
        "iot/t",
        "20.0 °C",
        "iot/t: measure, 1 reading\n  value = 20.0 °C, at arrival\n",
    );
    case(
        "leaves",
        "a/b",
        r#"{"ENERGY":{"Power":12},"on":true}"#,
        "a/b: leaves, 2 readings\n  ENERGY.Power = 12.0, at arrival\n  on = true, at arrival\n",
    );
}

#[test]
fn a_local_time_is_shown_with_the_option_that_reads_it() {
    case(
        "known",
        "tele/a/SENSOR",
        r#"{"Time":"2026-11-23T11:00:00","AM2301":{"Temperature":21.5},"TempUnit":"C"}"#,
        "tele/a/SENSOR: tasmota, 1 reading\n  AM2301.Temperature = 21.5 °C, at arrival\n  its time has no time zone and is not used (give --device-timezone, such as Europe/Berlin or local)\n",
    );
}

#[test]
fn a_rejection_is_shown_with_its_reason() {
    case("auto", "a", "hello", "a: rejected: not a number or JSON\n");
    case(
        "leaves",
        "a",
        "{}",
        "a: leaves, no reading: nothing is stored\n",
    );
}

#[test]
fn what_is_not_recognised_is_tried_as_senml_cbor_and_messagepack() {
    let mut explainer = Explainer::new(Settings::default()).unwrap();
    let mut other = |payload: &'static [u8]| {
        let message = Message::new(TopicName::new("a").unwrap(), payload);
        let now = DateTime::from_timestamp(1_795_428_000, 0).unwrap();
        assert!(explainer.known(&message, now).is_guess());
        let (format, verdict) = explainer.other(&message, now)?;
        Some(format!("{format}: {}", verdict.details.join(", ")))
    };
    for (payload, expected) in [
        (
            &br#"[{"n":"t","u":"Cel","v":21.5}]"#[..],
            Some("senml: t = 21.5 Cel, at arrival"),
        ),
        (b"\xa1\x61t\x14", Some("cbor+leaves: t = 20.0, at arrival")),
        (
            b"\x81\xa1t\x14",
            Some("msgpack+leaves: t = 20.0, at arrival"),
        ),
        (b"hello", None),
        (b"[1,2]", None),
        (b"\xff\xfe", None),
        (b"\xe2", None),
    ] {
        assert_eq!(other(payload).as_deref(), expected, "{payload:?}");
    }
}
