//! Lines with QoS 0 that are lost with a connection are counted.

mod common;

use std::io::{PipeWriter, Seek, Write};
use std::process::Stdio;

use common::{ends_with, iot_pub};
use testkit::{Conversation, Running, ScriptedPeer};

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
    let read = 50 + broker_that_reads_all(&peer);
    let publisher = ends_with(publisher, 1);
    let stderr = publisher.stderr();
    let summary = stderr.lines().last().expect("a line");
    let numbers: Vec<u64> = summary
        .split(|it: char| !it.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect();
    let [dropped, all, maybe] = numbers[..] else {
        panic!("{summary}");
    };
    assert_eq!(all, LINES);
    let lost = LINES - read;
    assert!(dropped > 0 && maybe >= 50, "{summary}");
    assert!(
        (dropped..=dropped + maybe).contains(&lost),
        "{lost}: {summary}"
    );
}

/// Starts a publisher of lines; returns the pipe to it, and the broker's end of its connection.
fn lines_to(peer: &ScriptedPeer) -> (Running, PipeWriter, Conversation) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let publisher = iot_pub(peer.port(), "-l -t a")
        .stdin(Stdio::from(reader))
        .spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x00");
    (publisher, writer, broker)
}

#[test]
fn lines_that_fitted_the_buffers_are_reported_as_uncertain() {
    let peer = ScriptedPeer::listen();
    let (publisher, mut writer, broker) = lines_to(&peer);
    writer.write_all(b"1\n2\n3\n").expect("a reader");
    // All are here, and none is read.
    broker.wait_for_bytes(3 * 6);
    // Without a shutdown before, which would look like an orderly end.
    drop(broker);
    let reader = std::thread::spawn(move || broker_that_reads_all(&peer));
    publisher.wait_for_stderr("connected to broker");
    drop(writer);
    let publisher = ends_with(publisher, 1);
    assert_eq!(reader.join().expect("no line"), 0);
    let stderr = publisher.stderr();
    assert_eq!(
        stderr.lines().last(),
        Some(
            "iot-pub: up to 3 of 3 messages may be lost: when the connection ended, nothing showed that the broker had read them"
        )
    );
}

#[test]
fn lines_before_an_answered_ping_are_not_lost() {
    let peer = ScriptedPeer::listen();
    let (publisher, mut writer, mut broker) = lines_to(&peer);
    writer.write_all(b"1\n2\n").expect("a reader");
    for _ in 0..2 {
        assert_eq!(broker.read_packet()[0], 0x30);
    }
    assert_eq!(broker.read_packet(), b"\xc0\x00");
    broker.send(b"\xd0\x00");
    broker.close();
    let reader = std::thread::spawn(move || broker_that_reads_all(&peer));
    publisher.wait_for_stderr("connected to broker");
    drop(writer);
    let publisher = ends_with(publisher, 0);
    reader.join().expect("no line");
    let stderr = publisher.stderr();
    assert!(!stderr.contains("may be lost"), "{stderr}");
}

/// Takes the lines that follow, to DISCONNECT; returns how many there were.
fn broker_that_reads_all(peer: &ScriptedPeer) -> u64 {
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x00");
    let mut lines = 0;
    loop {
        match broker.read_packet()[0] {
            0x30 => lines += 1,
            0xc0 => broker.try_send(b"\xd0\x00"),
            _ => return lines,
        }
    }
}
