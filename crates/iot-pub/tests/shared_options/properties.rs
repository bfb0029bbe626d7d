//! MQTT 5 properties.

use testkit::{Broker, ScriptedPeer};

use crate::common::{bare, ends_well, ends_with, iot_pub};
use crate::helpers::{all_packets, connack, holds, iot_pub_to, packets, refused};

#[test]
fn properties_go_with_their_packets() {
    let args = "-x 9 -D connect receive-maximum 7 -D connect maximum-packet-size 1000 -D connect topic-alias-maximum 3 \
        -D connect request-response-information 1 -D connect request-problem-information 0 -D connect user-property b 1 \
        --property connect user-property a 2 --will-topic w -D will will-delay-interval 5 -D will user-property -w -x \
        -D publish content-type -text -D publish correlation-data abc -D publish message-expiry-interval 60 \
        -D publish payload-format-indicator 1 -D publish response-topic r/t -D publish user-property z 1 \
        -D publish user-property a 2 -D disconnect session-expiry-interval 8 -D disconnect user-property k v \
        -D disconnect reason-string bye";
    let (connect, publish, disconnect) = all_packets(iot_pub_to, args, 5);
    for part in [
        &b"\x11\x00\x00\x00\x09"[..],
        b"\x21\x00\x07",
        b"\x27\x00\x00\x03\xe8",
        b"\x22\x00\x03",
        b"\x19\x01",
        b"\x17\x00",
        b"\x26\x00\x01b\x00\x011\x26\x00\x01a\x00\x012",
        b"\x18\x00\x00\x00\x05",
        b"\x26\x00\x02-w\x00\x02-x",
    ] {
        holds(&connect, part);
    }
    for part in [
        &b"\x03\x00\x05-text"[..],
        b"\x09\x00\x03abc",
        b"\x02\x00\x00\x00\x3c",
        b"\x01\x01",
        b"\x08\x00\x03r/t",
        b"\x26\x00\x01z\x00\x011\x26\x00\x01a\x00\x012",
    ] {
        holds(&publish, part);
    }
    for part in [
        &b"\x11\x00\x00\x00\x08"[..],
        b"\x26\x00\x01k\x00\x01v",
        b"\x1f\x00\x03bye",
    ] {
        holds(&disconnect, part);
    }
}

#[test]
fn a_topic_alias_is_used_if_the_broker_allows_it() {
    let peer = ScriptedPeer::listen();
    let args = "-V 5 -t iot/a -m x --count 3 --interval 1ms -D publish topic-alias 7";
    let publisher = iot_pub(peer.port(), args).spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(connack(5));
    broker.expect(b"\x30\x0c\x00\x05iot/a\x03\x23\x00\x07x");
    broker.expect(b"\x30\x07\x00\x00\x03\x23\x00\x07x".repeat(2).as_slice());
    broker.read_packet();
    broker.close();
    ends_with(publisher, 0);
    let (_, publish) = packets("-D publish topic-alias 11", 5);
    assert_eq!(publish, b"\x30\x05\x00\x01t\x00x");
}

#[test]
fn a_property_makes_it_mqtt_5_unless_a_version_is_typed() {
    let broker = Broker::start();
    ends_well(iot_pub(broker.port(), "-i a -m x -D publish content-type x").spawn());
    assert!(broker.log().contains(" as a (p5, "), "{}", broker.log());
    refused(
        bare("-V 311 -D publish content-type x"),
        "iot-pub: `-D` needs MQTT 5, not MQTT 3.1.1 (give -V mqttv5)",
    );
}

#[test]
fn wrong_properties_are_named() {
    for (args, why) in [
        (
            "connect content-type x",
            "content-type is not a property of connect (but of publish, will)",
        ),
        (
            "publish topic-alias 0",
            "topic-alias is a whole number from 1 to 65535",
        ),
        ("publish content-type", "content-type needs a value"),
    ] {
        let line = format!("iot-pub: invalid value `{args}` for `-D`: {why}");
        refused(bare(&format!("-D {args}")), &line);
    }
    refused(
        bare("-D subscribe user-property a b"),
        "iot-pub: `-D` names a packet that this program does not send: subscribe",
    );
    refused(
        bare("-D disconnect session-expiry-interval 5"),
        "iot-pub: `-D`: disconnect session-expiry-interval needs a session that outlives the connection (give -x SECONDS)",
    );
}
