//! How much is printed on stderr.

use testkit::{Broker, ScriptedPeer};

use crate::common::{bare, ends_with, iot_pub};
use crate::helpers::refused;

#[test]
fn debug_prints_each_packet_and_nothing_else_changes() {
    for version in ["31", "311", "5"] {
        let broker = Broker::start();
        let args = format!("-V {version} -i a -q 2 -m x -t iot/a -d");
        let publisher = ends_with(iot_pub(broker.port(), &args).spawn(), 0);
        assert_eq!(publisher.stdout(), "iot/a x\n");
        let stderr = publisher.stderr();
        let packets: Vec<&str> = stderr
            .lines()
            .map(|line| line.split([' ', ',']).collect::<Vec<_>>())
            .map(|words| {
                assert_eq!(words[..2], ["Client", "a"], "{stderr}");
                words[3]
            })
            .collect();
        assert_eq!(
            packets,
            [
                "CONNECT",
                "CONNACK",
                "PUBLISH",
                "PUBREC",
                "PUBREL",
                "PUBCOMP",
                "DISCONNECT"
            ],
            "{stderr}"
        );
        assert!(
            stderr.contains("Client a sending PUBLISH (d0, q2, r0, m1), \"iot/a\", ... (1 bytes)")
        );
    }
    refused(
        bare("-d --quiet"),
        "iot-pub: `-d` cannot be used with `--quiet` (leave one of them out)",
    );
}

#[test]
fn quiet_prints_only_the_error_that_ends_it() {
    let peer = ScriptedPeer::listen();
    let mut loud = iot_pub(peer.port(), "--quiet").spawn();
    for _ in 0..2 {
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(b"\x20\x02\x00\x03");
        broker.close();
    }
    loud.interrupt();
    let line = "iot-pub: interrupted: nothing was published\n";
    assert_eq!(ends_with(loud, 130).stderr(), line);
    let failed = iot_pub(peer.port(), "--quiet").spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x05");
    let failed = ends_with(failed, 5);
    let failed = failed.stderr();
    assert!(failed.contains("not authorized"), "{failed}");
    assert_eq!(failed.lines().count(), 1, "{failed}");
}
