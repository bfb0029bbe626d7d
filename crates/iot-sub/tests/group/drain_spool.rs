//! `--drain-spool`: what a member that does not come back has left.

use std::fs;

use testkit::{Broker, DEADLINE, Mongo, Running, eventually};

use crate::common::{documents, publish, start, sub};

/// A member that is killed with so many readings in its spool.
fn killed(mongo: &Mongo, spool: &str, count: usize) {
    let broker = Broker::start();
    let mut member = start(&broker, &mongo.url(), &["-q", "1", "--spool", spool]);
    for number in 0..count {
        publish(broker.port(), &["-q", "1", "-m", &number.to_string()]);
    }
    eventually(DEADLINE, "all are acknowledged", || {
        broker.log().matches("Received PUBACK from ").count() == count
    });
    member.kill();
    member.wait();
}

fn drain(mongo: &Mongo, spool: &str) -> Running {
    sub(&["--store", &mongo.url(), "--drain-spool", spool]).spawn()
}

#[track_caller]
fn ends(mut program: Running, code: i32, last: &str) {
    assert_eq!(program.wait().code(), Some(code), "{}", program.stderr());
    let stderr = program.stderr();
    assert_eq!(stderr.lines().last(), Some(last), "{stderr}");
}

#[test]
fn the_spool_of_a_killed_member_is_delivered_once() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("s").display().to_string();
    let mut mongo = Mongo::reserve();
    killed(&mongo, &spool, 5);
    let waiting = drain(&mongo, &spool);
    waiting.wait_for_stderr("waiting for store");
    mongo.start_again();
    let totals = "iot-sub: received 0, stored 5, rejected 0, spooled 0, found in the spool 5";
    ends(waiting, 0, totals);
    assert_eq!(documents(&mongo, "sensors").len(), 5);
    let empty = "iot-sub: received 0, stored 0, rejected 0, spooled 0";
    ends(drain(&mongo, &spool), 0, empty);
    assert_eq!(documents(&mongo, "sensors").len(), 5);
}

#[test]
fn what_cannot_be_delivered_is_reported_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("s").display().to_string();
    let mut mongo = Mongo::reserve();
    killed(&mongo, &spool, 2);
    let mut waiting = drain(&mongo, &spool);
    waiting.wait_for_stderr("waiting for store");
    ends(
        drain(&mongo, &spool),
        1,
        &format!("iot-sub: cannot use spool `{spool}`: another iot-sub uses it (end it first)"),
    );
    waiting.interrupt();
    let line = format!("iot-sub: spool `{spool}` is not drained: it was interrupted");
    ends(waiting, 1, &line);
    mongo.start_again();
    let totals = "iot-sub: received 0, stored 2, rejected 0, spooled 0, found in the spool 2";
    ends(drain(&mongo, &spool), 0, totals);
}

#[test]
fn a_damaged_spool_is_repaired_as_at_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("s").display().to_string();
    let mut mongo = Mongo::reserve();
    killed(&mongo, &spool, 20);
    let log = format!("{spool}-wal");
    let mut bytes = fs::read(&log).unwrap();
    bytes[20_000] ^= 1;
    fs::write(&log, bytes).unwrap();
    mongo.start_again();
    let program = drain(&mongo, &spool);
    program.wait_for_stderr("was damaged and has been repaired");
    let totals = "iot-sub: received 0, stored 20, rejected 0, spooled 0, found in the spool 20";
    ends(program, 0, totals);
}

#[test]
fn a_spool_that_is_not_there_is_an_error_and_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("s").display().to_string();
    let mongo = Mongo::reserve();
    ends(
        drain(&mongo, &spool),
        1,
        &format!("iot-sub: there is no spool `{spool}`"),
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    for (args, expected) in [
        (
            &["--store", "none"][..],
            "`--drain-spool` needs a MongoDB store (readings for a file are on this disk already)",
        ),
        (
            &["--forget"][..],
            "`--drain-spool` cannot be used with `--forget` (leave one of them out)",
        ),
    ] {
        let program = sub(&["--drain-spool", &spool]).args(args).spawn();
        ends(program, 2, &format!("iot-sub: {expected}"));
    }
}
