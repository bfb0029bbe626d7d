//! Client identifiers, sessions, and messages in flight.

use std::time::Duration;

use testkit::{Broker, ScriptedPeer};

use crate::common::{bare, ends_well, iot_pub};
use crate::helpers::{connack, holds, packets, refused};

#[test]
fn an_id_prefix_gets_the_process_id() {
    for version in ["31", "311", "5"] {
        let broker = Broker::start();
        let publisher = iot_pub(broker.port(), &format!("-m x -I pre- -V {version}")).spawn();
        let id = publisher.id();
        ends_well(publisher);
        let client = format!(" as pre-{id} (p");
        assert!(broker.log().contains(&client), "{}", broker.log());
    }
    // What is typed overrules the other's variable.
    let broker = Broker::start();
    ends_well(
        iot_pub(broker.port(), "-m x -I pre-")
            .env("IOT_ID", "set")
            .spawn(),
    );
    assert!(broker.log().contains(" as pre-"));
    ends_well(
        iot_pub(broker.port(), "-m x -i typed")
            .env("IOT_ID_PREFIX", "set")
            .spawn(),
    );
    assert!(broker.log().contains(" as typed "));
}

#[test]
fn wrong_client_identifiers_are_refused() {
    refused(
        bare("-i a -I b"),
        "iot-pub: `-i` cannot be used with `-I` (leave one of them out)",
    );
    refused(
        bare("-c -I b"),
        "iot-pub: `-c` needs a client identifier, by which the broker finds the session (give --id ID)",
    );
    refused(
        bare("-V 5 -x -1"),
        "iot-pub: `-x` without an end needs a client identifier, by which the broker finds the session (give --id ID)",
    );
}

#[test]
fn the_session_expires_after_its_interval() {
    for (args, property) in [
        ("-x 60", &b"\x11\x00\x00\x00\x3c"[..]),
        ("--session-expiry-interval 1", b"\x11\x00\x00\x00\x01"),
        ("-x -1", b"\x11\xff\xff\xff\xff"),
        ("-x ∞", b"\x11\xff\xff\xff\xff"),
        ("-c", b"\x11\xff\xff\xff\xff"),
        ("-c -x 7", b"\x11\x00\x00\x00\x07"),
    ] {
        holds(&packets(args, 5).0, property);
    }
    refused(
        bare("-x 60"),
        "iot-pub: `-x` needs MQTT 5, not MQTT 3.1.1 (give -V mqttv5)",
    );
    for bad in ["-2", "4294967296", "soon"] {
        refused(
            bare(&format!("-x {bad}")),
            &format!(
                "iot-pub: invalid value `{bad}` for `-x`: \
                 a session expires after 0 to 4294967294 seconds, or never: -1"
            ),
        );
    }
}

/// This many messages are in flight.
#[track_caller]
fn in_flight(args: &str, version: u8, expected: usize) {
    let peer = ScriptedPeer::listen();
    let version_name = if version == 5 { "5" } else { "311" };
    let args = format!("-V {version_name} -m x --count 100 --interval 0.001ms {args}");
    let _publisher = iot_pub(peer.port(), &args).spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(connack(version));
    for _ in 0..expected {
        broker.read_packet();
    }
    broker.expect_silence(Duration::from_millis(200));
}

#[test]
fn as_many_are_in_flight_as_are_allowed() {
    in_flight("-q 1", 3, 20);
    in_flight("-q 1 -M 3", 3, 3);
    in_flight("-q 1 --max-inflight 50", 3, 50);
    in_flight("-q 2 -M 50", 3, 20);
    in_flight("-q 2 -M 50", 5, 50);
}
