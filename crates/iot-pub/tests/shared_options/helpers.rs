//! The packets of one run, and wrong usage.

use testkit::{Program, ScriptedPeer};

use crate::common::{ends_with, iot_pub};

/// Runs iot-pub with `-i a -m x` and these arguments. Returns its CONNECT and its PUBLISH.
#[track_caller]
pub(crate) fn packets(args: &str, version: u8) -> (Vec<u8>, Vec<u8>) {
    let (connect, publish, _) = all_packets(iot_pub_to, args, version);
    (connect, publish)
}

/// Prepares iot-pub to publish once as client `a`.
pub(crate) fn iot_pub_to(port: u16, args: &str) -> Program {
    iot_pub(port, &format!("-i a -t t -m x {args}"))
}

/// Returns its CONNECT, its PUBLISH with QoS 0, and its DISCONNECT.
#[track_caller]
pub(crate) fn all_packets(
    program: impl Fn(u16, &str) -> Program,
    args: &str,
    version: u8,
) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let peer = ScriptedPeer::listen();
    let version_name = if version == 5 { "5" } else { "311" };
    let publisher = program(peer.port(), &format!("-V {version_name} {args}")).spawn();
    let mut broker = peer.accept();
    let connect = broker.read_packet();
    broker.send(connack(version));
    let publish = broker.read_packet();
    let disconnect = broker.read_packet();
    broker.close();
    ends_with(publisher, 0);
    (connect, publish, disconnect)
}

/// Returns a CONNACK that accepts the connection.
pub(crate) fn connack(version: u8) -> &'static [u8] {
    // Topic aliases up to 10.
    match version {
        5 => b"\x20\x06\x00\x00\x03\x22\x00\x0a",
        _ => b"\x20\x02\x00\x00",
    }
}

/// The packet holds these bytes.
#[track_caller]
pub(crate) fn holds(packet: &[u8], part: &[u8]) {
    assert!(
        packet.windows(part.len()).any(|window| window == part),
        "no {part:02x?} in {packet:02x?}"
    );
}

/// Wrong usage, with this first line.
#[track_caller]
pub(crate) fn refused(program: Program, line: &str) {
    let ended = ends_with(program.spawn(), 2);
    assert_eq!(ended.stderr().lines().next(), Some(line));
}
