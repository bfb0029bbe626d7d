//! SUBSCRIBE and UNSUBSCRIBE (§3.8 – §3.11): their bytes, their ids, their answers.

use iot_core::{Properties, QoS, Subscription, TopicFilter};

use super::*;

fn filter(text: &str) -> TopicFilter {
    TopicFilter::new(text).unwrap()
}

/// The broker's answers, as the callbacks get them.
fn answers(watched: &Watched) -> mpsc::Receiver<String> {
    let (report, answers) = mpsc::channel();
    let reporter = report.clone();
    watched.client.on_subscribe(move |_, (), mid, ack| {
        let codes: Vec<u8> = ack.reasons.iter().map(|reason| reason.0).collect();
        let _ = reporter.send(format!(
            "subscribed #{mid} {codes:02x?}{}",
            explanation(ack.properties.as_deref())
        ));
    });
    watched.client.on_unsubscribe(move |_, (), mid, ack| {
        let codes: Vec<u8> = ack.reasons.iter().map(|reason| reason.0).collect();
        let _ = report.send(format!(
            "unsubscribed #{mid} {codes:02x?}{}",
            explanation(ack.properties.as_deref())
        ));
    });
    answers
}

/// All that the broker adds to an answer.
fn explanation(properties: Option<&Properties>) -> String {
    properties.map_or_else(String::new, |got| {
        let text = got.reason_string.as_deref().unwrap_or("-");
        format!(" {text} {:?}", got.user_properties)
    })
}

#[test]
fn requests_name_their_filters_in_order_with_nothing_set_that_is_reserved() {
    for protocol in ALL {
        let mut exchange = Exchange::on(config_of(protocol, "a"));
        let client = &exchange.watched.client;
        client
            .subscribe_many([("a/+", 0), ("#", 1), ("ü", 2)])
            .unwrap();
        client.unsubscribe_many(["a/+", "ü"]).unwrap();
        let no_properties = none(protocol);
        exchange.expect(packet(
            0x82,
            &[
                b"\x00\x01",
                no_properties,
                b"\x00\x03a/+\x00\x00\x01#\x01\x00\x02\xc3\xbc\x02",
            ],
        ));
        exchange.expect(packet(
            0xa2,
            &[b"\x00\x02", no_properties, b"\x00\x03a/+\x00\x02\xc3\xbc"],
        ));
    }
}

#[test]
fn options_and_properties_are_mqtt_5_s_alone() {
    let options = || Subscription {
        no_local: true,
        retain_as_published: true,
        retain_handling: 2,
        ..Subscription::new(filter("t"), QoS::AtLeastOnce)
    };
    let properties = || Properties {
        subscription_identifiers: vec![268_435_455],
        user_properties: vec![("k".into(), "v".into())],
        ..Properties::default()
    };
    for protocol in ALL {
        let mut exchange = Exchange::on(config_of(protocol, "a"));
        let client = &exchange.watched.client;
        client.subscribe_with([options()], properties()).unwrap();
        client
            .unsubscribe_with([filter("t")], properties())
            .unwrap();
        if protocol == Protocol::V5 {
            exchange.expect(
                b"\x82\x13\x00\x01\x0c\x0b\xff\xff\xff\x7f\x26\x00\x01k\x00\x01v\x00\x01t\x2d",
            );
            exchange.expect(b"\xa2\x0d\x00\x02\x07\x26\x00\x01k\x00\x01v\x00\x01t");
        } else {
            exchange.expect(b"\x82\x06\x00\x01\x00\x01t\x01");
            exchange.expect(b"\xa2\x05\x00\x02\x00\x01t");
        }
    }
}

#[test]
fn each_answer_belongs_to_the_request_with_its_id_and_each_code_to_the_filter_in_its_place() {
    for protocol in ALL {
        let mut exchange = Exchange::on(config_of(protocol, "a"));
        let answers = answers(&exchange.watched);
        let next = || answers.recv_timeout(DEADLINE).unwrap();
        let client = &exchange.watched.client;
        client.subscribe_many([("a", 0), ("b", 1)]).unwrap();
        client
            .subscribe_many([("c", 2), ("d", 2), ("e", 2)])
            .unwrap();
        client.unsubscribe_many(["a", "b"]).unwrap();
        for _ in 0..3 {
            exchange.broker.read_packet();
        }
        // To nothing, of the other kind, then to each, the last one first.
        let no_properties = none(protocol);
        let codes: &[u8] = if protocol == Protocol::V5 {
            b"\x00\x11"
        } else {
            b""
        };
        exchange.send(packet(0x90, &[b"\x00\x09", no_properties, b"\x00"]));
        exchange.send(packet(0x90, &[b"\x00\x03", no_properties, b"\x00\x00"]));
        exchange.send(packet(0xb0, &[b"\x00\x03", no_properties, codes]));
        exchange.send(packet(0x90, &[b"\x00\x02", no_properties, b"\x02\x80\x01"]));
        exchange.send(packet(0x90, &[b"\x00\x01", no_properties, b"\x00\x01"]));
        // Once more, though there is nothing to answer.
        exchange.send(packet(0x90, &[b"\x00\x01", no_properties, b"\x02\x02"]));
        exchange.expect_no_answer();
        let unsubscribed = if protocol == Protocol::V5 {
            "[00, 11]"
        } else {
            "[]"
        };
        assert_eq!(next(), format!("unsubscribed #3 {unsubscribed}"));
        assert_eq!(next(), "subscribed #2 [02, 80, 01]");
        assert_eq!(next(), "subscribed #1 [00, 01]");
        assert!(answers.try_recv().is_err());
    }
}

#[test]
fn answers_have_the_broker_s_reason_string_and_user_properties() {
    let mut exchange = Exchange::on(config_of(Protocol::V5, "a"));
    let answers = answers(&exchange.watched);
    let next = || answers.recv_timeout(DEADLINE).unwrap();
    exchange.watched.client.subscribe("a", 1).unwrap();
    exchange.watched.client.unsubscribe("a").unwrap();
    exchange.broker.read_packet();
    exchange.broker.read_packet();
    exchange.send(b"\x90\x10\x00\x01\x0c\x1f\x00\x02no\x26\x00\x01k\x00\x01v\x87");
    exchange.send(b"\xb0\x10\x00\x02\x0c\x26\x00\x01k\x00\x01v\x1f\x00\x02no\x87");
    assert_eq!(next(), "subscribed #1 [87] no [(\"k\", \"v\")]");
    assert_eq!(next(), "unsubscribed #2 [87] no [(\"k\", \"v\")]");
}

#[test]
fn a_request_that_may_not_be_is_not_sent() {
    for protocol in ALL {
        let mut exchange = Exchange::on(config_of(protocol, "a"));
        let client = &exchange.watched.client;
        let long = "x".repeat(65_536);
        for text in [
            "",
            "a\0",
            "a#",
            "#/a",
            "a/#/b",
            "a+",
            "+a/b",
            "$share/g",
            "$share/g/",
            "$share//a",
            "$share/+/a",
            "$share/g#/a",
            &long,
        ] {
            assert!(client.subscribe(text, 0).is_err(), "{text}");
            assert!(client.unsubscribe(text).is_err(), "{text}");
        }
        assert!(client.subscribe("a", 3).is_err());
        assert!(client.subscribe_many([("a", 0), ("a#", 0)]).is_err());
        assert!(client.subscribe_many(Vec::<(&str, i32)>::new()).is_err());
        assert!(client.unsubscribe_many(Vec::<&str>::new()).is_err());
        if protocol == Protocol::V5 {
            let not_local = Subscription {
                no_local: true,
                ..Subscription::new(filter("$share/g/a"), QoS::AtMostOnce)
            };
            let error = client.subscribe_with([not_local], Properties::default());
            let error = error.unwrap_err().to_string();
            assert!(error.contains("[MQTT-3.8.3-4]"), "{error}");
        }
        exchange.expect_nothing_sent();
    }
}

#[test]
fn wildcards_and_shares_are_sent_as_they_are() {
    for protocol in ALL {
        let mut exchange = Exchange::on(config_of(protocol, "a"));
        for (id, text) in (1_u16..).zip([
            "#",
            "+",
            "a/#",
            "+/b/+",
            "/",
            "/+",
            "$SYS/#",
            "$share/g/a/+",
            "A",
            "a",
        ]) {
            exchange.watched.client.subscribe(text, 1).unwrap();
            let id = id.to_be_bytes();
            let parts = [&id[..], none(protocol), &string(text), b"\x01"];
            exchange.expect(packet(0x82, &parts));
        }
    }
}

#[test]
fn what_connack_rules_out_is_not_asked_for() {
    let properties = b"\x28\x00\x29\x00\x2a\x00";
    let mut exchange = Exchange::given(config_of(Protocol::V5, "a"), properties);
    let client = &exchange.watched.client;
    for text in ["a/+", "$share/g/a"] {
        let error = client.subscribe(text, 0).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error}");
    }
    let with_identifier = Properties {
        subscription_identifiers: vec![1],
        ..Properties::default()
    };
    let list = [Subscription::new(filter("a"), QoS::AtMostOnce)];
    let error = client.subscribe_with(list, with_identifier).unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)), "{error}");
    exchange.expect_nothing_sent();
}
