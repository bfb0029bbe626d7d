//! Simulated readings in the formats of real devices.

mod common;

use common::{bare, ends_well, ends_with, iot_pub, wait_for_lines};
use testkit::{Broker, DEADLINE};

const MODELS: [&str; 4] = [
    "--model",
    "temperature=constant(21.5)",
    "--model",
    "humidity=constant(48)",
];

/// Publishes one message in this format. Returns what `mosquitto_sub` prints of it, payloads in
/// hexadecimal digits, and what iot-pub prints.
#[track_caller]
fn one(format: &str, args: &[&str]) -> (String, String) {
    let broker = Broker::start();
    let subscriber = broker.mosquitto_sub(["-t", "#", "-F", "%t %x", "-C", "1"]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let program = iot_pub(
        broker.port(),
        "--count 1 --start 2026-06-21T06:30:00 --format",
    );
    let publisher = ends_well(
        program
            .args([format])
            .args(MODELS)
            .args(args.iter().copied())
            .spawn(),
    );
    let subscriber = ends_well(subscriber);
    (subscriber.stdout(), publisher.stdout())
}

fn hex(text: &str) -> String {
    let digits = text.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
    { digits }
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[test]
fn text_formats_are_sent_and_printed() {
    for (format, topic, payload) in [
        (
            "json",
            "iot/home2/temp",
            r#"{"temperature": 21.5, "humidity": 48}"#,
        ),
        (
            "tasmota",
            "tele/sensor1/SENSOR",
            r#"{"Time":"2026-06-21T06:30:00","AM2301":{"Temperature":21.5,"Humidity":48.0},"TempUnit":"C"}"#,
        ),
    ] {
        let (received, printed) = one(format, &[]);
        assert_eq!(received, format!("{topic} {}\n", hex(payload)));
        assert_eq!(printed, format!("{topic} {payload}\n"));
    }
    let (received, printed) = one("zigbee2mqtt", &[]);
    assert!(
        received.starts_with("zigbee2mqtt/sensor1 7b22"),
        "{received}"
    );
    assert!(
        printed.contains(r#"{"temperature": 21.5, "humidity": 48, "last_seen": "2026-06-2"#),
        "{printed}"
    );
    let (_, printed) = one("senml", &["--unit", "temperature=°C", "-t", "shed"]);
    assert!(
        printed.contains(r#""n":"temperature","u":"Cel","v":21.5},{"n":"humidity","v":48.0}]"#),
        "{printed}"
    );
}

#[test]
fn binary_formats_are_printed_as_json() {
    for (format, begin) in [
        ("cbor", "a26b"),
        ("msgpack", "82ab"),
        ("senml-cbor", "82a4"),
    ] {
        let (received, printed) = one(format, &[]);
        let expected = format!("iot/home2/temp {begin}");
        assert!(received.starts_with(&expected), "{received}");
        assert_eq!(
            printed,
            "iot/home2/temp {\"temperature\": 21.5, \"humidity\": 48}\n"
        );
    }
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    #[track_caller]
    fn case(args: &str, expected: &str) {
        let ended = ends_with(bare(args).spawn(), 2);
        assert!(ended.stderr().contains(expected), "{}", ended.stderr());
    }
    case(
        "--format sparkplug -q 1",
        "cannot be used with --format sparkplug: an edge node publishes with QoS 0",
    );
    case("--format sparkplug -r", "an edge node retains nothing");
    case(
        "--format sparkplug --will-topic a",
        "the will is the DEATH of the edge node",
    );
    case(
        "--format sparkplug -t spBv1.0/g/n{device} --devices 2 -i a",
        "names one client, and each edge node is one",
    );
    case(
        "--format sparkplug -t iot/a",
        "`iot/a`: with Sparkplug, a topic is spBv1.0/GROUP/NODE or spBv1.0/GROUP/NODE/DEVICE",
    );
    case(
        "--format sparkplug -t spBv1.0/g/n --devices 2",
        "two devices have the topic `spBv1.0/g/n`",
    );
    case("--format json -m 5", "cannot be used with");
    case(
        "--format senml --unit °C --model a=uniform --model b=uniform",
        "`°C` needs the name of its model",
    );
    for format in ["", "--format json ", "--payload-template {{value}} "] {
        case(
            &format!("{format}--unit °C"),
            "`--unit` needs a format that has units: --format senml, senml-cbor, sparkplug or tasmota",
        );
    }
    case("--format xml", "zigbee2mqtt");
}

#[test]
fn a_broken_format_in_a_scenario_is_reported_with_its_line() {
    #[track_caller]
    fn case(folder: &std::path::Path, keys: &str, expected: &str) {
        let text = format!("[[group]]\nname = \"a\"\ntopic = \"spBv1.0/g/n\"\n{keys}\n");
        std::fs::write(folder.join("a.toml"), text).unwrap();
        let ended = ends_with(bare("--scenario a.toml").current_dir(folder).spawn(), 2);
        assert_eq!(ended.stderr(), format!("iot-pub: a.toml:{expected}\n"));
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    case(
        folder,
        "format = \"xml\"",
        "4: format: `xml`: not a format; the formats are json, cbor, msgpack, senml, senml-cbor, sparkplug, tasmota, zigbee2mqtt",
    );
    case(
        folder,
        "format = \"sparkplug\"\nqos = 1",
        "5: qos: a Sparkplug edge node publishes with QoS 0",
    );
    case(
        folder,
        "format = \"json\"\npayload-template = \"{{value}}\"",
        "5: payload-template: a payload has a template or a format, not both",
    );
}

#[test]
fn several_sensors_print_each_message() {
    let broker = Broker::start();
    let mut publisher = iot_pub(
        broker.port(),
        "--format cbor --interval 10ms --devices 3 -t a{device}",
    )
    .spawn();
    wait_for_lines(&publisher, 6);
    publisher.interrupt();
    let printed = ends_well(publisher).stdout();
    for topic in [
        "a1 {\"value\": 25",
        "a2 {\"value\": 25",
        "a3 {\"value\": 25",
    ] {
        assert!(printed.contains(topic), "{printed}");
    }
}
