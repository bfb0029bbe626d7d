//! A broker that refuses the connection ends the program with its reason and its code.

mod common;

use common::sub;
use testkit::ScriptedPeer;

#[track_caller]
fn case(version: &str, connack: &[u8], code: i32, reason: &str) {
    let peer = ScriptedPeer::listen();
    let port = peer.port().to_string();
    let args = ["-h", "127.0.0.1", "-p", &port, "--store", "none", "-V"];
    let mut program = sub(&args).args([version]).spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(connack);
    assert_eq!(program.wait().code(), Some(code), "{}", program.stderr());
    let expected = format!(
        "iot-sub: cannot connect to broker `127.0.0.1:{port}`: the broker refuses the connection: {reason}\n"
    );
    assert_eq!(program.stderr(), expected);
}

#[test]
fn the_exit_code_is_the_broker_s() {
    for (code, reason) in [
        (1, "unacceptable protocol version"),
        (2, "client identifier rejected"),
        (
            4,
            "bad user name or password (does it need a user? -u NAME --password-file FILE)",
        ),
        (
            5,
            "not authorized (does it need a user? -u NAME --password-file FILE)",
        ),
    ] {
        for version in ["31", "311"] {
            case(version, &[0x20, 2, 0, code], code.into(), reason);
        }
    }
    for (code, reason) in [
        (
            0x84,
            "unsupported protocol version (if the broker does not support MQTT 5: -V mqttv311)",
        ),
        (
            0x87,
            "not authorized (does it need a user? -u NAME --password-file FILE)",
        ),
        (0x8a, "banned"),
    ] {
        case("5", &[0x20, 3, 0, code, 0], code.into(), reason);
    }
}

#[test]
fn a_subscription_at_which_the_broker_closes_is_reported_with_its_filters() {
    let peer = ScriptedPeer::listen();
    let port = peer.port().to_string();
    let args = ["-h", "127.0.0.1", "-p", &port, "--store", "none", "-t", "a"];
    let mut program = sub(&args).args(["-t", "b/#"]).spawn();
    for _ in 0..5 {
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(b"\x20\x02\x00\x00");
        assert_eq!(broker.read_packet()[0], 0x82);
        broker.close();
    }
    assert_eq!(program.wait().code(), Some(1), "{}", program.stderr());
    let stderr = program.stderr();
    let expected = format!(
        "iot-sub: broker `127.0.0.1:{port}` ends the connection at each subscription to `a`, `b/#`: \
         the broker closed the connection\n"
    );
    assert!(stderr.ends_with(&expected), "{stderr}");
    // The identifier is random.
    assert!(!stderr.contains("another client"), "{stderr}");
    // The same loss is reported once.
    assert_eq!(stderr.matches("lost broker").count(), 1, "{stderr}");
}
