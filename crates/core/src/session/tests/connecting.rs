//! From CONNECT to CONNACK.

use super::*;

fn connect_packet(config: ClientConfig) -> Connect {
    let mut bench = Bench::offline(config);
    bench.session.open(bench.now);
    match bench.session.poll_transmit(bench.now) {
        Some(Outgoing::Connect(connect)) => *connect,
        other => panic!("{other:?}"),
    }
}

#[test]
fn connect_carries_the_configuration() {
    let connect = connect_packet(ClientConfig {
        username: Some("ada".into()),
        password: Some("s3cret".into()),
        keep_alive: Duration::from_secs(7),
        ..v311()
    });
    assert_eq!(connect.client_id, "bench");
    assert_eq!(connect.keep_alive, 7);
    assert_eq!(connect.username.as_deref(), Some("ada"));
    assert_eq!(connect.password.as_deref(), Some("s3cret"));
    assert!(!connect.clean_start);
    assert_eq!(connect.properties, Properties::default());
}

#[test]
fn clean_session_off_on_mqtt_5_never_expires_the_session() {
    let properties = connect_packet(v5()).properties;
    assert_eq!(properties.session_expiry_interval, Some(u32::MAX));
    assert_eq!(properties.receive_maximum, Some(2_000));
    assert_eq!(properties.topic_alias_maximum, None);
    assert_eq!(properties.maximum_packet_size, None);
    let clean = connect_packet(ClientConfig {
        clean_session: true,
        ..v5()
    });
    assert!(clean.clean_start);
    assert_eq!(clean.properties.session_expiry_interval, None);
    let chosen = connect_packet(ClientConfig {
        session_expiry_interval: Some(60),
        maximum_packet_size: 1000,
        topic_alias_maximum: 9,
        ..v5()
    });
    assert_eq!(chosen.properties.session_expiry_interval, Some(60));
    assert_eq!(chosen.properties.maximum_packet_size, Some(1000));
    assert_eq!(chosen.properties.topic_alias_maximum, Some(9));
}

#[test]
fn connack_says_whether_the_session_is_present() {
    let mut bench = Bench::offline(v311());
    for present in [false, true] {
        bench.session.open(bench.now);
        assert!(!bench.session.is_connected());
        bench.handle(Incoming::ConnAck(connack(present))).unwrap();
        assert!(bench.session.is_connected());
        match bench.session.poll_event() {
            Some(Event::Connected(ack)) => assert_eq!(ack.session_present, present),
            other => panic!("{other:?}"),
        }
        bench.lose();
    }
}

#[test]
fn a_refusal_is_reported_with_its_code_and_ends_the_connection() {
    for (config, code, meaning) in [
        (v311(), 1, "unacceptable protocol version"),
        (v311(), 2, "client identifier rejected"),
        (v311(), 3, "server unavailable"),
        (v311(), 4, "bad user name or password"),
        (v311(), 5, "not authorized"),
        (v311(), 6, "unused code 6"),
        (v311(), 255, "unknown reason code 0xff"),
        (v5(), 0x87, "not authorized"),
        (v5(), 0x9f, "connection rate exceeded"),
    ] {
        let mut bench = Bench::offline(config);
        bench.session.open(bench.now);
        let refusal = ConnAck {
            code: ConnectCode(code),
            ..connack(false)
        };
        let error = bench.handle(Incoming::ConnAck(refusal)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the broker refuses the connection: {meaning}")
        );
        assert_eq!(error.rc(), code);
        assert_eq!(bench.events(), [format!("refused: {meaning}")]);
        assert!(!bench.session.is_connected());
        assert!(bench.session.disconnect_after(&error).is_none());
    }
}

#[test]
fn a_session_after_a_clean_start_is_a_protocol_error() {
    let mut bench = Bench::offline(ClientConfig {
        clean_session: true,
        ..v5()
    });
    let error = bench.connect_with(connack(true)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the broker sent what it may not: protocol error: a session is present after a clean start"
    );
    assert!(!bench.session.is_connected());
}

#[test]
fn no_other_packet_may_arrive_before_connack() {
    for packet in [
        Incoming::PingResp,
        Incoming::Publish(publish(0, 0, "1")),
        Incoming::PubRel(Ack::success(id(1))),
    ] {
        let mut bench = Bench::offline(v5());
        bench.session.open(bench.now);
        assert!(matches!(
            bench.handle(packet),
            Err(Error::Decode(DecodeError::Protocol(
                "a packet before CONNACK"
            )))
        ));
        assert_eq!(bench.events(), NOTHING);
    }
}

#[test]
fn a_disconnect_instead_of_connack_is_reported_with_its_reason() {
    let mut bench = Bench::offline(v5());
    bench.session.open(bench.now);
    let error = bench.handle(server_disconnect(0x89)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the broker ended the connection: server busy (sorry)"
    );
}

#[test]
fn a_second_connack_is_a_protocol_error() {
    let mut bench = Bench::online(v311());
    assert!(bench.handle(Incoming::ConnAck(connack(false))).is_err());
}

#[test]
fn the_broker_s_disconnect_is_reported_with_its_reason() {
    let mut bench = Bench::online(v5());
    let error = bench.handle(server_disconnect(0x8e)).unwrap_err();
    assert_eq!(error.rc(), 0x8e);
    assert!(bench.session.disconnect_after(&error).is_none());
    bench.session.close(Err(error));
    assert_eq!(
        bench.events(),
        ["disconnected: the broker ended the connection: session taken over (sorry)"]
    );
}

fn server_disconnect(reason: u8) -> Incoming {
    Incoming::Disconnect(Disconnect {
        reason: ReasonCode(reason),
        properties: Some(Box::new(Properties {
            reason_string: Some("sorry".into()),
            ..Properties::default()
        })),
    })
}

#[test]
fn authentication_without_a_method_ends_the_connection() {
    let mut bench = Bench::online(v5());
    assert!(bench.handle(auth(0x18, None)).is_err());
}

#[test]
fn a_broker_that_does_not_answer_connect_is_given_up() {
    let mut bench = Bench::offline(v311());
    bench.session.open(bench.now);
    assert_eq!(
        bench.session.deadline(),
        Some(bench.now + Duration::from_secs(10))
    );
    bench.advance(9).unwrap();
    assert!(matches!(bench.advance(1), Err(Error::ConnectTimeout)));
}

#[test]
fn a_huge_connect_timeout_does_not_overflow() {
    let mut bench = Bench::offline(ClientConfig {
        connect_timeout: Duration::MAX,
        ..v311()
    });
    bench.session.open(bench.now);
    bench.advance(1_000_000).unwrap();
}

#[test]
fn an_assigned_client_identifier_is_used_from_then_on() {
    let mut bench = Bench::offline(v5());
    bench.connect_given(Properties {
        assigned_client_identifier: Some("given".into()),
        ..Properties::default()
    });
    assert_eq!(bench.session.client_id(), "given");
    bench.lose();
    bench.session.open(bench.now);
    match bench.session.poll_transmit(bench.now) {
        Some(Outgoing::Connect(connect)) => assert_eq!(connect.client_id, "given"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn packets_of_a_lost_connection_are_not_sent_on_the_next() {
    let mut bench = Bench::online(v311());
    bench.publish(0, "1");
    bench
        .session
        .subscribe(vec![Subscription::new(
            TopicFilter::new("a").unwrap(),
            QoS::AtMostOnce,
        )])
        .unwrap();
    bench.pubrel(1);
    bench.reconnect(true);
    assert_eq!(bench.sent(), NOTHING);
}

#[test]
fn packets_without_a_connection_are_refused() {
    let mut bench = Bench::offline(v311());
    assert!(bench.handle(Incoming::PingResp).is_err());
}
