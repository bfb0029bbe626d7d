//! Each QoS on each protocol version arrives, and is ended only when it is acknowledged.

mod common;

use common::{ends_well, iot_pub};
use testkit::{Broker, DEADLINE, ScriptedPeer};

#[test]
fn each_arrives_on_each_protocol() {
    for version in ["311", "mqttv311", "5", "mqttv5"] {
        for qos in ["0", "1", "2"] {
            let broker = Broker::start();
            let subscriber =
                broker.mosquitto_sub(["-t", "iot/#", "-q", "2", "-F", "%q %t %p", "-C", "1"]);
            broker.wait_for_log("Sending SUBACK", DEADLINE);
            let args = format!("-V {version} -q {qos} -m 25.5");
            ends_well(iot_pub(broker.port(), &args).spawn());
            subscriber.wait_for_stdout(&format!("{qos} iot/home2/temp 25.5"));
        }
    }
}

/// CONNACK on MQTT 3.1.1: accepted, no session.
const ACCEPTED: &[u8] = b"\x20\x02\x00\x00";

#[test]
fn qos_1_ends_with_its_puback() {
    let peer = ScriptedPeer::listen();
    let mut publisher = iot_pub(peer.port(), "-q 1 -t a -m x").spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(ACCEPTED);
    broker.expect(b"\x32\x06\x00\x01a\x00\x01x");
    assert!(publisher.is_running());
    broker.send(b"\x40\x02\x00\x01");
    broker.expect(b"\xe0\x00");
    broker.close();
    ends_well(publisher);
}

#[test]
fn qos_2_ends_with_its_pubcomp() {
    let peer = ScriptedPeer::listen();
    let mut publisher = iot_pub(peer.port(), "-q 2 -t a -m x").spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(ACCEPTED);
    broker.expect(b"\x34\x06\x00\x01a\x00\x01x");
    broker.send(b"\x50\x02\x00\x01");
    broker.expect(b"\x62\x02\x00\x01");
    assert!(publisher.is_running());
    broker.send(b"\x70\x02\x00\x01");
    broker.expect(b"\xe0\x00");
    broker.close();
    ends_well(publisher);
}

#[test]
fn a_broker_with_a_lower_maximum_qos_ends_it_with_the_reason() {
    let broker = Broker::builder().config("max_qos 1").start();
    let publisher = common::ends_with(iot_pub(broker.port(), "-V 5 -q 2").spawn(), 1);
    assert_eq!(
        publisher.stderr(),
        "iot-pub: cannot publish to topic `iot/home2/temp`: the broker takes QoS 1 at most\n"
    );
    assert_eq!(publisher.stdout(), "");
}

#[test]
fn rejected_messages_are_reported_once_and_counted() {
    let peer = ScriptedPeer::listen();
    let publisher = iot_pub(peer.port(), "-V 5 -q 1 -m x --count 3 --interval 1ms").spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x03\x00\x00\x00");
    for id in 1..=3 {
        broker.read_packet();
        broker.send(&[0x40, 0x03, 0x00, id, if id == 2 { 0 } else { 0x87 }]);
    }
    broker.read_packet();
    broker.close();
    let publisher = common::ends_with(publisher, 1);
    assert_eq!(
        publisher.stderr(),
        "iot-pub: cannot publish to topic `iot/home2/temp`: the broker rejects the message: not authorized\n\
         iot-pub: 2 of 3 messages were rejected by the broker\n"
    );
}
