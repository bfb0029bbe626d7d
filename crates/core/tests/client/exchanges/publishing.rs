//! Messages to the broker (§3.3, §4.3, §4.4, §4.6): what is sent, when again, in which order.

use std::io::Write as _;

use iot_core::{Properties, QoS, TopicName};

use super::*;

#[test]
fn qos_0_goes_once_without_an_id() {
    for protocol in ALL {
        let mut exchange = Exchange::on(kept(protocol, "a"));
        let client = &exchange.watched.client;
        client.publish("a/b", "25.5", 0, false).unwrap();
        client.publish("a/b", "", 0, true).unwrap();
        match protocol {
            Protocol::V5 => {
                exchange.expect(b"\x30\x0a\x00\x03a/b\x0025.5\x31\x06\x00\x03a/b\x00");
            }
            _ => exchange.expect(b"\x30\x09\x00\x03a/b25.5\x31\x05\x00\x03a/b"),
        }
        exchange.again(true);
        exchange.expect_nothing_sent();
    }
}

#[test]
fn qos_1_is_sent_until_its_puback_and_with_dup_from_the_second_time_on() {
    for protocol in ALL {
        let mut exchange = Exchange::on(kept(protocol, "a"));
        exchange.publish("x", 1);
        match protocol {
            Protocol::V5 => exchange.expect(b"\x32\x07\x00\x01t\x00\x01\x00x"),
            _ => exchange.expect(b"\x32\x06\x00\x01t\x00\x01x"),
        }
        for _ in 0..2 {
            exchange.again(true);
            match protocol {
                Protocol::V5 => exchange.expect(b"\x3a\x07\x00\x01t\x00\x01\x00x"),
                _ => exchange.expect(b"\x3a\x06\x00\x01t\x00\x01x"),
            }
        }
        // Not again on a connection that stands, and not for an answer to something else.
        exchange.send(ack(0x40, 2));
        exchange.send(ack(0x70, 1));
        exchange.expect_no_answer();
        exchange.send(ack(0x40, 1));
        exchange.expect_no_answer();
        exchange.again(true);
        exchange.publish("y", 1);
        exchange.expect(publish(protocol, 0x32, "t", 2, "y"));
    }
}

#[test]
fn qos_2_goes_step_by_step_and_never_back() {
    for protocol in BOTH {
        let mut exchange = Exchange::on(kept(protocol, "a"));
        exchange.publish("x", 2);
        match protocol {
            Protocol::V5 => exchange.expect(b"\x34\x07\x00\x01t\x00\x01\x00x"),
            _ => exchange.expect(b"\x34\x06\x00\x01t\x00\x01x"),
        }
        exchange.again(true);
        exchange.expect(publish(protocol, 0x3c, "t", 1, "x"));
        exchange.send(b"\x50\x02\x00\x01");
        exchange.expect(b"\x62\x02\x00\x01");
        // From here on the PUBREL is what is sent again.
        for _ in 0..2 {
            exchange.again(true);
            exchange.expect(b"\x62\x02\x00\x01");
        }
        exchange.send(b"\x50\x02\x00\x01");
        exchange.expect(b"\x62\x02\x00\x01");
        exchange.send(b"\x70\x02\x00\x01");
        exchange.expect_no_answer();
        exchange.again(true);
        exchange.publish("y", 2);
        exchange.expect(publish(protocol, 0x34, "t", 2, "y"));
    }
}

/// The client cannot know whether the broker has the session: it rather sends a message twice than
/// loses it.
#[test]
fn on_mqtt_3_1_qos_2_begins_again_on_each_connection() {
    let mut exchange = Exchange::on(kept(Protocol::V31, "a"));
    exchange.publish("x", 2);
    exchange.expect(b"\x34\x06\x00\x01t\x00\x01x");
    exchange.send(b"\x50\x02\x00\x01");
    exchange.expect(b"\x62\x02\x00\x01");
    exchange.again(true);
    exchange.expect(b"\x3c\x06\x00\x01t\x00\x01x");
    exchange.send(b"\x50\x02\x00\x01");
    exchange.expect(b"\x62\x02\x00\x01");
    exchange.send(b"\x70\x02\x00\x01");
    exchange.expect_no_answer();
}

#[test]
fn what_is_sent_again_keeps_its_id_and_its_place() {
    for protocol in BOTH {
        let mut exchange = Exchange::on(kept(protocol, "a"));
        for (payload, qos) in [("a", 1), ("b", 2), ("c", 1), ("d", 2), ("e", 1)] {
            exchange.publish(payload, qos);
        }
        for (first, id, payload) in [
            (0x32, 1, "a"),
            (0x34, 2, "b"),
            (0x32, 3, "c"),
            (0x34, 4, "d"),
            (0x32, 5, "e"),
        ] {
            exchange.expect(publish(protocol, first, "t", id, payload));
        }
        exchange.send(ack(0x50, 2));
        exchange.expect(ack(0x62, 2));
        exchange.send(ack(0x40, 3));
        exchange.lose();
        exchange.publish("f", 2);
        exchange.accept(true, b"");
        exchange.expect(publish(protocol, 0x3a, "t", 1, "a"));
        exchange.expect(ack(0x62, 2));
        exchange.expect(publish(protocol, 0x3c, "t", 4, "d"));
        exchange.expect(publish(protocol, 0x3a, "t", 5, "e"));
        exchange.expect(publish(protocol, 0x34, "t", 6, "f"));
        exchange.expect_nothing_sent();
    }
}

#[test]
fn pubrels_follow_the_order_of_the_pubrecs() {
    for protocol in ALL {
        let mut exchange = Exchange::on(config_of(protocol, "a"));
        for id in 1..=3 {
            exchange.publish("x", 2);
            exchange.expect(publish(protocol, 0x34, "t", id, "x"));
        }
        exchange.send([ack(0x50, 3), ack(0x50, 1), ack(0x50, 2)].concat());
        exchange.expect([ack(0x62, 3), ack(0x62, 1), ack(0x62, 2)].concat());
    }
}

/// The packet identifiers go round once, but for one that is not free.
#[test]
fn an_id_is_not_used_for_two_things_at_a_time() {
    for protocol in ALL {
        let config = ClientConfig {
            max_inflight: u16::MAX,
            max_queued: u16::MAX,
            ..config_of(protocol, "a")
        };
        let mut exchange = Exchange::on(config);
        exchange.publish("slow", 1);
        exchange.expect(publish(protocol, 0x32, "t", 1, "slow"));
        let client = exchange.watched.client.clone();
        let publisher = std::thread::spawn(move || {
            let mut last = None;
            for _ in 2..=u16::MAX {
                last = Some(client.publish("t", "x", 1, false).unwrap());
            }
            last.unwrap().wait_for_publish(Some(DEADLINE)).unwrap();
        });
        for ids in (2..=u16::MAX).collect::<Vec<_>>().chunks(1_000) {
            let mut answers = Vec::new();
            for id in ids {
                exchange.expect(publish(protocol, 0x32, "t", *id, "x"));
                answers.write_all(&ack(0x40, *id)).unwrap();
            }
            exchange.send(answers);
        }
        in_time(move || publisher.join()).unwrap();
        // 0 is none, and 1 is still in flight; 2 has been free for longest.
        exchange.publish("next", 1);
        exchange.expect(publish(protocol, 0x32, "t", 2, "next"));
        exchange.watched.client.subscribe("t", 0).unwrap();
        assert_eq!(
            exchange.broker.read_packet()[..4],
            [0x82, 6 + u8::from(protocol == Protocol::V5), 0, 3]
        );
    }
}

#[test]
fn a_refused_message_is_over() {
    let mut exchange = Exchange::on(kept(Protocol::V5, "a"));
    exchange.publish("x", 1);
    exchange.publish("y", 2);
    exchange.expect(b"\x32\x07\x00\x01t\x00\x01\x00x\x34\x07\x00\x01t\x00\x02\x00y");
    exchange.send(b"\x40\x03\x00\x01\x97\x50\x03\x00\x02\x87");
    exchange.expect_no_answer();
    exchange.again(true);
    exchange.expect_nothing_sent();
}

#[test]
fn a_message_is_done_with_any_reason_that_is_no_failure() {
    let mut exchange = Exchange::on(kept(Protocol::V5, "a"));
    exchange.publish("x", 1);
    exchange.publish("y", 2);
    exchange.expect(b"\x32\x07\x00\x01t\x00\x01\x00x\x34\x07\x00\x01t\x00\x02\x00y");
    // No matching subscribers; the second form has the length of no properties.
    exchange.send(b"\x40\x03\x00\x01\x10\x50\x04\x00\x02\x10\x00");
    exchange.expect(b"\x62\x02\x00\x02");
    exchange.send(b"\x70\x03\x00\x02\x92");
    exchange.expect_no_answer();
    exchange.again(true);
    exchange.expect_nothing_sent();
}

#[test]
fn a_pubrec_that_nobody_waits_for_is_answered() {
    for protocol in ALL {
        let mut exchange = Exchange::on(config_of(protocol, "a"));
        exchange.send(ack(0x50, 9));
        match protocol {
            Protocol::V5 => exchange.expect(b"\x62\x04\x00\x09\x92\x00"),
            _ => exchange.expect(b"\x62\x02\x00\x09"),
        }
    }
}

#[test]
fn properties_are_sent_as_they_are_and_no_subscription_identifier() {
    let mut exchange = Exchange::on(config_of(Protocol::V5, "a"));
    let message = Message::new(TopicName::new("t").unwrap(), "x")
        .with_qos(QoS::AtLeastOnce)
        .with_properties(Properties {
            payload_format_indicator: Some(1),
            message_expiry_interval: Some(258),
            content_type: Some("ü".into()),
            response_topic: Some("r/ü".into()),
            correlation_data: Some(b"\x00\xff"[..].into()),
            subscription_identifiers: vec![7],
            user_properties: vec![("b".into(), "1".into()), ("b".into(), "1".into())],
            ..Properties::default()
        });
    exchange.watched.client.publish_message(message).unwrap();
    exchange.expect(packet(
        0x32,
        &[
            b"\x00\x01t\x00\x01",
            b"\x26\x01\x01\x02\x00\x00\x01\x02\x03\x00\x02\xc3\xbc\x08\x00\x04r/\xc3\xbc",
            b"\x09\x00\x02\x00\xff\x26\x00\x01b\x00\x011\x26\x00\x01b\x00\x011x",
        ],
    ));
}

/// One byte of length up to 127, two up to 16,383, three up to 2,097,151, four beyond.
#[test]
fn lengths_take_as_few_bytes_as_they_need() {
    for (length, bytes) in [
        (127, &b"\x7f"[..]),
        (128, b"\x80\x01"),
        (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"),
        (2_097_151, b"\xff\xff\x7f"),
        (2_097_152, b"\x80\x80\x80\x01"),
    ] {
        let mut exchange = Exchange::on(config("a"));
        exchange.publish(&"x".repeat(length - 3), 0);
        exchange.expect([b"\x30", bytes, b"\x00\x01t"].concat());
        assert!(exchange.broker.read(length - 3).iter().all(|x| *x == b'x'));
        exchange.expect_nothing_sent();
    }
    // That of the properties too: five bytes of a user property around its value.
    for (length, bytes) in [(127, &b"\x7f"[..]), (128, b"\x80\x01")] {
        let mut exchange = Exchange::on(config_of(Protocol::V5, "a"));
        let value = "x".repeat(length - 5);
        let message = Message::new(TopicName::new("t").unwrap(), "").with_properties(Properties {
            user_properties: vec![(String::new(), value.clone())],
            ..Properties::default()
        });
        exchange.watched.client.publish_message(message).unwrap();
        let parts = [b"\x00\x01t", bytes, b"\x26\x00\x00", &string(value)];
        exchange.expect(packet(0x30, &parts));
    }
}
