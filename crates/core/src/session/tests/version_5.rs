//! MQTT 5: properties and reason codes both ways, aliases, what CONNACK rules out.

use super::*;

fn given(properties: Properties) -> Bench {
    let mut bench = Bench::offline(v5());
    bench.connect_given(properties);
    bench
}

fn named(qos: u8, topic: &str) -> Message {
    Message::new(TopicName::new(topic).unwrap(), "1").with_qos(QoS::try_from(qos).unwrap())
}

fn filter(text: &str) -> TopicFilter {
    TopicFilter::new(text).unwrap()
}

fn text(reason_string: &str) -> Properties {
    Properties {
        reason_string: Some(reason_string.into()),
        ..Properties::default()
    }
}

fn user() -> Properties {
    Properties {
        user_properties: vec![("k".into(), "v".into())],
        ..Properties::default()
    }
}

#[track_caller]
fn config_error<T: std::fmt::Debug>(result: Result<T, Error>, expected: &str) {
    match result {
        Err(error @ Error::Config(_)) => assert_eq!(error.to_string(), expected),
        other => panic!("{other:?}"),
    }
}

// Topic aliases.

fn aliased(maximum: u16) -> Bench {
    given(Properties {
        topic_alias_maximum: Some(maximum),
        ..Properties::default()
    })
}

#[test]
fn topics_get_aliases_as_far_as_the_broker_takes_them() {
    let mut bench = aliased(1);
    for topic in ["aaaa", "aaaa", "bbbb", "aaaa", "t"] {
        bench.session.publish(named(1, topic), false).unwrap();
    }
    assert_eq!(
        bench.sent(),
        [
            "PUBLISH q1 #1 aaaa=1 alias 1 new",
            "PUBLISH q1 #2 aaaa=1 alias 1 known",
            "PUBLISH q1 #3 bbbb=1 alias 1 new",
            "PUBLISH q1 #4 aaaa=1 alias 1 new",
            // The alias would be longer.
            "PUBLISH q1 #5 t=1",
        ]
    );
}

#[test]
fn without_the_broker_s_leave_there_are_none() {
    for mut bench in [
        Bench::online(v5()),
        aliased(0),
        Bench::online(v311()),
        Bench::online(v31()),
    ] {
        bench.session.publish(named(0, "aaaa"), false).unwrap();
        bench.session.publish(named(0, "aaaa"), false).unwrap();
        assert_eq!(bench.sent(), ["PUBLISH q0 aaaa=1", "PUBLISH q0 aaaa=1"]);
    }
}

#[test]
fn an_alias_ends_with_its_connection() {
    let mut bench = aliased(5);
    bench.session.publish(named(1, "aaaa"), false).unwrap();
    bench.session.publish(named(1, "aaaa"), false).unwrap();
    bench.sent();
    bench.lose();
    bench.connect_given(Properties {
        topic_alias_maximum: Some(5),
        ..Properties::default()
    });
    assert_eq!(
        bench.sent(),
        [
            "PUBLISH q1 #1 dup aaaa=1 alias 1 new",
            "PUBLISH q1 #2 dup aaaa=1 alias 1 known"
        ]
    );
    bench.reconnect(true);
    assert_eq!(
        bench.sent(),
        ["PUBLISH q1 #1 dup aaaa=1", "PUBLISH q1 #2 dup aaaa=1"]
    );
}

#[test]
fn an_alias_makes_no_packet_too_large() {
    let mut bench = given(Properties {
        topic_alias_maximum: Some(5),
        maximum_packet_size: Some(16),
        ..Properties::default()
    });
    // 2 header, 6 topic, 1 properties: 10 with one byte of payload, 12 with three.
    for payload in ["1", "123"] {
        let message = Message::new(TopicName::new("aaaa").unwrap(), payload);
        bench.session.publish(message, false).unwrap();
    }
    assert_eq!(
        bench.sent(),
        ["PUBLISH q0 aaaa=1 alias 1 new", "PUBLISH q0 aaaa=123"]
    );
}

#[test]
fn an_aliased_message_counts_and_is_told_like_any_other() {
    let mut bench = aliased(5);
    let id = bench.session.publish(named(0, "aaaa"), true).unwrap();
    assert_eq!(bench.session.publishing.unsent_bytes, 10);
    assert_eq!(bench.sent(), ["PUBLISH q0 #1 aaaa=1 alias 1 new"]);
    assert_eq!(bench.session.publishing.unsent_bytes, 0);
    bench.session.sent(id.unwrap());
    assert_eq!(bench.told(), ["published #1"]);
}

// SUBSCRIBE and UNSUBSCRIBE.

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
        .subscribe_with(list, Some(properties.clone()))
        .unwrap();
    bench
        .session
        .unsubscribe_with(vec![filter("a")], Some(user()))
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
            .subscribe_with(vec![subscription], Some(properties))
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
fn what_connack_rules_out_is_refused() {
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
            .subscribe_with(list, Some(properties))
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
fn the_limits_of_size_hold_for_properties_too() {
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
        bench.session.subscribe_with(list, Some(long.clone())),
        Err(Error::PacketTooLarge { limit: 20, .. })
    ));
    assert!(matches!(
        bench
            .session
            .unsubscribe_with(vec![filter("a")], Some(long)),
        Err(Error::PacketTooLarge { limit: 20, .. })
    ));
}

// Acknowledgements.

#[test]
fn the_broker_s_words_about_a_message_are_told() {
    for qos in [1, 2] {
        let mut bench = Bench::online(v5());
        bench.publish(qos, "1");
        bench.publish(qos, "2");
        bench.sent();
        let refusal = Ack {
            properties: Some(Box::new(text("no"))),
            ..Ack::with_reason(id(1), ReasonCode(0x97))
        };
        let packet = match qos {
            1 => Incoming::PubAck(refusal),
            _ => Incoming::PubRec(refusal),
        };
        bench.take(packet).unwrap();
        let Some(Event::Published {
            result: Err(error),
            properties,
            ..
        }) = bench.session.poll_event()
        else {
            panic!("not told");
        };
        assert_eq!(
            error.to_string(),
            "the broker rejects the message: quota exceeded (no)"
        );
        assert_eq!(error.rc(), 0x97);
        assert_eq!(properties, Some(Box::new(text("no"))));
        let taken = Ack {
            properties: Some(Box::new(user())),
            ..Ack::with_reason(id(2), ReasonCode(if qos == 1 { 0x10 } else { 0 }))
        };
        let packet = if qos == 1 {
            Incoming::PubAck(taken)
        } else {
            bench.pubrec(2);
            Incoming::PubComp(taken)
        };
        bench.take(packet).unwrap();
        let Some(Event::Published {
            result: Ok(reason),
            properties,
            ..
        }) = bench.session.poll_event()
        else {
            panic!("not told");
        };
        assert_eq!(reason.0, if qos == 1 { 0x10 } else { 0 });
        assert_eq!(properties, Some(Box::new(user())));
    }
}

fn ack_of(bench: &mut Bench) -> Ack {
    match bench.session.poll_transmit(bench.now) {
        Some(Outgoing::PubAck(ack) | Outgoing::PubRec(ack)) => ack,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_is_acknowledged_with_reason_and_properties_in_its_turn() {
    let mut bench = Bench::online(manual(v5()));
    let first = bench.arrival(1, 1, "1");
    let second = bench.arrival(1, 2, "2");
    let reason = ReasonCode(0x99);
    bench
        .session
        .ack_with(&second, reason, Some(text("not a number")))
        .unwrap();
    assert_eq!(bench.sent(), NOTHING);
    bench.session.ack(&first);
    assert_eq!(ack_of(&mut bench), Ack::success(id(1)));
    assert_eq!(
        ack_of(&mut bench),
        Ack {
            properties: Some(Box::new(text("not a number"))),
            ..Ack::with_reason(id(2), reason)
        }
    );
}

#[test]
fn a_refused_qos_2_message_is_over_and_its_id_stands_for_the_next() {
    let mut bench = Bench::online(manual(ClientConfig {
        receive_maximum: 1,
        ..v5()
    }));
    for payload in ["1", "2"] {
        let token = bench.arrival(2, 7, payload);
        let reason = ReasonCode(0x97);
        bench.session.ack_with(&token, reason, None).unwrap();
        assert_eq!(bench.sent(), ["PUBREC #7 quota exceeded"]);
    }
    bench.pubrel(7);
    assert_eq!(bench.sent(), ["PUBCOMP #7 packet identifier not found"]);
}

#[test]
fn an_acknowledgement_that_is_too_large_goes_without_its_words() {
    let mut bench = Bench::offline(manual(v5()));
    bench.connect_given(Properties {
        maximum_packet_size: Some(20),
        ..Properties::default()
    });
    let token = bench.arrival(1, 1, "1");
    let words = text(&"x".repeat(20));
    let reason = ReasonCode(0x80);
    bench.session.ack_with(&token, reason, Some(words)).unwrap();
    assert_eq!(ack_of(&mut bench), Ack::with_reason(id(1), reason));
}

#[test]
fn only_the_codes_of_an_acknowledgement_are_taken_and_3_1_1_knows_success_only() {
    let mut bench = Bench::online(manual(v5()));
    let token = bench.arrival(1, 1, "1");
    config_error(
        bench.session.ack_with(&token, ReasonCode(0x8b), None),
        "a message is not acknowledged with `server shutting down`",
    );
    let mut bench = Bench::online(manual(v311()));
    let token = bench.arrival(2, 1, "1");
    bench
        .session
        .ack_with(&token, ReasonCode(0x80), None)
        .unwrap();
    assert_eq!(bench.sent(), ["PUBREC #1"]);
}

#[test]
fn who_acknowledges_can_change() {
    let mut bench = Bench::online(v5());
    bench.session.set_manual_ack(true);
    let token = bench.arrival(1, 1, "1");
    bench.session.acknowledge_taken();
    assert_eq!(bench.sent(), NOTHING);
    bench.session.set_manual_ack(false);
    bench.receive(publish(1, 2, "2")).unwrap();
    assert_eq!(bench.told_and_acknowledged(), ["message q1 #2 t=2"]);
    // In the order of arrival.
    assert_eq!(bench.sent(), NOTHING);
    bench.session.ack(&token);
    assert_eq!(bench.sent(), ["PUBACK #1", "PUBACK #2"]);
}

// DISCONNECT.

fn goodbye(bench: &mut Bench) -> Disconnect {
    match bench.session.poll_transmit(bench.now) {
        Some(Outgoing::Disconnect(disconnect)) => disconnect,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_application_s_last_words_are_sent_once() {
    let mut bench = Bench::online(v5());
    let words = Properties {
        session_expiry_interval: Some(9),
        server_reference: Some("not ours to say".into()),
        ..text("bye")
    };
    let reason = ReasonCode::DISCONNECT_WITH_WILL;
    assert!(bench.session.disconnect_with(reason, Some(words)).unwrap());
    // What the connection does when it finds that it is to end changes nothing.
    assert!(bench.session.disconnect());
    assert_eq!(
        goodbye(&mut bench),
        Disconnect {
            reason,
            properties: Some(Box::new(Properties {
                session_expiry_interval: Some(9),
                ..text("bye")
            })),
        }
    );
    assert_eq!(bench.sent(), NOTHING);
    bench.session.close(Ok(()));
    bench.told();
    bench.connect(false);
    bench.session.disconnect();
    assert_eq!(bench.sent(), ["DISCONNECT 0x00"]);
}

#[test]
fn last_words_that_the_broker_would_not_take_are_left_out_or_refused() {
    let mut bench = given(Properties {
        maximum_packet_size: Some(20),
        ..Properties::default()
    });
    config_error(
        bench.session.disconnect_with(ReasonCode(0x8e), None),
        "a client does not disconnect with `session taken over`",
    );
    assert!(!bench.session.is_ending());
    let words = Properties {
        session_expiry_interval: Some(0),
        ..text(&"x".repeat(20))
    };
    bench
        .session
        .disconnect_with(ReasonCode::SUCCESS, Some(words))
        .unwrap();
    let sent = goodbye(&mut bench).properties.unwrap();
    assert_eq!(sent.reason_string, None);
    assert_eq!(sent.session_expiry_interval, Some(0));

    let mut bench = Bench::online(ClientConfig {
        clean_session: true,
        ..v5()
    });
    let words = Properties {
        session_expiry_interval: Some(1),
        ..Properties::default()
    };
    config_error(
        bench
            .session
            .disconnect_with(ReasonCode::SUCCESS, Some(words)),
        "the session ends with the connection, as CONNECT said: DISCONNECT can't keep it",
    );
}

#[test]
fn the_broker_s_last_words_are_told() {
    let mut bench = Bench::online(v5());
    let words = Properties {
        server_reference: Some("other:1883".into()),
        ..text("moved")
    };
    let error = bench
        .take(Incoming::Disconnect(Disconnect {
            reason: ReasonCode(0x9d),
            properties: Some(Box::new(words.clone())),
        }))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the broker ended the connection: server moved (moved)"
    );
    match error {
        Error::ServerDisconnect { properties, .. } => assert_eq!(*properties.unwrap(), words),
        other => panic!("{other:?}"),
    }
}

// AUTH.

#[test]
fn auth_is_a_protocol_error_whenever_it_comes() {
    let mut connecting = Bench::offline(v5());
    connecting.session.open(connecting.now);
    connecting.sent();
    for mut bench in [connecting, Bench::online(v5())] {
        let error = bench.take(auth(0x18, None)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the broker sent what it may not: protocol error: AUTH, though no authentication method was named"
        );
        match bench.session.farewell(&error) {
            Some(Outgoing::Disconnect(disconnect)) => {
                assert_eq!(disconnect.reason, ReasonCode::PROTOCOL_ERROR);
            }
            other => panic!("{other:?}"),
        }
    }
}

// The log.

#[test]
fn the_log_tells_each_packet_once_it_is_asked_for() {
    let mut bench = Bench::offline(v5());
    bench.session.set_logging(true);
    bench.session.open(bench.now);
    bench.sent();
    bench.take(Incoming::ConnAck(connack(false))).unwrap();
    bench.publish(1, "25.5");
    bench.sent();
    bench.puback(1);
    bench.puback(1);
    assert_eq!(
        bench.told(),
        [
            "debug: Sending CONNECT (u0, p0, w0, c0, k60) client_id=\"bench\"",
            "debug: Received CONNACK (s0, accepted)",
            "connected",
            "debug: Sending PUBLISH (d0, q1, r0, m1), \"t\", ... (4 bytes)",
            "debug: Received PUBACK (m1, success)",
            "published #1",
            "debug: Received PUBACK (m1, success)",
            "warning: nobody waits for an acknowledgement of m1",
        ]
    );
    bench.session.set_logging(false);
    bench.publish(1, "25.5");
    bench.sent();
    assert_eq!(bench.told(), NOTHING);
}

// Limits that change.

#[test]
fn limits_that_are_raised_are_used_at_once() {
    let config = ClientConfig {
        max_inflight: 1,
        max_queued: 2,
        ..v5()
    };
    let mut bench = Bench::online(config.clone());
    bench.publish_many(1, 2);
    assert_eq!(bench.sent(), ["PUBLISH q1 #1 t=1"]);
    assert!(bench.try_publish(message(1, "3")).is_err());
    bench.session.configure(Arc::new(ClientConfig {
        max_inflight: 5,
        max_queued: 4,
        ..config
    }));
    assert_eq!(bench.told(), ["writable"]);
    assert_eq!(bench.sent(), ["PUBLISH q1 #2 t=2"]);
    bench.publish_many(1, 2);
    assert!(bench.try_publish(message(1, "3")).is_err());
}
