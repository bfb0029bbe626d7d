//! Packets at which the broker closes the connection.

use super::*;

fn subscribe(bench: &mut Bench, text: &str) {
    let subscription = Subscription::new(filter(text), QoS::AtLeastOnce);
    bench.session.subscribe(vec![subscription]).unwrap();
}

/// Closes the connection, and returns the events before `disconnected`.
fn close(bench: &mut Bench, error: Error) -> Vec<String> {
    bench.session.close(Err(error));
    let mut events = bench.events();
    assert!(events.pop().unwrap().starts_with("disconnected"));
    events
}

fn closed(bench: &mut Bench) -> Vec<String> {
    close(bench, Error::Closed)
}

/// Two closed connections, after which one packet is sent at a time.
fn suspicious(bench: &mut Bench) {
    for _ in 0..2 {
        bench.sent();
        assert_eq!(closed(bench), NOTHING);
        bench.connect(true);
    }
}

#[test]
fn after_two_closed_connections_one_packet_is_sent_at_a_time() {
    let mut bench = Bench::online(v311());
    bench.publish_many(1, 3);
    bench.sent();
    closed(&mut bench);
    bench.connect(true);
    assert_eq!(bench.sent().len(), 3);
    closed(&mut bench);
    bench.connect(true);
    assert_eq!(bench.sent(), ["PUBLISH q1 #1 dup t=1"]);
    bench.puback(1);
    assert_eq!(bench.sent(), ["PUBLISH q1 #2 dup t=2"]);
    bench.puback(2);
    // Those in flight before are tried one after the other; then all is as before.
    assert_eq!(bench.sent(), ["PUBLISH q1 #3 dup t=3"]);
    bench.puback(3);
    bench.publish_many(1, 2);
    assert_eq!(bench.sent().len(), 2);
}

#[test]
fn a_packet_at_which_three_more_connections_are_closed_is_the_cause() {
    let mut bench = Bench::online(v311());
    bench.publish_many(1, 3);
    suspicious(&mut bench);
    bench.puback(1);
    bench.events();
    for _ in 0..2 {
        assert_eq!(bench.sent().last().unwrap(), "PUBLISH q1 #2 dup t=2");
        assert_eq!(closed(&mut bench), NOTHING);
        bench.connect(true);
    }
    bench.sent();
    assert_eq!(
        closed(&mut bench),
        ["refused PUBLISH #2 to t, 8 bytes: the broker closed the connection"]
    );
    assert!(bench.session.has_progressed());
    assert!(bench.session.discard(id(2)));
    assert_eq!(bench.events(), ["given up #2: the message was discarded"]);
    assert!(!bench.session.discard(id(2)));
    bench.connect(true);
    assert_eq!(bench.sent(), ["PUBLISH q1 #3 dup t=3"]);
    bench.puback(3);
    assert_eq!(bench.session.unacknowledged(), 0);
}

#[test]
fn a_message_that_is_kept_is_sent_and_reported_again() {
    let mut bench = Bench::online(v311());
    bench.publish(1, "1");
    suspicious(&mut bench);
    for _ in 0..2 {
        for expected in [0, 0, 1] {
            assert_eq!(bench.sent(), ["PUBLISH q1 #1 dup t=1"]);
            assert_eq!(closed(&mut bench).len(), expected);
            bench.connect(true);
        }
    }
}

#[test]
fn a_reason_of_mqtt_5_is_reported_unless_it_is_about_the_connection() {
    let disconnect = |reason| Error::ServerDisconnect {
        reason: ReasonCode(reason),
        reason_string: None,
        properties: None,
    };
    for (reason, expected) in [
        (0x87, 1),
        (0x95, 1),
        (0x89, 0),
        (0x8b, 0),
        (0x8e, 0),
        (0x9c, 0),
    ] {
        let mut bench = Bench::online(v5());
        bench.publish(1, "1");
        let mut refused = 0;
        for _ in 0..5 {
            bench.sent();
            refused += close(&mut bench, disconnect(reason)).len();
            bench.connect(true);
        }
        assert_eq!(refused, expected, "{reason:#x}");
    }
}

#[test]
fn timeouts_and_lost_networks_never_count() {
    let unreachable = || Error::from(std::io::Error::from(std::io::ErrorKind::HostUnreachable));
    let mut bench = Bench::online(v311());
    bench.publish_many(1, 2);
    for error in [Error::KeepAlive, unreachable(), Error::Closed] {
        for _ in 0..6 {
            if let Error::Closed = error {
                // A broker that does not accept the connection closes it for another reason.
                bench.session.close(Err(Error::KeepAlive));
                bench.session.open(bench.now);
            }
            bench.sent();
            bench.events();
            assert_eq!(close(&mut bench, error.clone()), NOTHING);
            bench.connect(true);
        }
        assert_eq!(bench.sent().len(), 2);
    }
}

#[test]
fn an_answer_ends_the_suspicion() {
    let mut bench = Bench::online(v311());
    bench.publish(2, "1");
    suspicious(&mut bench);
    for _ in 0..10 {
        bench.sent();
        bench.pubrec(1);
        assert_eq!(closed(&mut bench), NOTHING);
        bench.connect(true);
        bench.pubrec(1);
    }
}

#[test]
fn a_message_with_qos_0_may_be_the_cause_instead() {
    let mut bench = Bench::online(v311());
    bench.publish(1, "1");
    suspicious(&mut bench);
    for _ in 0..10 {
        bench.publish(0, "0");
        assert_eq!(bench.sent().len(), 2);
        assert_eq!(closed(&mut bench), NOTHING);
        bench.connect(true);
    }
}

#[test]
fn a_subscribe_is_reported_with_its_filters_and_sent_alone() {
    let mut bench = Bench::online(v311());
    bench.publish(1, "1");
    for round in 0..5 {
        subscribe(&mut bench, "secret/#");
        if round < 2 {
            assert_eq!(bench.sent().len(), 2);
        } else {
            // The message was first.
            assert_eq!(bench.sent().len(), 1);
            if round == 2 {
                bench.puback(1);
                bench.events();
                assert_eq!(bench.sent().len(), 1);
            }
        }
        let events = closed(&mut bench);
        if round < 4 {
            assert_eq!(events, NOTHING);
        } else {
            assert_eq!(
                events,
                ["refused SUBSCRIBE secret/#: the broker closed the connection"]
            );
        }
        bench.connect(true);
    }
}

#[test]
fn what_comes_again_on_each_connection_is_no_progress() {
    let mut bench = Bench::online(v311());
    subscribe(&mut bench, "a");
    bench.sent();
    let answer = SubscribeAck {
        id: id(1),
        reasons: vec![ReasonCode(1)],
        properties: None,
    };
    bench.handle(Incoming::SubAck(answer)).unwrap();
    assert!(!bench.session.has_progressed());
    let mut message = Publish {
        topic: Some(TopicName::new("a").unwrap()),
        payload: "1".into(),
        qos: QoS::AtMostOnce,
        retain: true,
        dup: false,
        packet_id: None,
        properties: None,
    };
    bench.handle(Incoming::Publish(message.clone())).unwrap();
    assert!(!bench.session.has_progressed());
    message.retain = false;
    bench.handle(Incoming::Publish(message)).unwrap();
    assert!(bench.session.has_progressed());
}

#[test]
fn a_puback_for_qos_2_is_a_protocol_error() {
    let mut bench = Bench::online(v5());
    bench.publish(2, "1");
    bench.sent();
    let result = bench.handle(Incoming::PubAck(Ack::success(id(1))));
    let error = result.unwrap_err();
    assert!(matches!(error, Error::NoQos2), "{error}");
    assert!(error.is_permanent());
    let last = bench.session.disconnect_after(&error).unwrap();
    assert_eq!(packet_text(&last), "DISCONNECT 0x82");
}

#[test]
fn a_suback_with_another_number_of_codes_is_a_protocol_error() {
    for codes in [vec![], vec![ReasonCode(1); 2]] {
        let mut bench = Bench::online(v311());
        subscribe(&mut bench, "a");
        let answer = SubscribeAck {
            id: id(1),
            reasons: codes,
            properties: None,
        };
        let result = bench.handle(Incoming::SubAck(answer));
        assert!(matches!(result, Err(Error::Decode(_))), "{result:?}");
    }
}
