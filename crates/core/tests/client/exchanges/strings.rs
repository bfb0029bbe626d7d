//! Strings (§1.5) and topic names (§4.7): what is sent and taken, and what is not.

use iot_core::TopicName;

use super::*;

/// Characters of one to four bytes, a byte order mark, and those that look the same and are not.
const LEGAL: [&str; 6] = ["a", "ü/漢/🌡", "\u{feff}a", "a\u{feff}", "A/é", "A/e\u{301}"];

#[test]
fn topic_names_pass_both_ways_byte_by_byte() {
    for protocol in ALL {
        let mut exchange = Exchange::on(config_of(protocol, "a"));
        for topic in LEGAL {
            let client = &exchange.watched.client;
            client.publish(topic, "x", 0, false).unwrap();
            exchange.expect(publish(protocol, 0x30, topic, 0, "x"));
            exchange.send(publish(protocol, 0x30, topic, 0, "x"));
            assert_eq!(exchange.watched.message().topic.as_str(), topic);
        }
        // As long as a string may be.
        let longest = "x".repeat(65_535);
        let client = &exchange.watched.client;
        client.publish(longest.as_str(), "x", 0, false).unwrap();
        exchange.expect(publish(protocol, 0x30, &longest, 0, "x"));
    }
}

#[test]
fn a_message_that_may_not_be_is_not_sent() {
    for protocol in ALL {
        let mut exchange = Exchange::on(config_of(protocol, "a"));
        let client = &exchange.watched.client;
        let long = "x".repeat(65_536);
        for topic in ["", "a\0b", "#", "a/+", "a+", &long] {
            for qos in 0..=2 {
                let error = client.publish(topic, "x", qos, false).unwrap_err();
                assert!(matches!(error, Error::Topic(_)), "{error}");
            }
        }
        assert!(client.publish("t", "x", 3, false).is_err());
        exchange.expect_nothing_sent();
    }
}

#[test]
fn a_response_topic_is_a_topic_name_and_strings_hold_no_nul() {
    use iot_core::Properties;

    let mut exchange = Exchange::on(config_of(Protocol::V5, "a"));
    let client = &exchange.watched.client;
    let none = Properties::default;
    let long = "x".repeat(65_536);
    for properties in [
        Properties {
            response_topic: Some("a/#".into()),
            ..none()
        },
        Properties {
            response_topic: Some("a\0".into()),
            ..none()
        },
        Properties {
            content_type: Some("a\0".into()),
            ..none()
        },
        Properties {
            content_type: Some(long.clone()),
            ..none()
        },
        Properties {
            user_properties: vec![("k\0".into(), "v".into())],
            ..none()
        },
        Properties {
            user_properties: vec![("k".into(), long)],
            ..none()
        },
    ] {
        let message = Message::new(TopicName::new("t").unwrap(), "x").with_properties(properties);
        assert!(client.publish_message(message).is_err());
    }
    exchange.expect_nothing_sent();
}

/// U+D800, an overlong `/`, a lone continuation, U+0000.
#[test]
fn ill_formed_utf_8_and_nul_end_the_connection() {
    for protocol in ALL {
        for bad in [&b"a\xed\xa0\x80"[..], b"\xc0\xaf", b"a\x80", b"a\x00b"] {
            let mut exchange = Exchange::on(config_of(protocol, "a"));
            exchange.send(packet(0x30, &[&string(bad), none(protocol), b"x"]));
            exchange.expect_disconnect(0x81);
        }
    }
    // In the properties too, in names and values alike.
    for property in [
        &b"\x06\x1f\x00\x03\xed\xa0\x80"[..],
        b"\x05\x1f\x00\x02a\x00",
        b"\x07\x26\x00\x01\x00\x00\x01v",
        b"\x07\x26\x00\x01k\x00\x01\x80",
    ] {
        let mut exchange = Exchange::on(config_of(Protocol::V5, "a"));
        exchange.send(packet(0x40, &[b"\x00\x01\x00", property]));
        exchange.expect_disconnect(0x81);
    }
}

#[test]
fn a_wildcard_in_a_topic_name_ends_the_connection() {
    for protocol in ALL {
        for topic in ["#", "a/+", "a/#/b", "a+"] {
            let mut exchange = Exchange::on(config_of(protocol, "a"));
            exchange.send(publish(protocol, 0x32, topic, 1, "x"));
            let error = exchange.expect_disconnect(0x81);
            assert!(error.to_string().contains(topic), "{error}");
        }
    }
}

#[test]
fn filters_match_code_point_by_code_point() {
    let mut exchange = Exchange::on(config("a"));
    let (report, calls) = mpsc::channel();
    let client = &exchange.watched.client;
    for filter in ["A/é", "A/e\u{301}", "\u{feff}a", "a"] {
        let report = report.clone();
        let call = move |_: &Client, (): &mut (), _: &Message| report.send(filter).unwrap();
        client.message_callback_add(filter, call).unwrap();
    }
    for topic in ["A/é", "A/e\u{301}", "\u{feff}a", "a"] {
        exchange.send(publish(Protocol::V311, 0x30, topic, 0, "x"));
        assert_eq!(calls.recv_timeout(DEADLINE).unwrap(), topic);
    }
    exchange.send(publish(Protocol::V311, 0x30, "a/é", 0, "x"));
    assert_eq!(exchange.watched.message().topic.as_str(), "a/é");
    assert!(calls.try_recv().is_err());
}
