//! Lines with QoS 0 that are lost with a connection are counted.

mod common;

use std::io::{Seek, Write};

use common::{ends_with, iot_pub};
use testkit::ScriptedPeer;

const LINES: u64 = 200_000;

#[test]
fn lines_that_the_broker_has_not_read_are_counted() {
    let mut file = tempfile::tempfile().expect("a file");
    let line = format!("{}\n", "0".repeat(99));
    for _ in 0..LINES {
        file.write_all(line.as_bytes()).expect("a written file");
    }
    file.rewind().expect("a file from its start");
    let peer = ScriptedPeer::listen();
    let publisher = iot_pub(peer.port(), "-l -t a").stdin(file).spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x00");
    for _ in 0..50 {
        broker.read_packet();
    }
    broker.close();
    drop(broker_that_reads_all(&peer));
    let publisher = ends_with(publisher, 1);
    let stderr = publisher.stderr();
    let last = stderr.lines().last().expect("a line");
    let numbers: Vec<u64> = last
        .split(|it: char| !it.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect();
    let [dropped, all, maybe] = numbers[..] else {
        panic!("{last}");
    };
    assert_eq!(all, LINES);
    assert!(dropped > 0 && maybe >= 50, "{last}");
}

/// Takes the lines that follow, to DISCONNECT.
fn broker_that_reads_all(peer: &ScriptedPeer) -> testkit::Conversation {
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x00");
    while broker.read_packet()[0] != 0xe0 {}
    broker
}
