//! A client's keep alive.

use std::time::Duration;

use crate::client::{Client, Options, packet};
use crate::{Files, ended};

const OPTIONS: Options<'_> = Options {
    keeps_session: false,
    is_v5: false,
    will: None,
    // The broker disconnects a client after one and a half times that.
    keep_alive: 1,
};
/// The time between two pieces on a slow line.
const PIECE_INTERVAL: Duration = Duration::from_millis(250);

/// A message whose payload is a number of 16 digits.
fn publish() -> Vec<u8> {
    packet(0x32, b"\x00\x05iot/a\x00\x011234567890123456")
}

/// Runs `case` with and without a payload that is too large to be held: it gets a client, and a
/// message to publish.
fn each_case(case: impl Fn(&mut Client, &[u8])) {
    for args in [&[][..], &["--max-payload", "10"]] {
        let files = Files::new();
        let (mut broker, port) = files.start(args);
        let (mut client, _) = Client::connect(port, "p", OPTIONS);
        case(&mut client, &publish());
        broker.terminate();
        ended(broker, 0);
    }
}

#[test]
fn a_client_that_is_silent_is_disconnected() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    let options = Options {
        is_v5: true,
        will: Some(("iot/will", "1", 0)),
        ..OPTIONS
    };
    let (mut client, _) = Client::connect(port, "p", options);
    client.peer.send(&[0xc0, 0]);
    client.peer.expect(&[0xd0, 0]);
    // Keep alive timeout.
    client.peer.expect(&[0xe0, 1, 0x8d]);
    client.peer.expect_end();
    broker.wait_for_stdout(" iot/will 1.0");
    broker.terminate();
    ended(broker, 0);
    assert_eq!(files.count("iot/will"), 1);
}

/// A PINGREQ cannot come before the end of a packet.
#[test]
fn a_slow_packet_keeps_its_connection() {
    each_case(|client, packet| {
        let (head, payload) = packet.split_at(packet.len() - 16);
        client.peer.send(head);
        for byte in payload {
            // That it takes long is what is tested.
            std::thread::sleep(PIECE_INTERVAL);
            client.peer.send(&[*byte]);
        }
        client.expect_ack(0x40, 1);
    });
}

#[test]
fn a_client_that_stops_within_a_packet_is_disconnected() {
    each_case(|client, packet| {
        client.peer.send(&packet[..packet.len() - 1]);
        client.peer.expect_end();
    });
}
