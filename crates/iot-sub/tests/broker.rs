//! Brokers that are away, refuse, or answer oddly.

mod common;

use common::{interrupt, sub};
use testkit::{Broker, DEADLINE, ScriptedPeer};

#[test]
fn a_broker_that_is_not_there_yet_is_waited_for_with_one_line() {
    let mut broker = Broker::reserve();
    let port = broker.port().to_string();
    let program = sub(&["-p", &port, "--store", "none"]).spawn();
    let line = program.wait_for_stderr("waiting for broker");
    assert_eq!(
        line,
        format!(
            "iot-sub: waiting for broker `localhost:{port}`: connection refused (is a broker running there?)"
        )
    );
    broker.start_again();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    program.wait_for_stderr("Connected with result code 0");
    assert_eq!(program.stderr().matches("waiting").count(), 1);
    interrupt(program);
}

#[test]
fn fail_fast_exits_with_1_where_a_broker_or_a_store_is_away() {
    let broker = Broker::reserve();
    let port = broker.port().to_string();
    let mut program = sub(&["-p", &port, "--store", "none", "--fail-fast"]).spawn();
    assert_eq!(program.wait().code(), Some(1));
    assert_eq!(
        program.stderr(),
        format!(
            "iot-sub: cannot connect to broker `localhost:{port}`: connection refused (is a broker running there?)\n"
        )
    );
}

#[test]
fn a_broker_that_refuses_ends_the_program_with_its_reason_and_code() {
    let broker = Broker::builder().user("ada", "s3cret").start();
    let port = broker.port().to_string();
    for (version, code, reason) in [("311", 5, "not authorized"), ("5", 135, "not authorized")] {
        let mut program = sub(&["-p", &port, "-V", version, "--store", "none"])
            .args(["-u", "ada", "-P", "wrong"])
            .spawn();
        assert_eq!(program.wait().code(), Some(code));
        let stderr = program.stderr();
        let line = format!(
            "iot-sub: cannot connect to broker `localhost:{port}`: the broker refuses the connection: {reason} (check the user name and password)"
        );
        assert_eq!(stderr.lines().last(), Some(line.as_str()));
        assert!(!stderr.contains("wrong"), "{stderr}");
    }
    let program = sub(&["-p", &port, "--store", "none", "-u", "ada", "-P", "s3cret"]).spawn();
    program.wait_for_stderr("Connected with result code 0");
    interrupt(program);
}

#[test]
fn a_broker_that_is_only_unavailable_is_tried_again() {
    let peer = ScriptedPeer::listen();
    let port = peer.port().to_string();
    let program = sub(&["-p", &port, "--store", "none"]).spawn();
    let mut conversation = peer.accept();
    conversation.read_packet();
    conversation.send(b"\x20\x02\x00\x03");
    program.wait_for_stderr("server unavailable");
    let mut conversation = peer.accept();
    conversation.read_packet();
    conversation.send(b"\x20\x02\x00\x00");
    program.wait_for_stderr("Connected with result code 0");
}

#[test]
fn a_refused_subscription_is_reported_and_ends_the_program_if_it_is_the_only_one() {
    let peer = ScriptedPeer::listen();
    let port = peer.port().to_string();
    let mut program = sub(&["-p", &port, "--store", "none", "-t", "secret/#"]).spawn();
    let mut conversation = peer.accept();
    conversation.read_packet();
    conversation.send(b"\x20\x02\x00\x00");
    let subscribe = conversation.read_packet();
    conversation.send(&[0x90, 3, subscribe[2], subscribe[3], 0x80]);
    program.wait_for_stderr("the broker refuses the subscription to `secret/#`");
    drop(conversation);
    assert_eq!(program.wait().code(), Some(1));
    assert_eq!(
        program.stderr().lines().last(),
        Some("iot-sub: the broker refuses every subscription")
    );
}

#[test]
fn a_malformed_packet_ends_the_connection_with_its_reason_and_not_the_program() {
    let peer = ScriptedPeer::listen();
    let port = peer.port().to_string();
    let program = sub(&["-p", &port, "--store", "none"]).spawn();
    let mut conversation = peer.accept();
    conversation.read_packet();
    conversation.send(b"\x20\x02\x00\x00");
    conversation.read_packet();
    // A PUBLISH whose topic reaches past its end.
    conversation.send(b"\x30\x03\x00\x09a");
    let line = program.wait_for_stderr("lost broker");
    assert!(
        line.contains("malformed packet: a field reaches past the end"),
        "{line}"
    );
    peer.accept();
}
