//! The spool: what is acknowledged to the broker is on disk, and reaches MongoDB whatever dies in between.

mod common;

use common::{documents, publish, start};
use testkit::{Broker, DEADLINE, Mongo, Running, eventually};

/// Waits until MongoDB has so many readings.
#[track_caller]
fn arrive(mongo: &Mongo, count: usize) {
    eventually(DEADLINE, format_args!("{count} are stored"), || {
        documents(mongo, "sensors").len() == count
    });
}

/// Ends the program with Ctrl-C, which must be a success, and returns its totals.
#[track_caller]
fn totals(mut program: Running) -> String {
    program.interrupt();
    let status = program.wait();
    let stderr = program.stderr();
    assert!(status.success(), "{status}: {stderr}");
    stderr.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn what_comes_before_mongodb_does_is_acknowledged_at_once_and_stored_later() {
    let broker = Broker::start();
    let mut mongo = Mongo::reserve();
    let args = ["-q", "1", "-i", "early", "--spool", "s"];
    let program = start(&broker, &mongo.url(), &args);
    publish(broker.port(), &["-q", "1", "-m", "7"]);
    broker.wait_for_log("Received PUBACK from early", DEADLINE);
    let line = program.wait_for_stderr("waiting for store");
    assert!(
        line.ends_with("what comes meanwhile is kept in the spool"),
        "{line}"
    );
    mongo.start_again();
    program.wait_for_stderr("is back");
    arrive(&mongo, 1);
    assert_eq!(
        totals(program),
        "iot-sub: received 1, stored 1, rejected 0, spooled 0"
    );
}

#[test]
fn what_mongodb_has_not_got_stays_in_the_spool_for_the_next_run() {
    let broker = Broker::start();
    let mut mongo = Mongo::reserve();
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("s").display().to_string();
    let args = ["-q", "1", "-i", "patient", "--spool", &spool];
    let mut program = start(&broker, &mongo.url(), &args);
    publish(
        broker.port(),
        &["-q", "1", "--count", "50", "--interval", "1ms"],
    );
    eventually(DEADLINE, "all have arrived", || {
        program.stdout().lines().count() == 50
    });
    program.interrupt();
    program.wait_for_stderr("Ctrl-C again");
    program.interrupt();
    assert!(program.wait().success());
    let stderr = program.stderr();
    let last: Vec<&str> = stderr.lines().rev().take(2).collect();
    assert_eq!(
        last,
        [
            "iot-sub: received 50, stored 0, rejected 0, spooled 50",
            &format!("iot-sub: 50 stay in the spool `{spool}`, to be delivered by the next run")
        ]
    );

    mongo.start_again();
    let program = start(&broker, &mongo.url(), &args);
    program.wait_for_stderr("found in the spool: 50");
    arrive(&mongo, 50);
    assert_eq!(
        totals(program),
        "iot-sub: received 0, stored 50, rejected 0, spooled 0, found in the spool 50"
    );
}
