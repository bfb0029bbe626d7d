//! What an MQTT 5 broker's CONNACK allows (§3.2.2.3), and its send quota (§4.9).

use iot_core::{PacketId, Properties, ReasonCode};

use super::*;

#[test]
fn no_higher_qos_than_the_broker_s_maximum_is_sent() {
    let mut exchange = Exchange::given(config_of(Protocol::V5, "a"), b"\x24\x01");
    let client = &exchange.watched.client;
    let error = client.publish("t", "x", 2, false).unwrap_err();
    assert_eq!(error.to_string(), "the broker takes QoS 1 at most");
    exchange.publish("y", 1);
    exchange.expect(publish(Protocol::V5, 0x32, "t", 1, "y"));
    // A subscription is another matter.
    exchange.watched.client.subscribe("t", 2).unwrap();
    exchange.expect(b"\x82\x07\x00\x02\x00\x00\x01t\x02");
}

#[test]
fn nothing_is_retained_where_the_broker_does_not() {
    let mut exchange = Exchange::given(config_of(Protocol::V5, "a"), b"\x25\x00");
    let client = &exchange.watched.client;
    for qos in 0..=2 {
        let error = client.publish("t", "x", qos, true).unwrap_err();
        assert!(matches!(error, Error::RetainNotSupported), "{error}");
    }
    exchange.expect_nothing_sent();
}

#[test]
fn no_packet_is_larger_than_the_broker_takes() {
    let mut exchange = Exchange::given(config_of(Protocol::V5, "a"), b"\x27\x00\x00\x00\x14");
    let client = &exchange.watched.client;
    // 2 + 3 + 2 + 1 bytes around the payload.
    let too_large = client.publish("t", "x".repeat(13), 1, false).unwrap_err();
    let limits = matches!(
        too_large,
        Error::PacketTooLarge {
            size: 21,
            limit: 20
        }
    );
    assert!(limits, "{too_large}");
    assert!(client.subscribe("x".repeat(13), 0).is_err());
    assert!(client.unsubscribe("x".repeat(14)).is_err());
    exchange.publish(&"x".repeat(12), 1);
    exchange.expect(publish(Protocol::V5, 0x32, "t", 1, &"x".repeat(12)));
}

/// Nobody knew the limits when they were accepted.
#[test]
fn what_waited_for_the_connection_is_given_up_where_the_broker_does_not_take_it() {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(config_of(Protocol::V5, "a"));
    let client = &watched.client;
    let high = client.publish("t", "x", 2, false).unwrap();
    let kept = client.publish("t", "x", 1, true).unwrap();
    let large = client.publish("t", "x".repeat(60), 1, false).unwrap();
    let fits = client.publish("t", "x", 1, false).unwrap();
    watched.connect(peer.port());
    client.loop_start().unwrap();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(&connack(
        Protocol::V5,
        false,
        b"\x24\x01\x25\x00\x27\x00\x00\x00\x32",
    ));
    broker.expect(&publish(Protocol::V5, 0x32, "t", 4, "x"));
    broker.send(&ack(0x40, 4));
    fits.wait_for_publish(Some(DEADLINE)).unwrap();
    let why = [high, kept, large].map(|sent| sent.wait_for_publish(Some(DEADLINE)).unwrap_err());
    assert!(matches!(why[0], Error::QosNotSupported { maximum: 1 }));
    assert!(matches!(why[1], Error::RetainNotSupported));
    assert!(matches!(why[2], Error::PacketTooLarge { limit: 50, .. }));
}

#[test]
fn no_alias_is_above_the_broker_s_maximum_and_none_outlives_its_connection() {
    let mut exchange = Exchange::given(kept(Protocol::V5, "a"), b"\x22\x00\x02");
    let topics = ["long/1", "long/2", "long/1", "long/3", "long/1", "long/2"];
    for topic in topics {
        let client = &exchange.watched.client;
        client.publish(topic, "x", 0, false).unwrap();
    }
    // The two numbers go to the topics that were used last.
    exchange.expect(b"\x30\x0d\x00\x06long/1\x03\x23\x00\x01x");
    exchange.expect(b"\x30\x0d\x00\x06long/2\x03\x23\x00\x02x");
    exchange.expect(b"\x30\x07\x00\x00\x03\x23\x00\x01x");
    exchange.expect(b"\x30\x0d\x00\x06long/3\x03\x23\x00\x02x");
    exchange.expect(b"\x30\x07\x00\x00\x03\x23\x00\x01x");
    exchange.expect(b"\x30\x0d\x00\x06long/2\x03\x23\x00\x02x");
    exchange.lose();
    exchange.accept(true, b"\x22\x00\x02");
    let client = &exchange.watched.client;
    client.publish("long/2", "x", 0, false).unwrap();
    exchange.expect(b"\x30\x0d\x00\x06long/2\x03\x23\x00\x01x");
    // Where the broker takes none, and where it doesn't say so.
    for properties in [&b"\x22\x00\x00"[..], b""] {
        exchange.lose();
        exchange.accept(true, properties);
        for _ in 0..2 {
            let client = &exchange.watched.client;
            client.publish("long/1", "x", 0, false).unwrap();
            exchange.expect(publish(Protocol::V5, 0x30, "long/1", 0, "x"));
        }
    }
}

/// PUBACK, PUBCOMP and a PUBREC that refuses give back what a PUBLISH takes; a PUBREC of success
/// doesn't.
#[test]
fn no_more_is_under_way_than_the_broker_s_receive_maximum() {
    let mut exchange = Exchange::given(kept(Protocol::V5, "a"), b"\x21\x00\x02");
    for (payload, qos) in [("1", 1), ("2", 2), ("3", 1), ("4", 2), ("5", 1), ("6", 1)] {
        exchange.publish(payload, qos);
    }
    exchange.expect(publish(Protocol::V5, 0x32, "t", 1, "1"));
    exchange.expect(publish(Protocol::V5, 0x34, "t", 2, "2"));
    exchange.expect_no_answer();
    exchange.send(ack(0x50, 2));
    exchange.expect(ack(0x62, 2));
    exchange.expect_no_answer();
    exchange.send(ack(0x40, 1));
    exchange.expect(publish(Protocol::V5, 0x32, "t", 3, "3"));
    exchange.expect_no_answer();
    exchange.send(ack(0x70, 2));
    exchange.expect(publish(Protocol::V5, 0x34, "t", 4, "4"));
    exchange.send(b"\x50\x03\x00\x04\x97");
    exchange.expect(publish(Protocol::V5, 0x32, "t", 5, "5"));
    exchange.expect_no_answer();
    // On the next connection it counts from the start, as that broker has it.
    exchange.lose();
    exchange.accept(true, b"\x21\x00\x01");
    exchange.expect(publish(Protocol::V5, 0x3a, "t", 3, "3"));
    exchange.expect_no_answer();
}

#[test]
fn with_the_quota_used_up_all_but_messages_goes_on() {
    let config = ClientConfig {
        keep_alive: Duration::from_secs(1),
        ..config_of(Protocol::V5, "a")
    };
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(config);
    let client = &watched.client;
    let second = Duration::from_secs(1);
    client.connect(HOST, peer.port(), second, None).unwrap();
    client.loop_start().unwrap();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(&connack(Protocol::V5, false, b"\x21\x00\x01"));
    assert_eq!(watched.connect_seen(), (false, 0));
    client.publish("t", "1", 2, false).unwrap();
    client.publish("t", "2", 1, false).unwrap();
    broker.expect(&publish(Protocol::V5, 0x34, "t", 1, "1"));
    // Requests, answers to messages, the rest of QoS 2, QoS 0, pings.
    client.subscribe("t", 0).unwrap();
    broker.expect(b"\x82\x07\x00\x03\x00\x00\x01t\x00");
    broker.send(&publish(Protocol::V5, 0x32, "t", 9, "in"));
    broker.expect(&ack(0x40, 9));
    broker.send(&ack(0x50, 1));
    broker.expect(&ack(0x62, 1));
    client.publish("t", "0", 0, false).unwrap();
    broker.expect(&publish(Protocol::V5, 0x30, "t", 0, "0"));
    broker.expect(b"\xc0\x00");
    broker.send(b"\xd0\x00");
    broker.send(&ack(0x70, 1));
    broker.expect(&publish(Protocol::V5, 0x32, "t", 2, "2"));
}

/// Each with 20 bytes for the whole packet: a code fits, properties do not.
#[test]
fn acknowledgements_omit_properties_that_make_them_too_large() {
    let explanation = |text: &str| Properties {
        reason_string: Some(text.into()),
        ..Properties::default()
    };
    let users = || Properties {
        user_properties: vec![("key".into(), "a long value".into())],
        ..Properties::default()
    };
    let id = |id| PacketId::new(id).unwrap();
    let config = ClientConfig {
        manual_ack: true,
        release_properties: Some(explanation("a long explanation")),
        ..config_of(Protocol::V5, "a")
    };
    let mut exchange = Exchange::given(config, b"\x27\x00\x00\x00\x14");
    for (first, number) in [(0x32, 1), (0x34, 2), (0x32, 3), (0x34, 4)] {
        exchange.send(publish(Protocol::V5, first, "t", number, "x"));
        exchange.watched.message();
    }
    let client = &exchange.watched.client;
    let failure = ReasonCode::UNSPECIFIED_ERROR;
    let long = explanation("a long explanation");
    client
        .ack_with(id(1), 1, failure, Some(long.clone()))
        .unwrap();
    client.ack_with(id(2), 2, failure, Some(long)).unwrap();
    client.ack_with(id(3), 1, failure, Some(users())).unwrap();
    client
        .ack_with(id(4), 2, ReasonCode(0x10), Some(explanation("short")))
        .unwrap();
    exchange.expect(b"\x40\x04\x00\x01\x80\x00");
    exchange.expect(b"\x50\x04\x00\x02\x80\x00");
    exchange.expect(b"\x40\x04\x00\x03\x80\x00");
    exchange.expect(b"\x50\x0c\x00\x04\x10\x08\x1f\x00\x05short");
    // The PUBREL of a message of ours; its own properties are too long.
    exchange.publish("x", 2);
    exchange.expect(publish(Protocol::V5, 0x34, "t", 1, "x"));
    exchange.send(ack(0x50, 1));
    exchange.expect(b"\x62\x02\x00\x01");
}

#[test]
fn pubrel_and_pubcomp_have_the_properties_that_fit() {
    let mut exchange = Exchange::on(ClientConfig {
        release_properties: Some(Properties {
            reason_string: Some("go".into()),
            user_properties: vec![("k".into(), "v".into())],
            ..Properties::default()
        }),
        ..config_of(Protocol::V5, "a")
    });
    exchange.publish("x", 2);
    exchange.expect(publish(Protocol::V5, 0x34, "t", 1, "x"));
    exchange.send(ack(0x50, 1));
    exchange.expect(b"\x62\x10\x00\x01\x00\x0c\x1f\x00\x02go\x26\x00\x01k\x00\x01v");
    // An unknown identifier is answered with PUBCOMP's reason code for it.
    exchange.send(ack(0x62, 9));
    exchange.expect(b"\x70\x04\x00\x09\x92\x00");
}

#[test]
fn no_acknowledgement_has_a_reason_of_another_packet() {
    let mut exchange = Exchange::on(ClientConfig {
        manual_ack: true,
        ..config_of(Protocol::V5, "a")
    });
    let legal = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
    for code in 0..=u8::MAX {
        let id = u16::from(code) + 1;
        for (first, answer) in [(0x32, 0x40), (0x34, 0x50)] {
            exchange.send(publish(Protocol::V5, first, "t", id, "x"));
            let message = exchange.watched.message();
            let client = &exchange.watched.client;
            let got = client.ack_with(
                message.packet_id.unwrap(),
                message.qos,
                ReasonCode(code),
                None,
            );
            assert_eq!(got.is_ok(), legal.contains(&code), "{code:#04x}");
            if got.is_err() {
                client.ack(message.packet_id.unwrap(), message.qos).unwrap();
            }
            let [high, low] = id.to_be_bytes();
            match code {
                1.. if got.is_ok() => exchange.expect([answer, 4, high, low, code, 0]),
                _ => exchange.expect([answer, 2, high, low]),
            }
        }
    }
}
