//! `--rejected` and `--rejected-limit`: what is kept of rejected messages.

mod common;

use std::fs;

use common::{documents, interrupt, publish, sqlite, start, sub};
use testkit::{Broker, DEADLINE, Mongo, eventually};

/// 50 messages of about 1,000 bytes that are no readings, and a reading.
fn publish_rejected(broker: &Broker) {
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("lines");
    let line = |number| format!("no number {number:02} {}\n", "x".repeat(1_000));
    let text: Vec<String> = (0..50).map(line).collect();
    fs::write(&lines, text.concat()).unwrap();
    let mut program = testkit::Program::new(testkit::program("iot-pub"))
        .args([
            "-p",
            &broker.port().to_string(),
            "-q",
            "1",
            "-t",
            "iot/a",
            "-l",
        ])
        .stdin(fs::File::open(&lines).unwrap())
        .spawn();
    assert!(program.wait().success(), "{}", program.stderr());
    publish(broker.port(), &["-q", "1", "-t", "iot/b", "-m", "1.5"]);
}

#[track_caller]
fn in_sqlite(args: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let broker = Broker::start();
    let args: Vec<_> = ["-q", "1"].iter().chain(args).copied().collect();
    let program = start(&broker, &format!("sqlite:{}", file.display()), &args);
    publish_rejected(&broker);
    program.wait_for_stdout("iot/b");
    // The first line of a kind about a topic is printed, and then a count.
    program.wait_for_stderr("rejected a message on `iot/a`: not a number or JSON");
    let mut program = program;
    program.interrupt();
    assert!(program.wait().success());
    let stderr = program.stderr();
    assert_eq!(
        stderr.matches("rejected a message on").count(),
        1,
        "{stderr}"
    );
    let last: Vec<_> = stderr.lines().rev().take(2).collect();
    assert_eq!(
        last,
        [
            "iot-sub: received 51, stored 1, rejected 50",
            "iot-sub: … 49 more on 1 topic in the last minute: not a number or JSON"
        ]
    );
    sqlite(
        &file,
        "select substr(payload, 1, 12) from sensors_rejected order by reg_date, rowid",
    )
}

#[track_caller]
fn in_mongodb(args: &[&str]) -> Vec<String> {
    let (mongo, broker) = (Mongo::start(), Broker::start());
    let args: Vec<_> = ["-q", "1"].iter().chain(args).copied().collect();
    let program = start(&broker, &mongo.url(), &args);
    publish_rejected(&broker);
    eventually(DEADLINE, "the reading is stored", || {
        documents(&mongo, "sensors").len() == 1
    });
    assert_eq!(
        interrupt(program),
        "iot-sub: received 51, stored 1, rejected 50, spooled 0"
    );
    let rejected = documents(&mongo, "sensors_rejected");
    let payloads = rejected.iter().map(|it| it.get_binary_generic("payload"));
    payloads
        .map(|payload| String::from_utf8(payload.unwrap()[..12].to_vec()).unwrap())
        .collect()
}

/// Only the last ones are there, and not more than fit into 10 KiB.
#[track_caller]
fn assert_latest(found: &[&str]) {
    assert!((1..10).contains(&found.len()), "{found:?}");
    let first = 50 - found.len();
    let expected: Vec<_> = (first..50)
        .map(|number| format!("no number {number:02}"))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_oldest_are_dropped_when_there_is_a_limit() {
    let kept = in_sqlite(&["--rejected-limit", "10KiB"]);
    assert_latest(&kept.lines().collect::<Vec<_>>());
    let kept = in_mongodb(&["--rejected-limit", "10KiB"]);
    assert_latest(&kept.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn they_can_be_counted_only() {
    assert_eq!(in_sqlite(&["--rejected", "count"]), "");
    assert_eq!(in_mongodb(&["--rejected", "count"]), Vec::<String>::new());
    assert_eq!(in_sqlite(&["--rejected", "keep"]).lines().count(), 50);
}

#[test]
fn what_contradicts_it_is_wrong_usage() {
    for (args, expected) in [
        (
            &["--rejected", "count", "--rejected-limit", "1MiB"][..],
            "iot-sub: `--rejected-limit` cannot be used with `--rejected` count, which keeps nothing",
        ),
        (
            &["--store", "none", "--rejected", "keep"],
            "iot-sub: `--rejected` needs a store: it decides what is stored (give --store)",
        ),
    ] {
        let mut program = sub(args).spawn();
        assert_eq!(program.wait().code(), Some(2));
        assert_eq!(program.stderr(), format!("{expected}\n"));
    }
}

#[test]
fn an_age_after_which_readings_are_deleted_has_a_unit() {
    let expire = ["--time-series", "seconds", "--expire-after", "30"];
    for (args, option, age) in [
        (&["--keep", "90"][..], "keep", 90),
        (&expire, "expire-after", 30),
    ] {
        let mut program = sub(args).spawn();
        assert_eq!(program.wait().code(), Some(2));
        assert_eq!(
            program.stderr(),
            format!(
                "iot-sub: invalid value `{age}` for `--{option}`: a unit is missing: {age}d, {age}h, {age}m or {age}s\n"
            )
        );
    }
}
