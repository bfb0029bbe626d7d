//! SUBSCRIBE and UNSUBSCRIBE.

use super::*;

fn subscribe(bench: &mut Bench, text: &str) -> Result<PacketId, Error> {
    let subscription = Subscription::new(filter(text), QoS::AtLeastOnce);
    bench.session.subscribe(vec![subscription])
}

fn answer(number: u16) -> SubscribeAck {
    SubscribeAck {
        id: id(number),
        reasons: vec![ReasonCode(1)],
        properties: None,
    }
}

#[test]
fn each_request_has_its_packet_identifier_and_its_answer() {
    let mut bench = Bench::online(v311());
    assert_eq!(subscribe(&mut bench, "a").unwrap(), id(1));
    assert_eq!(bench.session.unsubscribe(vec![filter("b")]).unwrap(), id(2));
    assert_eq!(bench.sent(), ["SUBSCRIBE #1 a", "UNSUBSCRIBE #2 b"]);
    bench.handle(Incoming::UnsubAck(answer(2))).unwrap();
    bench.handle(Incoming::SubAck(answer(1))).unwrap();
    assert_eq!(bench.events(), ["unsubscribed #2", "subscribed #1"]);
}

#[test]
fn an_unexpected_answer_is_not_reported() {
    let mut bench = Bench::online(v311());
    subscribe(&mut bench, "a").unwrap();
    bench.publish(1, "1");
    bench.handle(Incoming::UnsubAck(answer(1))).unwrap();
    bench.handle(Incoming::SubAck(answer(2))).unwrap();
    bench.handle(Incoming::SubAck(answer(3))).unwrap();
    assert_eq!(bench.events(), NOTHING);
    bench.handle(Incoming::SubAck(answer(1))).unwrap();
    bench.handle(Incoming::SubAck(answer(1))).unwrap();
    assert_eq!(bench.events(), ["subscribed #1"]);
}

#[test]
fn requests_need_a_connection_and_a_filter() {
    let mut bench = Bench::offline(v311());
    assert!(matches!(
        subscribe(&mut bench, "a"),
        Err(Error::NotConnected)
    ));
    bench.connect(false);
    assert!(matches!(
        bench.session.subscribe(Vec::<Subscription>::new()),
        Err(Error::NoFilter)
    ));
    assert!(matches!(
        bench.session.unsubscribe(Vec::new()),
        Err(Error::NoFilter)
    ));
    assert_eq!(bench.sent(), NOTHING);
}

#[test]
fn requests_end_with_their_connection() {
    let mut bench = Bench::online(v311());
    bench.publish(1, "1");
    subscribe(&mut bench, "a").unwrap();
    bench.sent();
    bench.reconnect(true);
    assert_eq!(bench.sent(), ["PUBLISH q1 #1 dup t=1"]);
    bench.handle(Incoming::SubAck(answer(2))).unwrap();
    assert_eq!(bench.events(), NOTHING);
    for _ in 0..65_533 {
        let number = bench.publish(1, "x").unwrap();
        bench.puback(1);
        bench.puback(number);
    }
}

#[test]
fn subscriptions_carry_their_properties() {
    let mut bench = Bench::online(v5());
    let properties = Properties {
        subscription_identifiers: vec![7],
        ..user()
    };
    let list = vec![Subscription::new(filter("a"), QoS::AtLeastOnce)];
    bench
        .session
        .subscribe(SubscribeRequest::from(list).with_properties(properties.clone()))
        .unwrap();
    bench
        .session
        .unsubscribe(UnsubscribeRequest::from([filter("a")]).with_properties(user()))
        .unwrap();
    match bench.session.poll_transmit(bench.now) {
        Some(Outgoing::Subscribe(_, _, Some(sent))) => assert_eq!(*sent, properties),
        other => panic!("{other:?}"),
    }
    match bench.session.poll_transmit(bench.now) {
        Some(Outgoing::Unsubscribe(_, _, Some(sent))) => assert_eq!(*sent, user()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn options_that_would_end_the_connection_are_refused() {
    let mut bench = Bench::online(v5());
    let mut subscribe = |subscription: Subscription, identifiers: &[u32]| {
        let properties = Properties {
            subscription_identifiers: identifiers.to_vec(),
            ..Properties::default()
        };
        bench
            .session
            .subscribe(SubscribeRequest::from([subscription]).with_properties(properties))
    };
    let plain = || Subscription::new(filter("a"), QoS::AtMostOnce);
    config_error(
        subscribe(plain(), &[0]),
        "the subscription identifier is 0, 1 to 268,435,455 are allowed",
    );
    config_error(
        subscribe(plain(), &[0x1000_0000]),
        "the subscription identifier is 268435456, 1 to 268,435,455 are allowed",
    );
    config_error(
        subscribe(plain(), &[1, 2]),
        "there are 2 subscription identifiers, one at most is allowed",
    );
    let handling = Subscription {
        retain_handling: 3,
        ..plain()
    };
    config_error(
        subscribe(handling, &[]),
        "the retain handling of `a` is 3, 0 to 2 are allowed",
    );
    let shared = Subscription {
        no_local: true,
        ..Subscription::new(filter("$share/g/a"), QoS::AtMostOnce)
    };
    config_error(
        subscribe(shared, &[]),
        "shared subscription `$share/g/a` can't be no-local [MQTT-3.8.3-4]",
    );
    assert!(subscribe(plain(), &[0x0fff_ffff]).is_ok());
}

#[test]
fn options_that_connack_rules_out_are_refused() {
    let mut bench = given(Properties {
        wildcard_subscription_available: Some(0),
        subscription_identifier_available: Some(0),
        shared_subscription_available: Some(0),
        ..Properties::default()
    });
    let mut subscribe = |text: &str, identifiers: &[u32]| {
        let properties = Properties {
            subscription_identifiers: identifiers.to_vec(),
            ..Properties::default()
        };
        let list = vec![Subscription::new(filter(text), QoS::AtMostOnce)];
        bench
            .session
            .subscribe(SubscribeRequest::from(list).with_properties(properties))
            .map_err(|error| error.to_string())
    };
    for (text, identifiers, what) in [
        ("a/+", &[][..], "wildcards in topic filters"),
        ("#", &[], "wildcards in topic filters"),
        ("$share/g/a", &[], "shared subscriptions"),
        ("a", &[1], "subscription identifiers"),
    ] {
        let expected = format!("the broker doesn't take {what}");
        assert_eq!(subscribe(text, identifiers), Err(expected));
    }
    assert!(subscribe("a", &[]).is_ok());
}

#[test]
fn the_maximum_packet_size_counts_properties() {
    let mut bench = given(Properties {
        maximum_packet_size: Some(20),
        ..Properties::default()
    });
    let list = vec![Subscription::new(filter("a"), QoS::AtMostOnce)];
    let long = Properties {
        user_properties: vec![("k".into(), "x".repeat(20))],
        ..Properties::default()
    };
    assert!(matches!(
        bench
            .session
            .subscribe(SubscribeRequest::from(list).with_properties(long.clone())),
        Err(Error::PacketTooLarge { limit: 20, .. })
    ));
    assert!(matches!(
        bench
            .session
            .unsubscribe(UnsubscribeRequest::from([filter("a")]).with_properties(long)),
        Err(Error::PacketTooLarge { limit: 20, .. })
    ));
}
