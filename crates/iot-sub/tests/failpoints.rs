//! Killed at each point of a reading's path, `iot-sub` loses nothing. Needs the feature
//! `failpoints`; `scripts/test` runs it in a step of its own.

mod common;

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;

use common::{Flood, documents_of, interrupt, sqlite, sub};
use testkit::{Broker, DEADLINE, Mongo, eventually};

const COUNT: usize = 100;
const SIGKILL: i32 = 9;

/// The points without a spool.
const DIRECT: [&str; 4] = [
    "before-commit:2",
    "after-commit:2",
    "before-ack:2",
    "after-ack:2",
];

/// Publishes the numbers below [`COUNT`]; returns once the broker has acknowledged all.
fn flood(port: u16, qos: u8) {
    flood_with(port, qos, |number| number.to_string());
}

fn flood_with(port: u16, qos: u8, payload: fn(usize) -> String) {
    // mosquitto 2.0.11 loses QoS 2 messages beyond 20 in flight.
    let mut flood = Flood::start(port, 20);
    for number in 0..COUNT {
        flood.publish("iot/flood", payload(number), qos);
    }
    flood.finish();
}

/// How often the collection has each of the numbers.
fn numbers(mongo: &Mongo, collection: &str) -> HashMap<usize, usize> {
    let mut numbers = HashMap::new();
    for document in documents_of(mongo, "iot_service", collection) {
        let value = document.get_f64("value").expect("a number");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the test's own numbers"
        )]
        let value = value as usize;
        *numbers.entry(value).or_default() += 1;
    }
    numbers
}

/// Runs `iot-sub` into the point, and again without it.
#[track_caller]
fn case(mongo: &Mongo, version: &str, qos: u8, point: &str) {
    let broker = Broker::builder()
        .persistent()
        .config("max_queued_messages 0")
        .start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let collection = format!("{point}-{qos}-{version}").replace(':', "_");
    let arguments = [
        "-p",
        &broker.port().to_string(),
        "--store",
        &mongo.url(),
        "--collection",
        &collection,
        "-q",
        &qos.to_string(),
        "-V",
        version,
        "-c",
        "-i",
        "mortal",
        "--spool",
        &folder.path().join("s").display().to_string(),
    ];
    let mut program = sub(&arguments).env("IOT_FAILPOINT", point).spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    flood(broker.port(), qos);
    let status = program.wait();
    assert_eq!(status.signal(), Some(SIGKILL), "{point}: {status}");

    let program = sub(&arguments).spawn();
    program.wait_for_stderr("Connected with result code 0");
    // What the broker sends again comes before it.
    let last = COUNT.to_string();
    broker.mosquitto_pub(["-q", &qos.to_string(), "-t", "iot/flood", "-m", &last]);
    eventually(DEADLINE, format_args!("{point}: all are stored"), || {
        numbers(mongo, &collection).len() == COUNT + 1
    });
    let totals = interrupt(program);
    assert!(totals.contains("spooled 0"), "{point}: {totals}");
    let numbers = numbers(mongo, &collection);
    assert!((0..=COUNT).all(|number| numbers.contains_key(&number)));
    let again: usize = numbers.values().map(|count| count - 1).sum();
    let redelivered = broker
        .log()
        .matches("Sending PUBLISH to mortal (d1,")
        .count();
    assert!(again <= redelivered, "{point}: {again} are stored again");
    if qos == 2 {
        assert_eq!(again, 0, "{point}, MQTT {version}: are stored again");
    }
}

/// A payload that says which message it is.
fn keyed(number: usize) -> String {
    format!("{{\"seq\":{number}}}")
}

/// Runs `iot-sub --id-key` with QoS 1 into the point, and again without it; `count` says how many
/// readings there are in all, and how many different ones.
#[track_caller]
fn keyed_case(store: &[&str], point: &str, count: &dyn Fn() -> (usize, usize)) {
    let broker = Broker::builder()
        .persistent()
        .config("max_queued_messages 0")
        .start();
    let port = broker.port().to_string();
    let mut arguments = vec!["-p", &port, "-q", "1", "-c", "-i", "mortal"];
    arguments.extend(["--id-key", "/seq", "--value-key", "/seq"]);
    arguments.extend(store);
    let mut program = sub(&arguments).env("IOT_FAILPOINT", point).spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    flood_with(broker.port(), 1, keyed);
    let status = program.wait();
    assert_eq!(status.signal(), Some(SIGKILL), "{point}: {status}");

    let program = sub(&arguments).spawn();
    program.wait_for_stderr("Connected with result code 0");
    let last = keyed(COUNT);
    broker.mosquitto_pub(["-q", "1", "-t", "iot/flood", "-m", &last]);
    eventually(DEADLINE, format_args!("{point}: all are stored"), || {
        count().1 == COUNT + 1
    });
    interrupt(program);
    assert_eq!(count(), (COUNT + 1, COUNT + 1), "{store:?}, {point}");
    let log = broker.log();
    if point.starts_with("before-ack") {
        let redelivered = log.matches("Sending PUBLISH to mortal (d1,").count();
        assert!(redelivered > 0, "{store:?}, {point}: nothing came again");
    }
}

fn all_and_different(mongo: &Mongo, collection: &str) -> (usize, usize) {
    let numbers = numbers(mongo, collection);
    (numbers.values().sum(), numbers.len())
}

#[test]
fn killed_at_any_point_a_message_with_an_id_is_stored_once_with_qos_1() {
    let mongo = Mongo::start();
    let url = mongo.url();
    for point in [
        "before-receive:30",
        "after-receive:2",
        "before-commit:2",
        "after-commit:2",
        "before-ack:2",
        "after-ack:2",
        "before-delivery:2",
        "after-delivery:2",
        "before-trim:1",
        "after-trim:1",
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let spool = folder.path().join("s").display().to_string();
        let collection = format!("spooled-{point}").replace(':', "_");
        let store = [
            "--store",
            &url,
            "--collection",
            &collection,
            "--spool",
            &spool,
        ];
        keyed_case(&store, point, &|| all_and_different(&mongo, &collection));
    }
    for point in DIRECT {
        let collection = format!("direct-{point}").replace(':', "_");
        let store = [
            "--store",
            &url,
            "--collection",
            &collection,
            "--ack-after",
            "store",
        ];
        keyed_case(&store, point, &|| all_and_different(&mongo, &collection));

        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("iot.db");
        let store = format!("sqlite:{}", file.display());
        keyed_case(&["--store", &store], point, &|| {
            let counts = "select count(*) || ' ' || count(distinct value) from readings";
            let counts = sqlite(&file, counts);
            let (all, different) = counts.trim().split_once(' ').expect("two numbers");
            (
                all.parse().expect("a number"),
                different.parse().expect("a number"),
            )
        });
    }
}

#[test]
fn members_of_a_shared_subscription_store_once_what_both_get() {
    let (broker, mongo) = (
        Broker::builder()
            .persistent()
            .config("max_queued_messages 0")
            .start(),
        Mongo::start(),
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (port, url) = (broker.port().to_string(), mongo.url());
    let member = |id: &str, point: Option<&str>| {
        let spool = folder.path().join(id).display().to_string();
        let mut arguments = vec!["-p", &port, "--store", &url, "-q", "1", "-c", "-i", id];
        arguments.extend(["-t", "$share/group/iot/#", "--spool", &spool]);
        arguments.extend(["--id-key", "/seq", "--value-key", "/seq"]);
        let program = sub(&arguments);
        let program = match point {
            Some(point) => program.env("IOT_FAILPOINT", point).spawn(),
            None => program.spawn(),
        };
        program.wait_for_stderr("Connected with result code 0");
        broker.wait_for_log(&format!("Sending SUBACK to {id}"), DEADLINE);
        program
    };
    let mut mortal = member("mortal", Some("before-ack:2"));
    let other = member("other", None);
    flood_with(broker.port(), 1, keyed);
    assert_eq!(mortal.wait().signal(), Some(SIGKILL));
    // All come again: to the one that is left, and what the dead one has not acknowledged to that
    // one as well.
    flood_with(broker.port(), 1, keyed);
    let mortal = member("mortal", None);
    eventually(DEADLINE, "all are stored", || {
        numbers(&mongo, "sensors").len() == COUNT
    });
    let totals = [interrupt(mortal), interrupt(other)];
    assert!(
        totals.iter().all(|totals| totals.contains("spooled 0")),
        "{totals:?}"
    );
    assert!(
        totals.iter().any(|totals| totals.contains("duplicates")),
        "{totals:?}"
    );
    assert_eq!(all_and_different(&mongo, "sensors"), (COUNT, COUNT));
    assert_eq!(documents_of(&mongo, "iot_service", "sensors_rejected"), []);
}

#[test]
fn killed_at_any_point_nothing_acknowledged_is_missing() {
    let mongo = Mongo::start();
    for point in [
        "before-receive:30",
        "after-receive:2",
        "before-commit:2",
        "after-commit:2",
        "before-ack:2",
        "after-ack:2",
        "before-delivery:2",
        "after-delivery:2",
        "before-trim:1",
        "after-trim:1",
    ] {
        case(&mongo, "311", 1, point);
    }
}

#[test]
fn killed_at_any_point_what_has_qos_2_is_stored_once() {
    let mongo = Mongo::start();
    for version in ["311", "5"] {
        for point in [
            "before-receive:30",
            "after-receive:2",
            "before-commit:2",
            "after-commit:2",
            "before-ack:2",
            "after-ack:2",
            "before-pubrel:10",
            "after-pubrel:10",
            "before-delivery:2",
            "after-delivery:2",
            "after-trim:1",
        ] {
            case(&mongo, version, 2, point);
        }
    }
}

/// A message of five values, of which each says which message it is.
fn five(number: usize) -> String {
    let values = ["a", "b", "c", "d", "e"].map(|name| format!("\"{name}\":{number}"));
    format!("{{{}}}", values.join(","))
}

/// How often each reading of the messages of five values is in the store.
fn fives(rows: impl Iterator<Item = (String, i64)>) -> HashMap<(String, i64), usize> {
    let mut counts = HashMap::new();
    for row in rows {
        *counts.entry(row).or_default() += 1;
    }
    counts
}

/// Runs `iot-sub --decode leaves` with QoS 2 into the point, and again without it: each of the five
/// readings of each message is there once.
#[track_caller]
fn five_values_case(store: &[&str], point: &str, stored: &dyn Fn() -> Vec<(String, i64)>) {
    let broker = Broker::builder()
        .persistent()
        .config("max_queued_messages 0")
        .start();
    let port = broker.port().to_string();
    let mut arguments = vec!["-p", &port, "-q", "2", "-c", "-i", "mortal"];
    arguments.extend(["--decode", "leaves"]);
    arguments.extend(store);
    let mut program = sub(&arguments).env("IOT_FAILPOINT", point).spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    flood_with(broker.port(), 2, five);
    let status = program.wait();
    assert_eq!(status.signal(), Some(SIGKILL), "{point}: {status}");

    let program = sub(&arguments).spawn();
    program.wait_for_stderr("Connected with result code 0");
    let last = five(COUNT);
    broker.mosquitto_pub(["-q", "2", "-t", "iot/flood", "-m", &last]);
    eventually(DEADLINE, format_args!("{point}: all are stored"), || {
        fives(stored().into_iter()).len() == (COUNT + 1) * 5
    });
    interrupt(program);
    let counts = fives(stored().into_iter());
    assert!(
        counts.values().all(|count| *count == 1),
        "{store:?}, {point}: {counts:?}"
    );
}

#[test]
fn killed_at_any_point_each_of_five_values_is_stored_once_with_qos_2() {
    let mongo = Mongo::start();
    let url = mongo.url();
    for point in [
        "after-receive:2",
        "before-commit:2",
        "after-commit:2",
        "before-ack:2",
        "after-ack:2",
        "before-delivery:2",
        "after-delivery:2",
        "before-trim:1",
        "after-trim:1",
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let spool = folder.path().join("s").display().to_string();
        let collection = format!("five-{point}").replace(':', "_");
        let store = [
            "--store",
            &url,
            "--collection",
            &collection,
            "--spool",
            &spool,
        ];
        five_values_case(&store, point, &|| {
            let documents = documents_of(&mongo, "iot_service", &collection);
            let rows = documents.iter().map(|document| {
                let metric = document.get_str("metric").expect("a metric").to_owned();
                #[expect(clippy::cast_possible_truncation, reason = "the test's own numbers")]
                let value = document.get_f64("value").expect("a number") as i64;
                (metric, value)
            });
            rows.collect()
        });
    }
    for point in DIRECT {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("iot.db");
        let store = format!("sqlite:{}", file.display());
        five_values_case(&["--store", &store], point, &|| {
            let rows = sqlite(&file, "SELECT metric, CAST(value AS INTEGER) FROM sensors");
            let rows = rows.lines().filter_map(|row| row.split_once('|'));
            rows.map(|(metric, value)| (metric.to_owned(), value.parse().expect("a number")))
                .collect()
        });
    }
}
