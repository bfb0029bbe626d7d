//! A message at which the broker closes the connection is given up and reported; the others arrive.

mod common;

use std::io::{Seek, Write};

use common::{ends_with, iot_pub, subscriber, wait_for_lines};
use testkit::{Broker, Program, Running, ScriptedPeer};

fn small() -> Broker {
    Broker::builder().config("max_packet_size 2000").start()
}

/// Starts the program with this on standard input.
fn reading(program: Program, input: &str) -> Running {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(input.as_bytes()).expect("a written file");
    file.rewind().expect("a file from its start");
    program.stdin(file).spawn()
}

/// Its lines on stderr that are not about the connection.
fn about_messages(stderr: &str) -> Vec<String> {
    let lines = stderr.lines();
    let lines = lines.filter(|line| !line.contains("lost broker") && !line.contains("again"));
    lines.map(String::from).collect()
}

#[test]
fn one_message_that_is_too_large_ends_with_1() {
    let broker = small();
    let program = iot_pub(broker.port(), "-q 1 -t ok/a -s");
    let publisher = ends_with(reading(program, &"0".repeat(3000)), 1);
    assert_eq!(
        about_messages(&publisher.stderr()),
        [
            "iot-pub: gave up a message of 3011 bytes to topic `ok/a`, at which the connection ends \
             each time: the broker closed the connection",
            "iot-pub: the message was rejected by the broker",
        ]
    );
}

#[test]
fn the_lines_after_a_line_that_is_too_large_arrive() {
    for version in ["311", "5"] {
        let broker = small();
        let inbox = subscriber(&broker, ["-q", "1", "-t", "ok/a"]);
        let args = format!("-V {version} -q 1 -t ok/a -l");
        let large = "0".repeat(3000);
        let input = format!("1\n2\n{large}\n3\n4\n");
        let publisher = ends_with(reading(iot_pub(broker.port(), &args), &input), 1);
        wait_for_lines(&inbox, 4);
        let mut arrived: Vec<_> = inbox.stdout().lines().map(String::from).collect();
        arrived.dedup();
        assert_eq!(arrived, ["1", "2", "3", "4"]);
        let stderr = publisher.stderr();
        assert!(
            stderr.ends_with("iot-pub: 1 of 5 messages was rejected by the broker\n"),
            "{stderr}"
        );
    }
}

/// A broker that closes the connection at each PUBLISH to `no`, with these bytes before.
#[track_caller]
fn forbids(args: &str, connack: &[u8], last_words: &'static [u8], reason: &str) {
    let peer = ScriptedPeer::listen();
    let publisher = iot_pub(peer.port(), args).spawn();
    for _ in 0..5 {
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(connack);
        assert_eq!(broker.read_packet()[0] & 0xf0, 0x30);
        broker.try_send(last_words);
        broker.close();
    }
    let publisher = ends_with(publisher, 1);
    let stderr = publisher.stderr();
    let line = format!("to topic `no`, at which the connection ends each time: {reason}\n");
    assert!(stderr.contains(&line), "{stderr}");
}

#[test]
fn a_forbidden_message_is_given_up_with_the_broker_s_reason() {
    let closed = "the broker closed the connection";
    forbids("-V 311 -q 1 -t no -m x", b"\x20\x02\x00\x00", b"", closed);
    forbids(
        "-V 5 -q 2 -t no -m x",
        b"\x20\x03\x00\x00\x00",
        b"\xe0\x02\x87\x00",
        "the broker ended the connection: not authorized",
    );
}

#[test]
fn a_simulation_of_forbidden_messages_ends_after_its_time() {
    forbids(
        "-q 1 -t no --for 100ms --interval 1s",
        b"\x20\x02\x00\x00",
        b"",
        "the broker closed the connection",
    );
}

#[test]
fn a_broker_that_acknowledges_qos_2_by_puback_is_reported() {
    let peer = ScriptedPeer::listen();
    let publisher = iot_pub(peer.port(), "-q 2 -m x").spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x00");
    broker.read_packet();
    broker.send(b"\x40\x02\x00\x01");
    let stderr = ends_with(publisher, 1).stderr();
    assert!(stderr.contains("it doesn't support QoS 2"), "{stderr}");
}
