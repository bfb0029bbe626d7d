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
        (4, "bad user name or password"),
        (5, "not authorized"),
    ] {
        for version in ["31", "311"] {
            case(version, &[0x20, 2, 0, code], code.into(), reason);
        }
    }
    for (code, reason) in [
        (0x84, "unsupported protocol version"),
        (0x87, "not authorized"),
        (0x8a, "banned"),
    ] {
        case("5", &[0x20, 3, 0, code, 0], code.into(), reason);
    }
}
