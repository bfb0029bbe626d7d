use std::time::Duration;

use iot_core::QoS;

use super::*;

fn defaults() -> Defaults {
    Defaults {
        qos: QoS::AtLeastOnce,
        retain: true,
        precision: Some(1),
        format: None,
        interval: Duration::from_secs(7),
        jitter: None,
    }
}

#[track_caller]
fn described(text: &str) -> Vec<DeviceSpec> {
    devices(text, &defaults()).unwrap()
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let fault = devices(text, &defaults()).unwrap_err();
    assert_eq!(fault.line("f.toml", text), expected);
}

#[test]
fn a_group_says_what_its_devices_publish() {
    let devices = described(
        r#"
        [[group]]
        name = "shelf"
        count = 2
        topic = "plant/{group}/{number}/{device}"
        qos = 2
        retain = false
        interval = "30s"
        jitter = "2s"
        model = { temp = "daily(14,26)", hum = "walk" }

        [[group]]
        name = "door"
        topic = "plant/door"
        "#,
    );
    let topics: Vec<&str> = devices.iter().map(|device| device.topic.as_str()).collect();
    assert_eq!(
        topics,
        [
            "plant/shelf/1/shelf-1",
            "plant/shelf/2/shelf-2",
            "plant/door"
        ]
    );
    let names: Vec<&str> = devices.iter().map(|device| &*device.name).collect();
    assert_eq!(names, ["shelf-1", "shelf-2", "door"]);
    let (shelf, door) = (&devices[1], &devices[2]);
    assert_eq!((shelf.qos, shelf.retain), (QoS::ExactlyOnce, false));
    assert_eq!(shelf.interval, Duration::from_secs(30));
    assert_eq!(shelf.jitter, Duration::from_secs(2));
    // The options are the defaults.
    assert_eq!((door.qos, door.retain), (QoS::AtLeastOnce, true));
    assert_eq!(door.interval, Duration::from_secs(7));
    assert_eq!(door.jitter, Duration::ZERO);
}

#[test]
fn a_fault_is_reported_with_line_and_key() {
    const NEEDS: &str = "a scenario needs at least one [[group]] with a name and a topic";
    refused("", &format!("f.toml: no group: {NEEDS}"));
    refused(
        "[[groups]]\nname = 'a'",
        "f.toml:1: unknown field `groups`, expected `group`",
    );
    refused(
        "[[group]]\nname = 'a'\nnmae = 'b'\ntopic = 't'",
        "f.toml:3: unknown field `nmae`, expected one of `name`, `count`, `topic`, `qos`, `retain`, `model`, \
         `format`, `unit`, `payload-template`, `precision`, `interval`, `jitter`",
    );
    refused("[[group]]\nname = 'a'", "f.toml:1: missing field `topic`");
    refused(
        "[[group]]\nname = 'a",
        "f.toml:2: name: invalid literal string, expected `'`",
    );
    refused(
        "[[group]]\nname = 'a'\ntopic = 't'\ninterval = 30",
        "f.toml:4: interval: invalid type: integer `30`, expected a string",
    );
    refused(
        "[[group]]\nname = 'a'\ntopic = 't'\ninterval = '2w'",
        "f.toml:4: interval: `2w`: a duration is a positive number of seconds, or one with its unit: 500ms, 2s, 1m, 1h or 1d",
    );
    refused(
        "[[group]]\nname = 'a'\ntopic = 't'\njitter = '8s'",
        "f.toml:4: jitter: 8s is longer than the interval of 7s",
    );
    refused(
        "[[group]]\nname = 'a'\ntopic = 't'\ncount = 0",
        "f.toml:4: count: 0 is not a whole number from 1 to 1000000",
    );
    refused(
        "[[group]]\nname = 'a'\ntopic = 't'\nqos = 3",
        "f.toml:4: qos: 3 is not a whole number from 0 to 2",
    );
    refused(
        "[[group]]\nname = 'a'\ntopic = 't/+'",
        "f.toml:3: topic: topic name `t/+` contains the wildcard `+` (only topic filters have wildcards)",
    );
    refused(
        "[[group]]\nname = 'a'\ntopic = 't/{id}'",
        "f.toml:3: topic: unknown {id}: known are {device}, {group}, {number}",
    );
    refused(
        "[[group]]\nname = 'a'\ntopic = 't/{number'",
        "f.toml:3: topic: `{number` has no }: known are {device}, {group}, {number}",
    );
    refused(
        "[[group]]\nname = 'a b'\ntopic = 't'",
        "f.toml:2: name: `a b`: a name has letters, digits, `-`, `_` and `.`",
    );
    refused(
        "[[group]]\nname = 'a'\ntopic = 't'\n\n[[group]]\nname = 'a'\ntopic = 't'",
        "f.toml:6: name: two groups have the name `a`",
    );
    refused(
        "[[group]]\nname = 'a'\ntopic = 't'\nmodel = 'constant(x)'",
        "f.toml:4: model: `constant(x)`: VALUE is a number, not `x` (the form is constant(VALUE))",
    );
    refused(
        "[[group]]\nname = 'a'\ntopic = 't'\nmodel = { t = 'walk', now = 'walk' }",
        "f.toml:4: now: `now` can't name a model: in templates it is something else",
    );
    refused(
        "[[group]]\nname = 'a'\ntopic = 't'\nmodel = 5",
        "f.toml:4: model: invalid type: integer `5`, expected a text, or a table of texts with names",
    );
    refused(
        "[[group]]\nname = 'a'\ntopic = 't'\npayload-template = '{{x}}'",
        "f.toml:4: payload-template: unknown {{x}}: known are {{value}}, {{now}}, {{now_ms}}, {{seq}}, {{device}}",
    );
    refused(
        "[[group]]\nname = 'a'\ntopic = 't'\npayload-template = '{\"t\": value}}'",
        "f.toml:4: payload-template: }} after `value` ends no placeholder: \
         known are {{value}}, {{now}}, {{now_ms}}, {{seq}}, {{device}}",
    );
}

#[test]
fn a_million_devices_are_enough() {
    let group = |name: &str| format!("[[group]]\nname = '{name}'\ntopic = 't'\ncount = 600000\n");
    refused(
        &(group("a") + &group("b")),
        "f.toml:8: count: more than 1000000 devices in all",
    );
}
