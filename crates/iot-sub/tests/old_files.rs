//! Files that an earlier version has written open, and nothing in them is lost.
//!
//! `fixtures/store-version-2.sqlite` and `fixtures/spool-version-2.spool` were written by version
//! 0.1.0 on 2026-11-28; the spool's process was killed, so most of it is in the write-ahead log.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{documents, interrupt, publish, sqlite, start, sub};
use mongodb::bson::Bson;
use testkit::{Broker, DEADLINE, Mongo, eventually};

/// Copies a fixture, and its write-ahead log if there is one, into `folder`.
fn copy(name: &str, folder: &Path) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let target = folder.join(name);
    fs::copy(fixtures.join(name), &target).expect("a fixture");
    let log = format!("{name}-wal");
    if fixtures.join(&log).exists() {
        fs::copy(fixtures.join(&log), folder.join(&log)).expect("its log");
    }
    target
}

#[test]
fn a_store_of_version_2_opens_and_continues() {
    let folder = tempfile::tempdir().unwrap();
    let path = copy("store-version-2.sqlite", folder.path());
    let old = sqlite(&path, "SELECT * FROM sensors");
    let broker = Broker::start();
    let program = start(&broker, &format!("sqlite:{}", path.display()), &["-q", "1"]);
    publish(broker.port(), &["-q", "1", "-t", "iot/new", "-m", "1.5"]);
    program.wait_for_stdout("iot/new");
    interrupt(program);
    assert_eq!(
        sqlite(&path, "SELECT * FROM sensors WHERE topic LIKE 'fx/%'"),
        old
    );
    assert_eq!(sqlite(&path, "SELECT count(*) FROM sensors"), "314\n");
    assert_eq!(
        sqlite(&path, "SELECT value FROM sensors WHERE topic = 'iot/new'"),
        "1.5\n"
    );
    assert_eq!(
        sqlite(&path, "SELECT topic, length FROM sensors_rejected"),
        "fx/rejected|12\nfx/binary|3\n"
    );
    assert_eq!(
        sqlite(&path, "SELECT * FROM held"),
        "localhost:18833|fixture|7|42\n"
    );
}

#[test]
fn a_spool_of_version_2_is_recovered_and_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let path = copy("spool-version-2.spool", folder.path());
    let spool = path.to_str().unwrap();
    let broker = Broker::start();
    let port = broker.port().to_string();
    let run = |store: &str| {
        sub(&["-p", &port, "--store", store])
            .args(["-q", "1", "--ack-after", "spool", "--spool", spool])
            .spawn()
    };
    // The store that it was written for is away, so everything stays in it.
    let program = run("mongodb://127.0.0.1:1/iot_service");
    program.wait_for_stderr("found in the spool: 65");
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    // Dropping it kills it.
    drop(program);

    sqlite(&path, "DELETE FROM about");
    let mongo = Mongo::start();
    let program = run(&mongo.url());
    eventually(DEADLINE, format_args!("63 readings are stored"), || {
        documents(&mongo, "sensors").len() == 63 && documents(&mongo, "sensors_rejected").len() == 2
    });
    interrupt(program);
    let readings = documents(&mongo, "sensors");
    let values = |topic: &str| -> Vec<Bson> {
        let of_topic =
            |document: &&mongodb::bson::Document| document.get_str("topic").unwrap() == topic;
        let readings = readings.iter().filter(of_topic);
        readings
            .map(|document| document.get("value").unwrap().clone())
            .collect()
    };
    let numbers = [
        25.3,
        -0.0,
        0.0,
        1e300,
        5e-324,
        9_007_199_254_740_992.0,
        -40.25,
        0.1,
    ];
    assert_eq!(values("fx/number"), numbers.map(Bson::Double));
    let many: Vec<_> = (1..=50)
        .map(|number| Bson::Double(f64::from(number) + 0.5))
        .collect();
    assert_eq!(values("fx/many"), many);
    assert_eq!(values("fx/bool"), [Bson::Boolean(true)]);
    assert_eq!(values("fx/with space/ü"), [Bson::Double(7.0)]);
}
