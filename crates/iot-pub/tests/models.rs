//! Simulated sensors: models, seeds, templates, a simulated clock, and the messages about wrong
//! ones.

mod common;

use common::{bare, ends_well, ends_with, iot_pub, lines};
use testkit::{Broker, DEADLINE};

/// Runs to the end with these arguments, and returns what it has published.
#[track_caller]
fn published(broker: &Broker, args: &[&str]) -> String {
    let program = iot_pub(broker.port(), "").args(args);
    ends_well(program.spawn()).stdout()
}

#[test]
fn a_seed_repeats_a_run_byte_for_byte() {
    let broker = Broker::start();
    let models = [
        "--model",
        "t=daily(14,26)+normal(0,0.5)+spike(0.1,9)+dropout(0.2)+stuck(0.1,1m)",
        "--model",
        "h=walk+sine(0,5,10m,0.3)+drift(2)+dropout(0.2)",
        "--payload-template",
        r#"{"t": {{t}}, "h": {{h}}, "at": "{{now}}", "ms": {{now_ms}}, "seq": {{seq}}, "id": "{{device}}"}"#,
        "--interval",
        "1m",
        "--jitter",
        "10s",
        "--count",
        "500",
        "--speed",
        "max",
        "-q",
        "1",
    ];
    let run = |seed: &str| published(&broker, &[&models[..], &["--seed", seed]].concat());
    let first = run("42");
    assert_eq!(first.lines().count(), 500);
    assert_eq!(first, run("42"));
    assert_ne!(first, run("43"));
    assert!(first.contains(r#""at": "2026-01-01T00:0"#), "{first}");
}

#[test]
fn without_a_seed_each_run_is_another() {
    let broker = Broker::start();
    let args = ["--count", "1"];
    assert_ne!(published(&broker, &args), published(&broker, &args));
}

#[test]
fn a_reading_is_rounded() {
    let broker = Broker::start();
    let args = [
        "--count",
        "1",
        "--precision",
        "2",
        "--model",
        "constant(20.999)",
    ];
    assert_eq!(published(&broker, &args), "iot/home2/temp 21.00\n");
}

#[test]
fn several_models_make_one_payload() {
    let broker = Broker::start();
    let subscriber = broker.mosquitto_sub(["-t", "iot/#", "-v", "-C", "1"]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let args = "--count 1 --topic iot/home{device}/climate --model temp=constant(21.5) --model hum=counter(40)";
    let publisher = ends_well(iot_pub(broker.port(), args).spawn());
    let expected = r#"iot/home1/climate {"temp": 21.5, "hum": 40}"#;
    subscriber.wait_for_stdout(expected);
    assert_eq!(lines(&publisher.stdout()), [expected]);
}

#[test]
fn braces_of_json_beside_placeholders_are_published() {
    let broker = Broker::start();
    for (template, expected) in [
        (r#"{"a": {"b": {{value}}}}"#, r#"{"a": {"b": 5}}"#),
        (r#"{"a":{"b":1},"v":{{value}}}"#, r#"{"a":{"b":1},"v":5}"#),
        (r#"{"a":{"b":1}}"#, r#"{"a":{"b":1}}"#),
        (r#"{"a":"}}","n":{{seq}}}"#, r#"{"a":"}}","n":1}"#),
    ] {
        let args = ["--count", "1", "--model", "constant(5)"];
        let args = [&args[..], &["--payload-template", template]].concat();
        let expected = format!("iot/home2/temp {expected}\n");
        assert_eq!(published(&broker, &args), expected);
    }
}

#[test]
fn simulated_time_passes_at_the_given_speed() {
    let broker = Broker::start();
    let start = std::time::Instant::now();
    let mut args = vec!["--model", "constant(1)", "--payload-template", "{{now}}"];
    args.extend([
        "--start",
        "2026-06-21T06:00:00+02:00",
        "--interval",
        "1h",
        "--count",
        "3",
    ]);
    let expected = "iot/home2/temp 2026-06-21T04:00:00.000Z\n\
                    iot/home2/temp 2026-06-21T05:00:00.000Z\n\
                    iot/home2/temp 2026-06-21T06:00:00.000Z\n";
    assert_eq!(
        published(&broker, &[&args[..], &["--speed", "max"]].concat()),
        expected
    );
    // An hour in 50 ms, twice.
    let start_of_slow = start.elapsed();
    assert_eq!(
        published(&broker, &[&args[..], &["--speed", "72000x"]].concat()),
        expected
    );
    let slow = start.elapsed().saturating_sub(start_of_slow);
    assert!(slow.as_millis() >= 100, "{slow:?}");
}

#[test]
fn the_day_of_a_simulation_is_that_of_its_start() {
    let broker = Broker::start();
    let at = |start| {
        let args = ["--model", "daily(10,20)", "--count", "1", "--start", start];
        published(&broker, &args)
    };
    assert_eq!(at("2026-06-21T05:00"), "iot/home2/temp 10\n");
    assert_eq!(at("2026-06-21T15:00:00-07:00"), "iot/home2/temp 20\n");
}

#[test]
fn a_sensor_that_has_dropped_out_is_silent() {
    let broker = Broker::start();
    let args = "--model counter+dropout(0.5) --seed 1 --speed max --count 100";
    let values = lines(&ends_well(iot_pub(broker.port(), args).spawn()).stdout());
    assert_eq!(values.len(), 100);
    let last: u32 = values[99]
        .strip_prefix("iot/home2/temp ")
        .unwrap()
        .parse()
        .unwrap();
    assert!((150..250).contains(&last), "{last}");
}

/// Wrong usage: this line, exit code 2, before anything connects.
#[track_caller]
fn refused(args: &[&str], expected: &str) {
    let ended = ends_with(bare("").args(args).spawn(), 2);
    assert_eq!(ended.stderr().lines().next(), Some(expected));
    assert_eq!(ended.stdout(), "");
}

#[test]
fn a_wrong_value_is_reported_before_anything_connects() {
    refused(
        &["--model", "sinus"],
        "iot-pub: invalid value `sinus` for `--model`: `sinus` is not a model (models: uniform, normal, walk, \
         sine, daily, steps, constant, counter; to add to a model: dropout, spike, stuck, drift, clamp)",
    );
    refused(
        &["--model", "uniform", "--model", "walk"],
        "iot-pub: several models need a name each, as in `temp=daily(14,26)`",
    );
    refused(
        &[
            "--model",
            "uniform",
            "--model",
            "walk",
            "--payload-template",
            "{{value}}",
        ],
        "iot-pub: several models need a name each, as in `temp=daily(14,26)`",
    );
    refused(
        &["--payload-template", "{{temp}}"],
        "iot-pub: invalid value for `--payload-template`: unknown {{temp}}: known are {{value}}, {{now}}, {{now_ms}}, {{seq}}, {{device}}",
    );
    refused(
        &["--topic", "iot/{id}"],
        "iot-pub: invalid value `iot/{id}` for `--topic`: unknown {id}: known are {device}, {topic}",
    );
    for (template, what) in [
        ("{{value", "`{{value` has no }}"),
        ("{{}}", "{{}} has no name in it"),
        ("x}}", "}} after `x` ends no placeholder"),
        (r#"{"t": value}}"#, "}} after `value` ends no placeholder"),
    ] {
        let known = "known are {{value}}, {{now}}, {{now_ms}}, {{seq}}, {{device}}";
        let line = format!("iot-pub: invalid value for `--payload-template`: {what}: {known}");
        refused(&["--payload-template", template], &line);
    }
    for (topic, what) in [
        ("iot/{device", "`{device` has no }"),
        ("iot/{}", "{} has no name in it"),
        ("iot/device}", "} after `iot/device` ends no placeholder"),
        ("iot/{{device}}", "`{{device}}` has too many braces"),
    ] {
        let why = format!("{what}: known are {{device}}, {{topic}}");
        let line = format!("iot-pub: invalid value `{topic}` for `--topic`: {why}");
        refused(&["--topic", topic], &line);
        let line = format!("iot-pub: invalid value `{topic}` for the topic in `-L`: {why}");
        let url = format!("mqtt://localhost/{topic}");
        refused(&["-L", &url], &line);
    }
    refused(
        &["--topic", "iot/+/{device}"],
        "iot-pub: invalid value `iot/+/{device}` for `--topic`: topic name `iot/+/1` contains the \
         wildcard `+` (only topic filters have wildcards)",
    );
    refused(
        &["--speed", "fast"],
        "iot-pub: invalid value `fast` for `--speed`: a speed is a positive number, as in 10x or 0.5x, or max",
    );
    refused(
        &["--start", "soon"],
        "iot-pub: invalid value `soon` for `--start`: a time is now, 2026-06-21, 2026-06-21T06:00 (in UTC) or \
         2026-06-21T06:00:00+02:00",
    );
    refused(
        &["--precision", "16"],
        "iot-pub: invalid value `16` for `--precision`: a whole number from 0 to 15 is needed",
    );
}

#[test]
fn options_that_exclude_each_other_are_reported() {
    let excluded = |given: [&str; 2], option: &str, value: &str| {
        let line = format!(
            "iot-pub: `{}` cannot be used with `{option}` (leave one of them out)",
            given[0]
        );
        refused(&[given[0], given[1], option, value], &line);
    };
    for (option, value) in [
        ("--model", "uniform"),
        ("--precision", "2"),
        ("--payload-template", "x"),
        ("--start", "now"),
        ("--speed", "max"),
    ] {
        excluded(["-m", "x"], option, value);
    }
    for (option, value) in [
        ("--topic", "a"),
        ("--model", "uniform"),
        ("--payload-template", "x"),
        ("--message", "x"),
        ("--replay", "x"),
    ] {
        excluded(["--scenario", "f.toml"], option, value);
    }
    for (option, value) in [
        ("--message", "x"),
        ("--model", "uniform"),
        ("--precision", "2"),
        ("--payload-template", "x"),
        ("--seed", "1"),
        ("--start", "now"),
        ("--interval", "1s"),
        ("--jitter", "1s"),
    ] {
        excluded(["--replay", "f.csv"], option, value);
    }
    for option in ["--loop", "--strict"] {
        let line = format!("iot-pub: `{option}` needs `--replay <FILE>`");
        refused(&[option], &line);
        refused(&["-m", "x", option], &line);
    }
    refused(
        &["--replay", "-", "--loop"],
        "iot-pub: `--loop` needs a file: standard input cannot be read again",
    );
    refused(
        &["--topic", "replay/{topic}"],
        "iot-pub: {topic} in `--topic` is the recorded topic and needs --replay FILE",
    );
    refused(
        &["--speed", "2x"],
        "iot-pub: `--speed` needs `--start <TIME>`, `--seed <SEED>` or `--replay <FILE>`",
    );
    refused(
        &["--jitter", "3s"],
        "iot-pub: `--jitter` is 3s, longer than the interval of 2s",
    );
}

#[test]
fn a_variable_never_makes_a_command_line_fail() {
    let broker = Broker::start();
    let with_all = |args: &str| {
        iot_pub(broker.port(), args)
            .env("IOT_MESSAGE", "from the variable")
            .env("IOT_MODEL", "constant(7)")
            .env("IOT_SCENARIO", "nowhere.toml")
            .env("IOT_PAYLOAD_TEMPLATE", "<{{value}}>")
            .env("IOT_PRECISION", "1")
            .env("IOT_JITTER", "1h")
            .env("IOT_SPEED", "max")
            .env("IOT_REPLAY", "nowhere.csv")
            .env("IOT_LOOP", "1")
            .env("IOT_STRICT", "1")
    };
    let stdout = |args| ends_well(with_all(args).spawn()).stdout();
    assert_eq!(stdout("-m typed"), "iot/home2/temp typed\n");
    assert_eq!(
        stdout("--model constant(5) --count 1"),
        "iot/home2/temp <5.0>\n"
    );
    let publisher = iot_pub(broker.port(), "")
        .env("IOT_MESSAGE", "alone")
        .spawn();
    assert_eq!(ends_well(publisher).stdout(), "iot/home2/temp alone\n");
}

#[test]
fn each_has_a_variable() {
    let broker = Broker::start();
    let publisher = iot_pub(broker.port(), "--count 2")
        .env("IOT_MODEL", "t=counter(0.5)")
        .env("IOT_PRECISION", "2")
        .env("IOT_PAYLOAD_TEMPLATE", "{{t}} {{now}}")
        .env("IOT_SEED", "1")
        .env("IOT_START", "2026-06-21")
        .env("IOT_SPEED", "max")
        .env("IOT_INTERVAL", "1h")
        .spawn();
    assert_eq!(
        ends_well(publisher).stdout(),
        "iot/home2/temp 0.50 2026-06-21T00:00:00.000Z\n\
         iot/home2/temp 1.50 2026-06-21T01:00:00.000Z\n"
    );
    let program = bare("").env("IOT_SCENARIO", "nowhere");
    let ended = ends_with(program.spawn(), 1);
    assert!(ended.stderr().contains("cannot read scenario `nowhere`"));
    let program = bare("").env("IOT_REPLAY", "nowhere");
    let ended = ends_with(
        program.env("IOT_LOOP", "1").env("IOT_STRICT", "1").spawn(),
        1,
    );
    assert!(ended.stderr().contains("cannot read recording `nowhere`"));
}
