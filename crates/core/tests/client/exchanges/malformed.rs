//! What no broker may send (§2, §4.8, §4.13): each is the end of the connection, with its reason
//! where it has one.

use super::*;

/// Sends the bytes to a client of each version, which leaves with this reason, for this cause.
#[track_caller]
fn leaves(protocols: &[Protocol], bytes: &[u8], reason: u8, cause: &str) {
    for protocol in protocols {
        let mut exchange = Exchange::on(config_of(*protocol, "a"));
        exchange.send(bytes);
        let error = exchange.expect_disconnect(reason).to_string();
        assert!(error.contains(cause), "{protocol} {bytes:02x?}: {error}");
        // It connects again, with a new handshake.
        exchange.broker = exchange.peer.accept();
        assert_eq!(exchange.broker.read_packet()[0], 0x10);
    }
}

const BEFORE_5: &[Protocol] = &[Protocol::V31, Protocol::V311];
const V5: &[Protocol] = &[Protocol::V5];

/// The fixed header alone is enough, with whatever follows it.
#[test]
fn flags_are_as_each_packet_has_them() {
    for kind in [0x20, 0x40, 0x50, 0x70, 0x90, 0xb0, 0xd0] {
        for flag in [1, 2, 4, 8] {
            leaves(&ALL, &[kind | flag, 2, 0, 1], 0x81, "reserved flags");
        }
    }
    for flags in [0, 1, 3, 6] {
        leaves(&ALL, &[0x60 | flags, 2, 0, 1], 0x81, "reserved flags");
    }
    // A DUP of PUBREL is MQTT 3.1's.
    leaves(&BOTH, &[0x6a, 2, 0, 1], 0x81, "reserved flags");
    for flag in [1, 2, 4, 8] {
        leaves(V5, &[0xe0 | flag, 0], 0x81, "reserved flags");
        leaves(V5, &[0xf0 | flag, 0], 0x81, "reserved flags");
    }
}

#[test]
fn a_pubrel_of_mqtt_3_1_may_say_that_it_comes_again() {
    let mut exchange = Exchange::on(config_of(Protocol::V31, "a"));
    exchange.send(publish(Protocol::V31, 0x34, "t", 7, "x"));
    exchange.expect(ack(0x50, 7));
    exchange.send(ack(0x6a, 7));
    exchange.expect(ack(0x70, 7));
}

#[test]
fn there_is_no_qos_3_and_no_dup_with_qos_0() {
    for first in [0x36, 0x37, 0x3e, 0x3f] {
        leaves(&ALL, &[first, 6, 0, 1, b't', 0, 1, b'x'], 0x81, "QoS 3");
    }
    for first in [0x38, 0x39] {
        leaves(&ALL, &[first, 4, 0, 1, b't', b'x'], 0x81, "DUP and QoS 0");
    }
}

#[test]
fn types_that_are_reserved_or_a_client_s_are_not_taken() {
    leaves(&ALL, b"\x00\x00", 0x81, "reserved packet type");
    leaves(BEFORE_5, b"\xf0\x00", 0x81, "reserved packet type");
    for first in [0x10, 0x82, 0xa2, 0xc0] {
        leaves(&ALL, &[first, 0], 0x82, "only clients send");
    }
    leaves(BEFORE_5, b"\xe0\x00", 0x82, "only clients send");
}

#[test]
fn a_second_connack_is_not_taken() {
    leaves(BEFORE_5, b"\x20\x02\x00\x00", 0x82, "a second CONNACK");
    leaves(V5, b"\x20\x03\x00\x00\x00", 0x82, "a second CONNACK");
}

#[test]
fn no_packet_id_is_0() {
    for first in [0x40, 0x50, 0x62, 0x70] {
        leaves(&ALL, &[first, 2, 0, 0], 0x81, "packet identifier 0");
    }
    leaves(
        BEFORE_5,
        b"\x32\x06\x00\x01t\x00\x00x",
        0x81,
        "packet identifier 0",
    );
    leaves(
        V5,
        b"\x34\x07\x00\x01t\x00\x00\x00x",
        0x81,
        "packet identifier 0",
    );
    leaves(
        BEFORE_5,
        b"\x90\x03\x00\x00\x00",
        0x81,
        "packet identifier 0",
    );
    leaves(V5, b"\xb0\x04\x00\x00\x00\x00", 0x81, "packet identifier 0");
}

#[test]
fn a_length_has_four_bytes_at_most_and_holds_what_it_says() {
    leaves(
        &ALL,
        b"\x30\x80\x80\x80\x80\x01",
        0x81,
        "more than four bytes",
    );
    leaves(&ALL, b"\x30\x02\x00\x09", 0x81, "past the end");
    leaves(&ALL, b"\x40\x01\x00", 0x81, "past the end");
    leaves(&ALL, b"\x40\x05\x00\x01\x00\x00\x00", 0x81, "after the end");
    leaves(&ALL, b"\xd0\x01\x00", 0x81, "PINGRESP with a body");
    // The length of the properties.
    leaves(V5, b"\x30\x04\x00\x01t\x05", 0x81, "past the end");
    leaves(
        V5,
        b"\x30\x08\x00\x01t\x80\x80\x80\x80\x01",
        0x81,
        "more than four bytes",
    );
}

#[test]
fn properties_are_where_they_belong_and_once() {
    // A reason string in a PUBLISH, a topic alias in a PUBACK, none that there is.
    leaves(
        V5,
        b"\x30\x09\x00\x01t\x04\x1f\x00\x01wx",
        0x81,
        "doesn't belong",
    );
    leaves(
        V5,
        b"\x40\x07\x00\x01\x00\x03\x23\x00\x01",
        0x81,
        "doesn't belong",
    );
    leaves(
        V5,
        b"\x40\x06\x00\x01\x00\x02\x7e\x00",
        0x81,
        "doesn't belong",
    );
    leaves(
        V5,
        b"\x30\x0b\x00\x01t\x06\x23\x00\x01\x23\x00\x02x",
        0x82,
        "occurs twice",
    );
    leaves(
        V5,
        b"\x30\x07\x00\x01t\x02\x01\x02x",
        0x82,
        "neither 0 nor 1",
    );
    leaves(
        V5,
        b"\x30\x07\x00\x01t\x02\x0b\x00x",
        0x82,
        "subscription identifier 0",
    );
}

/// Larger than the limit, which MQTT 5's CONNECT has announced. The header is enough.
#[test]
fn no_packet_is_larger_than_connect_has_said() {
    for first in [0x30, 0x40, 0x90, 0xe0] {
        let mut exchange = Exchange::on(ClientConfig {
            maximum_packet_size: 100,
            ..config_of(Protocol::V5, "a")
        });
        exchange.send([first, 0x80, 1]);
        let error = exchange.expect_disconnect(0x95);
        assert!(error.to_string().contains("131 bytes"), "{error}");
    }
    // One that is exactly as large.
    let mut exchange = Exchange::on(ClientConfig {
        maximum_packet_size: 100,
        ..config_of(Protocol::V5, "a")
    });
    exchange.send(publish(Protocol::V5, 0x32, "t", 1, &"x".repeat(92)));
    exchange.expect(ack(0x40, 1));
}

/// A client without request problem information gets properties with PUBLISH, CONNACK and
/// DISCONNECT only.
#[test]
fn unwanted_properties_are_refused() {
    let config = ClientConfig {
        request_problem_information: false,
        ..config_of(Protocol::V5, "a")
    };
    for explanation in [&b"\x04\x1f\x00\x01w"[..], b"\x07\x26\x00\x01k\x00\x01v"] {
        for first in [0x40, 0x50, 0x62, 0x70] {
            let mut exchange = Exchange::on(config.clone());
            exchange.send(packet(first, &[b"\x00\x01\x00", explanation]));
            exchange.expect_disconnect(0x82);
        }
        for first in [0x90, 0xb0] {
            let mut exchange = Exchange::on(config.clone());
            exchange.send(packet(first, &[b"\x00\x01", explanation, b"\x00"]));
            exchange.expect_disconnect(0x82);
        }
    }
    let mut exchange = Exchange::given(config, b"\x1f\x00\x01w\x26\x00\x01k\x00\x01v");
    exchange.send(b"\x30\x0b\x00\x01t\x07\x26\x00\x01k\x00\x01v");
    assert!(exchange.watched.message().properties.is_some());
    exchange.send(b"\xe0\x06\x8b\x04\x1f\x00\x01w");
    let error = exchange.watched.disconnect_seen().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the broker ended the connection: server shutting down (w)"
    );
}

/// As many as there are packet identifiers are taken, however few were asked for.
#[test]
fn more_messages_than_packet_ids_are_not_taken() {
    let mut exchange = Exchange::on(ClientConfig {
        manual_ack: true,
        receive_maximum: 1,
        ..config_of(Protocol::V5, "a")
    });
    let mut all = Vec::new();
    for id in 1..=u16::MAX {
        all.extend(publish(Protocol::V5, 0x32, "t", id, "x"));
    }
    exchange.send(all);
    for _ in 1..=u16::MAX {
        exchange.watched.message();
    }
    exchange.expect_no_answer();
    exchange.send(publish(Protocol::V5, 0x32, "t", 1, "x"));
    exchange.expect_disconnect(0x93);
}
