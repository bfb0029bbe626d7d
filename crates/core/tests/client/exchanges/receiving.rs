//! Messages from the broker (§3.3.4, §4.3, §4.5, §4.6): how each is answered, when it is taken for
//! a new one.

use iot_core::{PacketId, ReasonCode};

use super::*;

fn by_hand(protocol: Protocol) -> Exchange {
    Exchange::on(ClientConfig {
        manual_ack: true,
        ..kept(protocol, "a")
    })
}

impl Exchange {
    fn ack(&self, id: u16, qos: i32) {
        let id = PacketId::new(id).unwrap();
        self.watched.client.ack(id, qos).expect("it waits");
    }
}

#[test]
fn each_qos_is_answered_in_its_way_under_the_same_id() {
    for protocol in ALL {
        let mut exchange = Exchange::on(config_of(protocol, "a"));
        exchange.send(publish(protocol, 0x30, "t", 0, "zero"));
        assert_eq!(exchange.watched.text(), "zero");
        exchange.expect_no_answer();
        exchange.send(publish(protocol, 0x32, "t", 0x1234, "one"));
        exchange.expect(b"\x40\x02\x12\x34");
        assert_eq!(exchange.watched.text(), "one");
        exchange.send(publish(protocol, 0x34, "t", 0xfffe, "two"));
        exchange.expect(b"\x50\x02\xff\xfe");
        assert_eq!(exchange.watched.text(), "two");
        exchange.send(b"\x62\x02\xff\xfe");
        exchange.expect(b"\x70\x02\xff\xfe");
        exchange.expect_no_answer();
    }
}

/// A client without a callback for them, which elects to process none.
#[test]
fn what_nobody_looks_at_is_acknowledged_too() {
    for protocol in ALL {
        let peer = ScriptedPeer::listen();
        let client = Client::new(config_of(protocol, "a"), ()).unwrap();
        client.connect(HOST, peer.port(), KEEP_ALIVE, None).unwrap();
        client.loop_start().unwrap();
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(&connack(protocol, false, b""));
        broker.send(&publish(protocol, 0x32, "t", 1, "x"));
        broker.expect(&ack(0x40, 1));
        broker.send(&publish(protocol, 0x34, "t", 2, "x"));
        broker.expect(&ack(0x50, 2));
        broker.send(&ack(0x62, 2));
        broker.expect(&ack(0x70, 2));
        client.disconnect().unwrap();
        broker.expect(b"\xe0\x00");
        broker.close();
        client.loop_stop().unwrap();
    }
}

#[test]
fn after_its_puback_an_id_stands_for_a_new_message_whatever_its_dup() {
    for protocol in ALL {
        let mut exchange = Exchange::on(config_of(protocol, "a"));
        for first in [0x32, 0x3a, 0x32, 0x3a] {
            exchange.send(publish(protocol, first, "t", 1, "same"));
            exchange.expect(ack(0x40, 1));
            let message = exchange.watched.message();
            assert_eq!(
                (&message.payload[..], message.dup),
                (&b"same"[..], first == 0x3a)
            );
        }
    }
}

#[test]
fn until_its_pubrel_a_qos_2_message_is_acknowledged_and_not_delivered_again() {
    for protocol in ALL {
        let mut exchange = Exchange::on(kept(protocol, "a"));
        exchange.send(publish(protocol, 0x34, "t", 5, "once"));
        exchange.expect(ack(0x50, 5));
        assert_eq!(exchange.watched.text(), "once");
        for first in [0x3c, 0x34] {
            exchange.send(publish(protocol, first, "t", 5, "once"));
            exchange.expect(ack(0x50, 5));
        }
        exchange.send(ack(0x62, 5));
        exchange.expect(ack(0x70, 5));
        exchange.expect_no_answer();
        // After its PUBCOMP the id stands for another one, be it the same to the byte.
        exchange.send(publish(protocol, 0x3c, "t", 5, "once"));
        exchange.expect(ack(0x50, 5));
        assert_eq!(exchange.watched.text(), "once");
        assert!(exchange.watched.seen.try_recv().is_err());
    }
}

#[test]
fn after_a_refusal_the_id_stands_for_a_new_message() {
    let mut exchange = by_hand(Protocol::V5);
    for _ in 0..2 {
        exchange.send(publish(Protocol::V5, 0x34, "t", 5, "same"));
        assert_eq!(exchange.watched.text(), "same");
        let id = PacketId::new(5).unwrap();
        let quota = ReasonCode(0x97);
        let client = &exchange.watched.client;
        client.ack_with(id, 2, quota, None).unwrap();
        exchange.expect(b"\x50\x04\x00\x05\x97\x00");
    }
    exchange.expect_no_answer();
}

#[test]
fn pubacks_and_pubrecs_follow_the_order_of_the_messages() {
    for protocol in ALL {
        let mut exchange = by_hand(protocol);
        for (first, id) in [(0x32, 9), (0x34, 3), (0x34, 7), (0x32, 1)] {
            exchange.send(publish(protocol, first, "t", id, "x"));
            exchange.watched.message();
        }
        exchange.ack(7, 2);
        exchange.ack(1, 1);
        exchange.ack(3, 2);
        exchange.expect_no_answer();
        exchange.ack(9, 1);
        exchange.expect([ack(0x40, 9), ack(0x50, 3), ack(0x50, 7), ack(0x40, 1)].concat());
    }
    // And where the client acknowledges by itself.
    for protocol in ALL {
        let mut exchange = Exchange::on(config_of(protocol, "a"));
        let together = [(0x32, 9), (0x34, 3), (0x34, 7), (0x32, 1)];
        let together = together.map(|(first, id)| publish(protocol, first, "t", id, "x"));
        exchange.send(together.concat());
        exchange.expect([ack(0x40, 9), ack(0x50, 3), ack(0x50, 7), ack(0x40, 1)].concat());
    }
}

#[test]
fn no_acknowledgement_outlives_its_connection() {
    for protocol in BOTH {
        let mut exchange = by_hand(protocol);
        exchange.send(publish(protocol, 0x32, "t", 1, "x"));
        exchange.send(publish(protocol, 0x34, "t", 2, "y"));
        exchange.watched.message();
        exchange.watched.message();
        exchange.lose();
        exchange.ack(2, 2);
        exchange.accept(true, b"");
        let late = exchange.watched.client.ack(PacketId::new(1).unwrap(), 1);
        assert!(matches!(late, Err(Error::UnknownMessage(_))), "{late:?}");
        exchange.expect_no_answer();
        exchange.send(publish(protocol, 0x3c, "t", 2, "y"));
        exchange.expect(ack(0x50, 2));
    }
}

#[test]
fn the_broker_s_aliases_stand_for_their_topics_on_their_connection() {
    let config = ClientConfig {
        topic_alias_maximum: 2,
        ..kept(Protocol::V5, "a")
    };
    let mut exchange = Exchange::on(config.clone());
    for (bytes, topic) in [
        (&b"\x30\x0a\x00\x03one\x03\x23\x00\x01x"[..], "one"),
        (b"\x30\x0a\x00\x03two\x03\x23\x00\x02x", "two"),
        (b"\x30\x07\x00\x00\x03\x23\x00\x01x", "one"),
        (b"\x30\x07\x00\x00\x03\x23\x00\x02x", "two"),
        (b"\x30\x0a\x00\x03new\x03\x23\x00\x01x", "new"),
        (b"\x32\x09\x00\x00\x00\x07\x03\x23\x00\x01x", "new"),
    ] {
        exchange.send(bytes);
        assert_eq!(exchange.watched.message().topic.as_str(), topic);
    }
    exchange.expect(ack(0x40, 7));
    exchange.again(true);
    exchange.send(b"\x30\x07\x00\x00\x03\x23\x00\x01x");
    exchange.expect_disconnect(0x82);
    // One that is too high, 0, one of nothing, and neither topic nor alias.
    for (bytes, reason) in [
        (&b"\x30\x0a\x00\x03one\x03\x23\x00\x03x"[..], 0x94),
        (b"\x30\x0a\x00\x03one\x03\x23\x00\x00x", 0x82),
        (b"\x30\x07\x00\x00\x03\x23\x00\x02x", 0x82),
        (b"\x30\x04\x00\x00\x00x", 0x82),
    ] {
        let mut exchange = Exchange::on(config.clone());
        exchange.send(bytes);
        exchange.expect_disconnect(reason);
    }
    // Without a maximum no alias is allowed.
    let mut exchange = Exchange::on(config_of(Protocol::V5, "a"));
    exchange.send(b"\x30\x0a\x00\x03one\x03\x23\x00\x01x");
    exchange.expect_disconnect(0x94);
}

#[test]
fn a_message_brings_all_its_properties() {
    let mut exchange = Exchange::on(config_of(Protocol::V5, "a"));
    exchange.send(packet(
        0x30,
        &[
            b"\x00\x01t",
            b"\x2d\x01\x01\x02\x00\x00\x01\x02\x03\x00\x02\xc3\xbc\x08\x00\x04r/\xc3\xbc",
            b"\x09\x00\x02\x00\xff\x0b\x07\x0b\xff\xff\xff\x7f",
            b"\x26\x00\x01b\x00\x011\x26\x00\x01b\x00\x011x",
        ],
    ));
    let message = exchange.watched.message();
    assert_eq!(&message.payload[..], b"x");
    let got = *message.properties.unwrap();
    assert_eq!(got.payload_format_indicator, Some(1));
    assert_eq!(got.message_expiry_interval, Some(258));
    assert_eq!(got.content_type.as_deref(), Some("ü"));
    assert_eq!(got.response_topic.as_deref(), Some("r/ü"));
    assert_eq!(got.correlation_data.as_deref(), Some(&b"\x00\xff"[..]));
    assert_eq!(got.subscription_identifiers, [7, 268_435_455]);
    assert_eq!(got.user_properties.len(), 2);
}
