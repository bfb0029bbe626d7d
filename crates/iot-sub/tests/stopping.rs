//! Ctrl-C and SIGTERM: what was received is stored first.

mod common;

use common::{documents, publish, start};
use testkit::{Broker, DEADLINE, Mongo, eventually};

#[test]
fn sigterm_ends_it_as_ctrl_c_does_with_a_disconnect() {
    let (broker, mongo) = (Broker::start(), Mongo::start());
    let mut program = start(&broker, &mongo.url(), &["-q", "1"]);
    publish(
        broker.port(),
        &["-q", "1", "--count", "200", "--interval", "1ms"],
    );
    eventually(DEADLINE, "all have arrived", || {
        program.stdout().lines().count() == 200
    });
    program.terminate();
    assert_eq!(program.wait().code(), Some(0));
    broker.wait_for_log("Received DISCONNECT", DEADLINE);
    assert_eq!(documents(&mongo, "sensors").len(), 200);
    assert_eq!(
        program.stderr().lines().last(),
        Some("iot-sub: received 200, stored 200, rejected 0, spooled 0")
    );
}

#[test]
fn a_closed_terminal_ends_it_as_ctrl_c_does() {
    let broker = Broker::start();
    let mut program = start(&broker, "none", &[]);
    program.hang_up();
    assert_eq!(program.wait().code(), Some(0));
    broker.wait_for_log("Received DISCONNECT", DEADLINE);
}

#[test]
fn ctrl_c_is_offered_again_only_if_it_was_pressed() {
    let broker = Broker::start();
    let mongo = Mongo::reserve();
    let mut program = start(&broker, &mongo.url(), &["-C", "1"]);
    publish(broker.port(), &["-m", "1"]);
    let line = program.wait_for_stderr("storing what was received");
    assert!(line.ends_with("; Ctrl-C ends at once"), "{line}");
    program.interrupt();
    assert!(program.wait().success());
}

#[test]
fn without_a_spool_a_second_ctrl_c_gives_up_on_a_store_that_is_away_and_says_how_many_are_lost() {
    let broker = Broker::start();
    let mut mongo = Mongo::start();
    let mut program = start(&broker, &mongo.url(), &["--ack-after", "store"]);
    mongo.kill();
    publish(broker.port(), &["--count", "3", "--interval", "1ms"]);
    program.wait_for_stderr("waiting for store");
    eventually(DEADLINE, "all have arrived", || {
        program.stdout().lines().count() == 3
    });
    program.interrupt();
    broker.wait_for_log("Sending PUBLISH", DEADLINE);
    program.wait_for_stderr("storing what was received");
    program.interrupt();
    assert_eq!(program.wait().code(), Some(1));
    let stderr = program.stderr();
    let last: Vec<&str> = stderr.lines().rev().take(2).collect();
    assert_eq!(
        last,
        [
            "iot-sub: 3 messages that were received are not stored",
            "iot-sub: received 3, stored 0, rejected 0, in flight 3"
        ]
    );
}

#[test]
fn ctrl_c_while_a_store_is_waited_for_ends_at_once() {
    let mongo = Mongo::reserve();
    let mut program = common::sub(&["--store", &mongo.url(), "--ack-after", "store"]).spawn();
    program.wait_for_stderr("waiting for store");
    program.interrupt();
    assert_eq!(program.wait().code(), Some(0));
}
