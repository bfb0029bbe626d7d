//! Messages with several readings, from the broker to the store.

mod common;

use std::path::Path;

use common::{documents, interrupt, sqlite, start, sub};
use testkit::{Broker, DEADLINE, Mongo, Program, eventually};

/// Five values and two that are none.
const FIVE: &str =
    r#"{"t":21.5,"h":40,"ENERGY":{"Power":12,"Today":0.5},"on":true,"name":"x","gone":null}"#;

#[test]
fn five_values_of_a_message_are_five_documents() {
    let (broker, mongo) = (Broker::start(), Mongo::start());
    let program = start(&broker, &mongo.url(), &["-q", "1", "--decode", "leaves"]);
    broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", FIVE]);
    broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", "{}"]);
    broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", "[1,"]);
    broker.mosquitto_pub(["-q", "1", "-t", "iot/b", "-m", FIVE]);
    program.wait_for_stdout(" iot/b on true");
    assert_eq!(
        interrupt(program),
        "iot-sub: received 4, stored 2, readings 10, rejected 1, spooled 0, skipped 1"
    );
    let stored = documents(&mongo, "sensors");
    let stored: Vec<String> = { stored.iter() }
        .map(|document| {
            let topic = document.get_str("topic").unwrap();
            let metric = document.get_str("metric").unwrap();
            format!("{topic} {metric} {}", document.get("value").unwrap())
        })
        .collect();
    let five = [
        "t 21.5",
        "h 40",
        "ENERGY.Power 12",
        "ENERGY.Today 0.5",
        "on true",
    ];
    let expected: Vec<String> = { ["iot/a", "iot/b"].iter() }
        .flat_map(|topic| five.map(|five| format!("{topic} {five}")))
        .collect();
    assert_eq!(stored, expected);
    let document = &documents(&mongo, "sensors")[0];
    let keys: Vec<_> = document.keys().map(String::as_str).collect();
    assert_eq!(keys, ["_id", "topic", "metric", "value", "reg_date"]);
}

#[test]
fn a_plain_number_has_its_four_fields_whatever_else_is_decoded() {
    let (broker, mongo) = (Broker::start(), Mongo::start());
    let program = start(&broker, &mongo.url(), &["--decode", "iot/m=measure"]);
    broker.mosquitto_pub(["-t", "iot/a", "-m", "25"]);
    broker.mosquitto_pub(["-t", "iot/m", "-m", "20.5 °C"]);
    program.wait_for_stdout(" iot/m 20.5 °C");
    interrupt(program);
    let stored = documents(&mongo, "sensors");
    let keys = |at: usize| stored[at].keys().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(keys(0), ["_id", "topic", "value", "reg_date"]);
    assert_eq!(keys(1), ["_id", "topic", "value", "unit", "reg_date"]);
}

fn rows(file: &Path) -> String {
    sqlite(
        file,
        "SELECT topic, metric, value, unit FROM sensors ORDER BY reg_date, topic, metric",
    )
}

#[test]
fn five_values_of_a_message_are_five_rows() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let broker = Broker::start();
    let store = format!("sqlite:{}", file.display());
    let program = start(&broker, &store, &["-q", "1", "--decode", "leaves"]);
    broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", FIVE]);
    program.wait_for_stdout(" iot/a on true");
    assert_eq!(
        interrupt(program),
        "iot-sub: received 1, stored 1, readings 5, rejected 0"
    );
    assert_eq!(
        rows(&file),
        "iot/a|ENERGY.Power|12.0|\niot/a|ENERGY.Today|0.5|\niot/a|h|40.0|\niot/a|on|1|\niot/a|t|21.5|\n"
    );
}

#[test]
fn a_message_is_stored_once_with_its_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let options = ["-q", "1", "--decode", "leaves", "--id-key", "/seq"];
    for expected in [
        "iot-sub: received 2, stored 2, readings 6, rejected 0",
        "iot-sub: received 2, stored 0, rejected 0, duplicates 2",
    ] {
        let broker = Broker::start();
        let program = start(&broker, &store, &options);
        for seq in [1, 2] {
            let payload = format!(r#"{{"seq":{seq},"t":20,"h":40}}"#);
            broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", &payload]);
        }
        program.wait_for_stdout(" iot/a seq 2.0");
        assert_eq!(interrupt(program), expected);
    }
    assert_eq!(sqlite(&file, "SELECT count(*) FROM sensors"), "6\n");
}

#[test]
fn a_change_and_an_interval_count_by_series() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let broker = Broker::start();
    let store = format!("sqlite:{}", file.display());
    let options = ["-q", "1", "--decode", "leaves", "--on-change"];
    let program = start(&broker, &store, &options);
    for payload in [
        r#"{"t":20,"h":40}"#,
        r#"{"t":21,"h":40}"#,
        r#"{"t":21,"h":40}"#,
        r#"{"t":21,"h":41,"last":1}"#,
    ] {
        broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", payload]);
    }
    program.wait_for_stdout(" iot/a last 1.0");
    assert_eq!(
        interrupt(program),
        "iot-sub: received 4, stored 3, readings 5, rejected 0, skipped 1"
    );
    assert_eq!(
        sqlite(
            &file,
            "SELECT metric, value FROM sensors ORDER BY metric, reg_date"
        ),
        "h|40.0\nh|41.0\nlast|1.0\nt|20.0\nt|21.0\n"
    );
}

#[test]
fn an_interval_counts_by_series() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let broker = Broker::start();
    let store = format!("sqlite:{}", file.display());
    let options = ["-q", "1", "--decode", "leaves", "--min-interval", "1h"];
    let program = start(&broker, &store, &options);
    for payload in [r#"{"t":20}"#, r#"{"t":21,"h":40}"#, r#"{"t":22,"h":41}"#] {
        broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", payload]);
    }
    program.wait_for_stdout(" iot/a h 41.0");
    assert_eq!(
        interrupt(program),
        "iot-sub: received 3, stored 2, rejected 0, skipped 1"
    );
    let stored = "SELECT metric, value FROM sensors ORDER BY metric";
    assert_eq!(sqlite(&file, stored), "h|40.0\nt|20.0\n");
}

#[test]
fn keys_point_into_cbor_and_messagepack() {
    /// `{"seq":1,"t":1795428000,"v":20}`
    const CBOR: &[u8] = b"\xa3cseq\x01at\x1ak\x04\x0e\xa0av\x14";
    const MSGPACK: &[u8] = b"\x83\xa3seq\x01\xa1t\xcek\x04\x0e\xa0\xa1v\x14";
    let folder = tempfile::tempdir().unwrap();
    let (file, payload) = (folder.path().join("iot.db"), folder.path().join("payload"));
    let broker = Broker::start();
    let store = format!("sqlite:{}", file.display());
    let options =
        "-q 1 --decode iot/c=cbor+leaves --decode iot/m=msgpack --time-key /t --id-key /seq";
    let program = start(&broker, &store, &options.split(' ').collect::<Vec<_>>());
    for (topic, bytes) in [("iot/c", CBOR), ("iot/m", MSGPACK)] {
        std::fs::write(&payload, bytes).unwrap();
        for _ in 0..2 {
            broker.mosquitto_pub(["-q", "1", "-t", topic, "-f", payload.to_str().unwrap()]);
        }
    }
    eventually(DEADLINE, "all are printed", || {
        program.stdout().matches(" iot/m ").count() == 2
    });
    assert_eq!(
        interrupt(program),
        "iot-sub: received 4, stored 2, readings 4, rejected 0, duplicates 2"
    );
    let stored = "SELECT topic, metric, value, reg_date FROM sensors ORDER BY topic, metric";
    let time = "2026-11-23T10:00:00.000Z";
    assert_eq!(
        sqlite(&file, stored),
        format!(
            "iot/c|seq|1.0|{time}\niot/c|t|1795428000.0|{time}\niot/c|v|20.0|{time}\n\
             iot/m||{{\"seq\":1,\"t\":1795428000,\"v\":20}}|{time}\n"
        )
    );
}

#[test]
fn a_retained_message_is_stored_once_by_series() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let broker = Broker::start();
    let publish = |payload: &str| {
        broker.mosquitto_pub(["-q", "1", "-r", "-t", "iot/a", "-m", payload]);
    };
    for (payload, expected) in [
        (r#"{"t":20,"h":40}"#, "h|40.0\nt|20.0\n"),
        (r#"{"t":20,"h":40}"#, "h|40.0\nt|20.0\n"),
        (r#"{"t":21,"h":40}"#, "h|40.0\nt|20.0\nt|21.0\n"),
    ] {
        publish(payload);
        let port = broker.port().to_string();
        let options = [
            "-p", &port, "--store", &store, "-q", "1", "--decode", "leaves",
        ];
        let program = sub(&options).spawn();
        program.wait_for_stdout(" iot/a h 40.0");
        interrupt(program);
        let stored = "SELECT metric, value FROM sensors ORDER BY metric, reg_date";
        assert_eq!(sqlite(&file, stored), expected);
    }
}

#[test]
fn csv_and_json_have_metric_and_unit() {
    let map = r#".payload | to_entries[] | {metric: .key, value, unit: "°C"}"#;
    for (option, expected) in [
        (
            "--json",
            r#"{"topic":"iot/a","metric":"t","value":21.5,"unit":"°C","time":""#,
        ),
        ("--csv", "iot/a,21.5,"),
    ] {
        let broker = Broker::start();
        let program = start(&broker, "none", &[option, "--map", map]);
        broker.mosquitto_pub(["-t", "iot/a", "-m", r#"{"t":21.5}"#]);
        program.wait_for_stdout(expected);
        if option == "--csv" {
            let printed = program.stdout();
            let mut lines = printed.lines();
            assert_eq!(lines.next(), Some("topic,value,time,metric,unit"));
            assert!(lines.next().unwrap().ends_with("Z,t,°C"), "{printed}");
        }
        interrupt(program);
    }
}

/// Runs `iot-sub` with wrong options.
#[track_caller]
fn refused(args: &[&str], expected: &str) {
    let mut program: testkit::Running = sub(args).spawn();
    assert_eq!(program.wait().code(), Some(2));
    assert_eq!(program.stderr(), format!("iot-sub: {expected}\n"));
}

#[test]
fn wrong_rules_maps_and_formats_are_refused_before_anything_connects() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("r.toml");
    std::fs::write(&rules, "[[rule]]\nfilter = \"a\"\nscale = \"x\"\n").unwrap();
    let path = rules.display().to_string();
    refused(
        &["--rules", &path],
        &format!("rules `{path}`, line 3, key `scale`: a number is expected, not string"),
    );
    refused(
        &["--map", "a/#=.payload | fo"],
        "invalid value `a/#=.payload | fo` for `--map`: there is no filter `fo` at column 12",
    );
    for (key, format) in [
        ("--time-key", "measure"),
        ("--id-key", "state"),
        ("--id-key", "sparkplug"),
    ] {
        refused(
            &[
                "--store",
                "sqlite:x.db",
                key,
                "/a",
                "--decode",
                "leaves",
                "--decode",
                &format!("a={format}"),
            ],
            &format!(
                "`{key}` points into a document, which a payload of format `{format}` is not; JSON, CBOR, MessagePack, SenML and protobuf are (for some topics only, give time-key in --rules)"
            ),
        );
    }
    refused(
        &["--decode", "leaves", "--payload", "json"],
        "`--decode` cannot be used with `--payload`, which is its former name (leave one of them out)",
    );
    refused(
        &["--decode", "leaves", "--value-key", "/a"],
        "`--value-key` names one value, and goes only with `--decode` auto, number, json or text (give --map or --rules)",
    );
}

#[test]
fn an_endless_map_rejects_the_message_and_the_next_is_stored() {
    let broker = Broker::start();
    let map = ".payload | if .f then def f: f; f elif .n then range(.n) else . end";
    let program = start(&broker, "none", &["--map", map]);
    broker.mosquitto_pub(["-t", "iot/a", "-m", r#"{"n":20000}"#]);
    // No output at all.
    broker.mosquitto_pub(["-t", "iot/a", "-m", r#"{"f":1}"#]);
    broker.mosquitto_pub(["-t", "iot/a", "-m", "hello"]);
    broker.mosquitto_pub(["-t", "iot/a", "-m", r#"{"n":2}"#]);
    program.wait_for_stdout(" iot/a 1.0");
    program.wait_for_stderr("rejected a message on `iot/a`: map: more than 10000 outputs");
    program.wait_for_stderr("rejected a message on `iot/a`: map: it ");
    program
        .wait_for_stderr("rejected a message on `iot/a`: map: cannot index \"hello\" with \"f\"");
    interrupt(program);
}

#[test]
fn a_single_operation_without_an_end_is_reported() {
    let broker = Broker::start();
    // A number of some hundred million digits is multiplied by itself.
    let map = "if .payload > 1 then reduce range(.payload) as $i (3; . * .) else .payload end";
    let program = start(&broker, "none", &["--map", map]);
    broker.mosquitto_pub(["-t", "iot/a", "-m", "1"]);
    program.wait_for_stdout(" iot/a 1.0");
    broker.mosquitto_pub(["-t", "iot/b", "-m", "34"]);
    program.wait_for_stderr(&format!(
        "iot-sub: a jq program works on a message on `iot/b` for more than 5 s, and nothing else is received meanwhile: {map}"
    ));
}

#[test]
fn messages_are_explained_and_not_stored() {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.db");
    let store = format!("sqlite:{}", file.display());
    // The options of the run that is to come are taken, and nothing is stored.
    let options = ["-p", &port, "--explain", "-d", "--decode", "leaves"];
    let later = ["--store", &store, "--id-key", "/t", "--keep", "90d"];
    let program: testkit::Running = Program::new(env!("CARGO_BIN_EXE_iot-sub"))
        .args(options)
        .args(later)
        .spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    broker.mosquitto_pub(["-t", "iot/a", "-m", r#"{"t":21.5,"on":true}"#]);
    broker.mosquitto_pub(["-t", "iot/b", "-m", "hello"]);
    eventually(DEADLINE, "both are explained", || {
        program.stdout().contains("iot/b: ")
    });
    let printed = program.stdout();
    assert!(
        printed.starts_with(
            "iot/a: leaves, 2 readings\n  t = 21.5, at arrival\n  on = true, at arrival\n  with --decode known: "
        ),
        "{printed}"
    );
    assert!(printed.contains("\niot/b: rejected: "), "{printed}");
    assert_eq!(interrupt(program), "iot-sub: received 2, rejected 1");
    assert!(!file.exists());
}

#[test]
fn a_decimal_comma_brings_advice() {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let options = ["-p", &port, "--store", "none", "--decode", "known"];
    let program: testkit::Running = Program::new(env!("CARGO_BIN_EXE_iot-sub"))
        .args(options)
        .spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    broker.mosquitto_pub(["-t", "iot/a", "-m", "23,5 °C"]);
    program.wait_for_stderr(
        "rejected a message on `iot/a`: not a number or JSON (to read a comma as the decimal point: \
         --decode known --decimal-comma)",
    );
    interrupt(program);
}
