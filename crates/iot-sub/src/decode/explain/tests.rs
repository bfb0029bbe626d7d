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
    explain(topic, &verdict, &known, &mut out);
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
fn a_rejection_is_shown_with_its_reason() {
    case("auto", "a", "hello", "a: rejected: not a number or JSON\n");
    case(
        "leaves",
        "a",
        "{}",
        "a: leaves, no reading: nothing is stored\n",
    );
}
