//! Readings travel from a publisher over a real mosquitto into a real mongod.

mod common;

use common::{documents, documents_of, interrupt, publish, start, sub};
use mongodb::bson::{Bson, Document, doc};
use testkit::{Broker, DEADLINE, Mongo, eventually};

/// Exactly the four fields, of their types, and the value.
#[track_caller]
fn assert_reading(document: &Document, topic: &str, value: impl Into<Bson>) {
    let fields: Vec<&str> = document.keys().map(String::as_str).collect();
    assert_eq!(fields, ["_id", "topic", "value", "reg_date"]);
    assert!(document.get_object_id("_id").is_ok());
    assert_eq!(document.get_str("topic").unwrap(), topic);
    assert_eq!(document.get("value"), Some(&value.into()));
    let age = mongodb::bson::DateTime::now().timestamp_millis()
        - document
            .get_datetime("reg_date")
            .unwrap()
            .timestamp_millis();
    assert!((0..600_000).contains(&age), "{age} ms ago");
}

#[test]
fn readings_arrive_as_documents_of_exactly_four_fields() {
    let (broker, mongo) = (Broker::start(), Mongo::start());
    let program = start(&broker, &mongo.url(), &[]);
    let printed = publish(broker.port(), &["--count", "2", "--interval", "10ms"]);
    broker.mosquitto_pub(["-t", "iot/x", "-m", "10"]);
    broker.mosquitto_pub(["-t", "iot/x", "-m", "\"10\""]);
    broker.mosquitto_pub(["-t", "iot/x", "-m", r#"{"b":1,"a":[true,null,2.5,"x"]}"#]);
    for value in printed.lines().map(|line| line.rsplit_once(' ').unwrap().1) {
        program.wait_for_stdout(&format!(" iot/home2/temp {value}"));
    }
    program.wait_for_stdout(" iot/x 10.0");
    program.wait_for_stdout(" iot/x \"10\"");
    program.wait_for_stdout(r#" iot/x {"b":1,"a":[true,null,2.5,"x"]}"#);
    assert_eq!(
        interrupt(program),
        "iot-sub: received 5, stored 5, rejected 0, spooled 0"
    );

    let documents = documents(&mongo, "sensors");
    let published: Vec<f64> = printed
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
        .collect();
    assert_eq!(documents.len(), 5);
    assert_reading(&documents[0], "iot/home2/temp", published[0]);
    assert_reading(&documents[1], "iot/home2/temp", published[1]);
    assert_reading(&documents[2], "iot/x", 10.0);
    assert_reading(&documents[3], "iot/x", "10");
    let json = doc! {"b": 1, "a": [true, Bson::Null, 2.5, "x"]};
    assert_reading(&documents[4], "iot/x", json);
}

#[test]
fn both_protocol_versions_and_each_qos_arrive_once() {
    let (broker, mongo) = (Broker::start(), Mongo::start());
    for (version, qos) in [
        ("311", "0"),
        ("311", "1"),
        ("311", "2"),
        ("5", "0"),
        ("5", "1"),
        ("5", "2"),
    ] {
        let collection = format!("v{version}_q{qos}");
        let client = format!("client-{collection}");
        let args = [
            "-V",
            version,
            "-q",
            qos,
            "--collection",
            &collection,
            "-i",
            &client,
        ];
        let port = broker.port().to_string();
        let program = sub(&["-p", &port, "--store", &mongo.url()])
            .args(args)
            .spawn();
        broker.wait_for_log(&format!("Sending SUBACK to {client}"), DEADLINE);
        publish(
            broker.port(),
            &[
                "-V",
                version,
                "-q",
                qos,
                "--count",
                "50",
                "--interval",
                "1ms",
            ],
        );
        eventually(DEADLINE, "50 readings are printed", || {
            program.stdout().lines().count() == 50
        });
        assert_eq!(
            interrupt(program),
            "iot-sub: received 50, stored 50, rejected 0, spooled 0"
        );
        assert_eq!(documents(&mongo, &collection).len(), 50, "{collection}");
    }
}

#[test]
fn a_broker_that_is_restarted_in_between_is_connected_again() {
    let (mut broker, mongo) = (Broker::start(), Mongo::start());
    let program = start(&broker, &mongo.url(), &["-q", "1"]);
    publish(broker.port(), &["-q", "1", "-m", "1"]);
    program.wait_for_stdout(" iot/home2/temp 1.0");
    broker.restart();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    publish(broker.port(), &["-q", "1", "-m", "2"]);
    program.wait_for_stdout(" iot/home2/temp 2.0");
    let stderr = program.stderr();
    assert_eq!(
        stderr.matches("Connected with result code 0").count(),
        2,
        "{stderr}"
    );
    assert!(
        stderr.contains(&format!(
            "iot-sub: lost broker `localhost:{}`",
            broker.port()
        )),
        "{stderr}"
    );
    assert_eq!(
        interrupt(program),
        "iot-sub: received 2, stored 2, rejected 0, spooled 0"
    );
    assert_eq!(documents(&mongo, "sensors").len(), 2);
}

#[test]
fn without_a_spool_a_mongodb_that_comes_later_is_waited_for_before_the_broker_is_connected() {
    let broker = Broker::start();
    let mut mongo = Mongo::reserve();
    let port = broker.port().to_string();
    let args = ["--ack-after", "store", "-i", "late"];
    let program = sub(&["-p", &port, "--store", &mongo.url()])
        .args(args)
        .spawn();
    let line = program.wait_for_stderr("waiting for store");
    assert_eq!(
        line,
        format!(
            "iot-sub: waiting for store `mongodb://127.0.0.1:{}/iot_service.sensors`: connection refused (is MongoDB running \
             there? --store sqlite:iot.db needs no server; --store none only prints)",
            mongo.port()
        )
    );
    assert!(!broker.log().contains("late"), "{}", broker.log());
    mongo.start_again();
    broker.wait_for_log("Sending SUBACK to late", DEADLINE);
    publish(broker.port(), &["-m", "1"]);
    program.wait_for_stdout(" iot/home2/temp 1.0");
    assert_eq!(program.stderr().matches("waiting").count(), 1);
    interrupt(program);
    assert_eq!(documents(&mongo, "sensors").len(), 1);
}

#[test]
fn without_a_spool_messages_are_acknowledged_after_they_are_stored() {
    let broker = Broker::start();
    let mut mongo = Mongo::start();
    let args = ["-q", "1", "-i", "patient", "--ack-after", "store"];
    let program = start(&broker, &mongo.url(), &args);
    mongo.stop();
    publish(broker.port(), &["-q", "1", "-m", "7"]);
    broker.wait_for_log("Sending PUBLISH to patient", DEADLINE);
    let line = program.wait_for_stderr("waiting for store");
    assert!(
        line.ends_with("the broker queues them up to its own limit)"),
        "{line}"
    );
    assert!(!broker.log().contains("Received PUBACK from patient"));
    mongo.start_again();
    broker.wait_for_log("Received PUBACK from patient", DEADLINE);
    assert_eq!(documents(&mongo, "sensors").len(), 1);
    program.wait_for_stderr("is back");
    assert_eq!(
        interrupt(program),
        "iot-sub: received 1, stored 1, rejected 0"
    );
}

#[test]
fn a_killed_mongod_costs_no_reading() {
    let broker = Broker::start();
    let mut mongo = Mongo::start();
    let program = start(&broker, &mongo.url(), &["-q", "1"]);
    publish(
        broker.port(),
        &["-q", "1", "--count", "300", "--interval", "1ms"],
    );
    eventually(DEADLINE, "some are stored", || {
        !documents(&mongo, "sensors").is_empty()
    });
    mongo.kill();
    publish(
        broker.port(),
        &["-q", "1", "--count", "100", "--interval", "1ms"],
    );
    mongo.start_again();
    eventually(DEADLINE, "all are stored", || {
        documents(&mongo, "sensors").len() == 400
    });
    assert_eq!(
        interrupt(program),
        "iot-sub: received 400, stored 400, rejected 0, spooled 0"
    );
}

#[test]
fn a_message_without_a_reading_is_kept_counted_reported_and_harms_nothing() {
    let (broker, mongo) = (Broker::start(), Mongo::start());
    let program = start(&broker, &mongo.url(), &["-q", "1"]);
    let topic = ["-q", "1", "-t", "iot/x", "-m"];
    for payload in ["1", "hello", "2", "NaN", "3", "1e999", "{\"a\":", "4"] {
        broker.mosquitto_pub([&topic[..], &[payload]].concat());
    }
    broker.mosquitto_pub(["-q", "1", "-t", "iot/x", "-n"]);
    program.wait_for_stderr("rejected a message on `iot/x`: empty payload");
    program.wait_for_stderr("rejected a message on `iot/x`: not a number or JSON");
    program.wait_for_stderr("rejected a message on `iot/x`: number out of range");
    assert_eq!(
        interrupt(program),
        "iot-sub: received 9, stored 4, rejected 5, spooled 0"
    );

    let values: Vec<f64> = documents(&mongo, "sensors")
        .iter()
        .map(|document| document.get_f64("value").unwrap())
        .collect();
    assert_eq!(values, [1.0, 2.0, 3.0, 4.0]);
    let rejected = documents(&mongo, "sensors_rejected");
    let payloads: Vec<&[u8]> = rejected
        .iter()
        .map(|document| document.get_binary_generic("payload").unwrap().as_slice())
        .collect();
    assert_eq!(payloads, [&b"hello"[..], b"NaN", b"1e999", b"{\"a\":", b""]);
    assert_eq!(rejected[0].get_str("topic").unwrap(), "iot/x");
    assert_eq!(
        rejected[0].get_str("reason").unwrap(),
        "not a number or JSON"
    );
    assert_eq!(rejected[0].get_i64("length").unwrap(), 5);
    assert_eq!(
        rejected[0].get_str("sha256").unwrap(),
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    );
    assert!(rejected[0].get_datetime("reg_date").is_ok());
}

#[test]
fn the_payload_option_narrows_and_widens_what_is_a_reading() {
    let (broker, mongo) = (Broker::start(), Mongo::start());
    for (mode, stored, rejected) in [("number", 1, 2), ("json", 2, 1), ("text", 3, 0)] {
        let client = format!("mode-{mode}");
        let port = broker.port().to_string();
        let program = sub(&["-p", &port, "--store", &mongo.url(), "--payload", mode])
            .args(["--collection", mode, "-i", &client])
            .spawn();
        broker.wait_for_log(&format!("Sending SUBACK to {client}"), DEADLINE);
        // A second rejection of a topic would only be counted.
        for (topic, payload) in [("iot/a", "1"), ("iot/b", "[1]"), ("iot/c", "hello")] {
            broker.mosquitto_pub(["-t", topic, "-m", payload]);
        }
        eventually(DEADLINE, "all three have arrived", || {
            let told = program.stderr().matches("rejected a message").count();
            program.stdout().lines().count() + told == 3
        });
        let totals =
            format!("iot-sub: received 3, stored {stored}, rejected {rejected}, spooled 0");
        assert_eq!(interrupt(program), totals);
        assert_eq!(documents(&mongo, mode).len(), stored, "{mode}");
    }
}

#[test]
fn the_url_chooses_the_database_and_must_not_weaken_the_write_concern() {
    let (broker, mongo) = (Broker::start(), Mongo::start());
    let program = start(&broker, &format!("{}/garden", mongo.url()), &[]);
    publish(broker.port(), &["-m", "1"]);
    program.wait_for_stdout("1.0");
    interrupt(program);
    assert_eq!(documents_of(&mongo, "garden", "sensors").len(), 1);

    for weak in ["w=0", "w=1", "journal=false"] {
        let url = format!("{}/?{weak}", mongo.url());
        let mut program = sub(&["--store", &url]).spawn();
        assert_eq!(program.wait().code(), Some(2));
        let stderr = program.stderr();
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        let option = weak.split('=').next().unwrap();
        assert!(
            stderr.contains(&format!("the option `{option}` in the URL")),
            "{stderr}"
        );
    }
}

#[test]
fn the_url_s_password_is_never_printed() {
    let mongo = Mongo::reserve();
    let host = format!("127.0.0.1:{}", mongo.port());
    for (url, code, expected) in [
        (
            format!("mongodb://ada:s3cret@{host}/"),
            1,
            "connection refused",
        ),
        (
            format!("mongodb+srv://ada:s3cret@{host}/"),
            2,
            "check its name (the form is `mongodb+srv://NAME`, without a port)",
        ),
        (
            format!("MongoDB://ada:s3cret@{host}/"),
            2,
            "a MongoDB URL is mongodb://HOST:PORT, in small letters",
        ),
        (
            format!("mongodb:/ada:s3cret@{host}/"),
            2,
            "a MongoDB URL is mongodb://HOST:PORT, in small letters",
        ),
        (
            format!("mongodb://ada:s3cret@{host}:x/"),
            2,
            "check its hosts and ports",
        ),
    ] {
        let mut program = sub(&["--store", &url, "--fail-fast"]).spawn();
        assert_eq!(program.wait().code(), Some(code), "{url}");
        let stderr = program.stderr();
        assert!(stderr.contains(expected), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(!stderr.contains("s3cret"), "{stderr}");
    }
}

#[test]
fn without_a_spool_a_mongodb_that_needs_a_user_ends_the_program_at_the_start() {
    let mongo = Mongo::builder().args(["--auth"]).start();
    let mut program = sub(&["--store", &mongo.url(), "--ack-after", "store"]).spawn();
    assert_eq!(program.wait().code(), Some(1));
    let stderr = program.stderr();
    assert!(stderr.starts_with("iot-sub: cannot use store"), "{stderr}");
    assert!(stderr.contains("give a user in the URL"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}
