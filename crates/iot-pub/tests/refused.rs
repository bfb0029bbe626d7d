//! A broker that refuses the connection ends the program with its reason and its code. If it is
//! only unavailable, iot-pub tries again.

mod common;

use common::{ends_well, ends_with, iot_pub};
use testkit::{Broker, ScriptedPeer};

#[track_caller]
fn assert_refused(stderr: &str, port: u16, reason: &str) {
    assert_eq!(
        stderr,
        format!(
            "iot-pub: cannot connect to broker `127.0.0.1:{port}`: \
             the broker refuses the connection: {reason}\n"
        )
    );
}

#[test]
fn bad_credentials() {
    let broker = Broker::builder().user("ada", "s3cret").start();
    for (version, code) in [("311", 5), ("5", 0x87)] {
        for credentials in ["", "-u ada", "-u ada -P wr0ng", "-u bob -P s3cret"] {
            let args = format!("-V {version} {credentials}");
            let publisher = ends_with(iot_pub(broker.port(), &args).spawn(), code);
            let reason = match credentials {
                "" => "not authorized (does it need a user? -u NAME --password-file FILE)",
                _ => "not authorized (check the user name and password)",
            };
            assert_refused(&publisher.stderr(), broker.port(), reason);
            assert_eq!(publisher.stdout(), "");
        }
    }
}

/// Answers CONNECT with these bytes, which end the program with this code and reason.
#[track_caller]
fn case(version: &str, connack: &[u8], code: i32, reason: &str) {
    let peer = ScriptedPeer::listen();
    let publisher = iot_pub(peer.port(), &format!("-V {version}")).spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(connack);
    let publisher = ends_with(publisher, code);
    assert_refused(&publisher.stderr(), peer.port(), reason);
}

#[test]
fn each_refusal_of_mqtt_3_1_1() {
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
        case("311", &[0x20, 0x02, 0x00, code], code.into(), reason);
    }
}

#[test]
fn refusals_of_mqtt_5() {
    for (code, reason) in [
        (
            0x84,
            "unsupported protocol version (if the broker does not support MQTT 5: -V mqttv311)",
        ),
        (0x85, "client identifier not valid"),
        (
            0x86,
            "bad user name or password (does it need a user? -u NAME --password-file FILE)",
        ),
        (0x8a, "banned"),
    ] {
        case("5", &[0x20, 0x03, 0x00, code, 0x00], code.into(), reason);
    }
}

#[test]
fn the_reason_string_of_the_broker_is_shown() {
    let connack = b"\x20\x0a\x00\x87\x07\x1f\x00\x04away";
    case(
        "5",
        connack,
        0x87,
        "not authorized (away) (does it need a user? -u NAME --password-file FILE)",
    );
}

/// Refused twice, then accepted.
#[track_caller]
fn tried_again(version: &str, refused: &[u8], accepted: &[u8]) {
    let peer = ScriptedPeer::listen();
    let publisher = iot_pub(peer.port(), &format!("-V {version} -m x")).spawn();
    for answer in [refused, refused, accepted] {
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(answer);
        if answer == accepted {
            broker.read_packet();
            broker.read_packet();
        }
        broker.close();
    }
    let publisher = ends_with(publisher, 0);
    assert_eq!(
        publisher.stderr(),
        format!(
            "iot-pub: waiting for broker `127.0.0.1:{}`: \
             the broker refuses the connection: server unavailable\n",
            peer.port()
        )
    );
}

#[test]
fn an_unavailable_broker_is_tried_again_on_mqtt_3_1_1() {
    tried_again("311", b"\x20\x02\x00\x03", b"\x20\x02\x00\x00");
}

#[test]
fn an_unavailable_broker_is_tried_again_on_mqtt_5() {
    tried_again("5", b"\x20\x03\x00\x88\x00", b"\x20\x03\x00\x00\x00");
}

#[test]
fn fail_fast_does_not_try_again() {
    let peer = ScriptedPeer::listen();
    let publisher = iot_pub(peer.port(), "--fail-fast").spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x03");
    let publisher = ends_with(publisher, 3);
    assert_refused(&publisher.stderr(), peer.port(), "server unavailable");
}

#[test]
fn the_right_password_is_accepted_in_every_form() {
    let broker = Broker::builder().user("ada", "-s3cret one").start();
    for version in ["-V 311", "-V 5"] {
        let program = || iot_pub(broker.port(), version).args(["-m", "x", "-u", "ada"]);
        ends_well(program().args(["-P", "-s3cret one"]).spawn());
        ends_well(program().args(["--pw", "-s3cret one"]).spawn());
        ends_well(program().env("IOT_PASSWORD", "-s3cret one").spawn());
        let folder = program().spawn();
        let file = folder.folder().join("password");
        std::fs::write(&file, "-s3cret one\r\nnot this line\n").expect("a file");
        ends_well(program().args(["--password-file"]).args([&file]).spawn());
        ends_well(program().env("IOT_PASSWORD_FILE", &file).spawn());
        // The option on the command line wins.
        let with_both = program()
            .env("IOT_PASSWORD", "wr0ng")
            .args(["-P", "-s3cret one"]);
        ends_well(with_both.args(["--password-file"]).args([&file]).spawn());
    }
}
