//! Enhanced authentication (MQTT 5 §4.12), and acknowledgements that say more than success.

use super::*;

fn v5_with(method: &str) -> ClientConfig {
    ClientConfig {
        authentication_method: Some(method.into()),
        authentication_data: Some("first".into()),
        ..v5()
    }
}

/// Some data for the method.
fn data(text: &'static str) -> Properties {
    Properties {
        authentication_data: Some(text.into()),
        ..Properties::default()
    }
}

/// A reason string.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it stands where there may be none"
)]
fn reason_string(text: &str) -> Option<Box<Properties>> {
    Some(Box::new(Properties {
        reason_string: Some(text.into()),
        ..Properties::default()
    }))
}

fn accepted_with(method: &str) -> ConnAck {
    ConnAck {
        properties: Some(Box::new(Properties {
            authentication_method: Some(method.into()),
            ..Properties::default()
        })),
        ..connack(false)
    }
}

fn next_auth(bench: &mut Bench) -> (u8, Properties) {
    match bench.session.poll_transmit(bench.now) {
        Some(Outgoing::Auth(auth)) => (auth.reason.0, *auth.properties.unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn auth_is_sent_before_the_packets_that_wait_for_connack() {
    let mut bench = Bench::offline(v5_with("SCRAM"));
    bench.session.open(bench.now);
    match bench.session.poll_transmit(bench.now) {
        Some(Outgoing::Connect(connect)) => {
            let sent = connect.properties;
            assert_eq!(sent.authentication_method.as_deref(), Some("SCRAM"));
            assert_eq!(sent.authentication_data.as_deref(), Some(&b"first"[..]));
        }
        other => panic!("{other:?}"),
    }
    bench.publish(0, "waits for CONNACK");
    bench.handle(auth(0x18, Some("SCRAM"))).unwrap();
    assert_eq!(bench.events(), ["auth 0x18"]);
    bench.session.auth(data("second")).unwrap();
    let (reason, sent) = next_auth(&mut bench);
    assert_eq!(reason, 0x18);
    assert_eq!(sent.authentication_method.as_deref(), Some("SCRAM"));
    assert_eq!(sent.authentication_data.as_deref(), Some(&b"second"[..]));
    assert_eq!(bench.sent(), NOTHING);
    bench
        .handle(Incoming::ConnAck(accepted_with("SCRAM")))
        .unwrap();
    assert_eq!(bench.events(), ["connected"]);
    assert_eq!(bench.sent(), ["PUBLISH q0 t=waits for CONNACK"]);
}

#[test]
fn a_client_can_authenticate_again() {
    let mut bench = Bench::offline(v5_with("SCRAM"));
    bench.connect_with(accepted_with("SCRAM")).unwrap();
    // No re-authentication was asked for yet.
    assert!(bench.handle(auth(0x18, Some("SCRAM"))).is_err());
    bench.session.reauthenticate(data("again")).unwrap();
    assert_eq!(next_auth(&mut bench).0, 0x19);
    bench.handle(auth(0x18, Some("SCRAM"))).unwrap();
    bench.session.auth(data("more")).unwrap();
    assert_eq!(next_auth(&mut bench).0, 0x18);
    bench.handle(auth(0, Some("SCRAM"))).unwrap();
    assert_eq!(bench.events(), ["auth 0x18", "auth 0x00"]);
    // It has ended. It also ends with the connection.
    assert!(bench.handle(auth(0, Some("SCRAM"))).is_err());
    bench.session.reauthenticate(data("again")).unwrap();
    bench.lose();
    bench.connect_with(accepted_with("SCRAM")).unwrap();
    assert!(bench.handle(auth(0x18, Some("SCRAM"))).is_err());
}

#[test]
fn connack_must_name_the_method_of_connect() {
    for (ours, theirs) in [
        (Some("SCRAM"), None),
        (None, Some("SCRAM")),
        (Some("SCRAM"), Some("OTHER")),
    ] {
        let mut bench = Bench::offline(ClientConfig {
            authentication_method: ours.map(Into::into),
            ..v5()
        });
        let ack = theirs.map_or_else(|| connack(false), accepted_with);
        let error = bench.connect_with(ack).unwrap_err();
        assert!(
            error.to_string().contains("another authentication method"),
            "{error}"
        );
    }
}

#[test]
fn unwanted_problem_information_ends_the_connection() {
    let ack = Ack {
        properties: reason_string("because"),
        ..Ack::success(id(1))
    };
    let answer = SubscribeAck {
        id: id(1),
        reasons: vec![ReasonCode::SUCCESS],
        properties: reason_string("because"),
    };
    for packet in [
        Incoming::PubAck(ack.clone()),
        Incoming::PubRec(ack.clone()),
        Incoming::PubRel(ack.clone()),
        Incoming::PubComp(ack),
        Incoming::SubAck(answer.clone()),
        Incoming::UnsubAck(answer),
    ] {
        let mut wanted = Bench::online(v5());
        wanted.handle(packet.clone()).unwrap();
        let mut unwanted = Bench::online(ClientConfig {
            request_problem_information: false,
            ..v5()
        });
        let error = unwanted.handle(packet).unwrap_err();
        match unwanted.session.disconnect_after(&error) {
            Some(Outgoing::Disconnect(Disconnect { reason, .. })) => {
                assert_eq!(reason, ReasonCode::PROTOCOL_ERROR);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn auth_with_another_method_or_reason_is_a_protocol_error() {
    for (reason, method) in [
        (0x18, Some("OTHER")),
        (0x18, None),
        (0x00, Some("SCRAM")),
        (0x19, Some("SCRAM")),
    ] {
        let mut bench = Bench::offline(v5_with("SCRAM"));
        bench.session.open(bench.now);
        bench.sent();
        let error = bench.handle(auth(reason, method)).unwrap_err();
        match bench.session.disconnect_after(&error) {
            Some(Outgoing::Disconnect(Disconnect { reason, .. })) => {
                assert_eq!(reason, ReasonCode::PROTOCOL_ERROR);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn auth_needs_a_method_and_a_connection() {
    let mut bench = Bench::offline(v5_with("SCRAM"));
    let text = |result: Result<(), Error>| result.unwrap_err().to_string();
    assert_eq!(
        text(bench.session.auth(data("a"))),
        "not connected to the broker"
    );
    assert_eq!(
        text(bench.session.reauthenticate(data("a"))),
        "not connected to the broker"
    );
    for config in [v5(), v311()] {
        let mut bench = Bench::online(config);
        assert_eq!(
            text(bench.session.auth(data("a"))),
            "the broker doesn't take AUTH where CONNECT named no method"
        );
    }
    let only_data = ClientConfig {
        authentication_method: None,
        ..v5_with("SCRAM")
    };
    assert_eq!(
        only_data.checked().unwrap_err().to_string(),
        "authentication data needs an authentication method (MQTT 5 §3.1.2.11.10)"
    );
}

#[test]
fn a_refusal_has_the_properties_of_connack() {
    let mut bench = Bench::offline(v5());
    bench.session.open(bench.now);
    bench.sent();
    let said = Properties {
        server_reference: Some("other:1883".into()),
        reason_string: Some("moved".into()),
        user_properties: vec![("a".into(), "b".into())],
        ..Properties::default()
    };
    let refusal = ConnAck {
        code: ConnectCode(0x9d),
        properties: Some(Box::new(said.clone())),
        ..connack(false)
    };
    match bench.handle(Incoming::ConnAck(refusal)).unwrap_err() {
        Error::Refused {
            properties,
            reason_string,
            ..
        } => {
            assert_eq!(*properties.unwrap(), said);
            assert_eq!(reason_string.as_deref(), Some("moved"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn properties_of_pubrec_and_pubcomp_are_reported_with_the_message_s_end() {
    let mut bench = Bench::online(v5());
    bench.publish(2, "a");
    bench.publish(2, "b");
    bench.sent();
    let pubrec = Ack {
        properties: reason_string("nobody listens"),
        ..Ack::with_reason(id(1), ReasonCode(0x10))
    };
    bench.handle(Incoming::PubRec(pubrec.clone())).unwrap();
    bench.pubrec(2);
    // It is kept for the next connection.
    bench.reconnect(true);
    let pubcomp = Ack {
        properties: reason_string("done"),
        ..Ack::success(id(1))
    };
    bench.handle(Incoming::PubComp(pubcomp)).unwrap();
    match bench.session.poll_event() {
        Some(Event::Published {
            result: Ok(reason),
            properties,
            pubrec: told,
            ..
        }) => {
            assert_eq!(reason, ReasonCode::SUCCESS);
            assert_eq!(properties, reason_string("done"));
            assert_eq!(told.as_deref(), Some(&pubrec));
        }
        other => panic!("{other:?}"),
    }
    bench.pubcomp(2);
    let event = bench.session.poll_event();
    let is_bare = matches!(
        &event,
        Some(Event::Published {
            pubrec: None,
            properties: None,
            ..
        })
    );
    assert!(is_bare, "{event:?}");
}

#[test]
fn properties_of_pubrel_are_reported_with_automatic_acknowledgement_too() {
    for config in [v5(), manual(v5())] {
        let is_manual = config.manual_ack;
        let mut bench = Bench::online(config);
        bench.receive(publish(2, 7, "a")).unwrap();
        let token = match bench.session.poll_event() {
            Some(Event::Received { token, .. }) => token.unwrap(),
            other => panic!("{other:?}"),
        };
        bench.session.acknowledge_taken();
        bench.session.ack(&token);
        assert_eq!(bench.sent(), ["PUBREC #7"]);
        let pubrel = Ack {
            properties: reason_string("here you are"),
            ..Ack::success(id(7))
        };
        bench.handle(Incoming::PubRel(pubrel)).unwrap();
        let Some(Event::Released {
            token, properties, ..
        }) = bench.session.poll_event()
        else {
            panic!("PUBREL is not reported");
        };
        assert_eq!(properties, reason_string("here you are"));
        if is_manual {
            assert_eq!(bench.sent(), NOTHING);
            let reply = *reason_string("thanks").unwrap();
            bench
                .session
                .release(ReleaseRequest::new(&token, reply).unwrap());
            match bench.session.poll_transmit(bench.now) {
                Some(Outgoing::PubComp(ack)) => assert_eq!(ack.properties, reason_string("thanks")),
                other => panic!("{other:?}"),
            }
        } else {
            // PUBCOMP was sent automatically, once.
            bench.session.release(&token);
            assert_eq!(bench.sent(), ["PUBCOMP #7"]);
        }
    }
}

#[test]
fn pubrel_has_the_configured_properties_if_the_broker_accepts_the_size() {
    let config = ClientConfig {
        release_properties: reason_string("go on").map(|properties| *properties),
        ..v5()
    };
    for (maximum, expected) in [(100, reason_string("go on")), (10, None)] {
        let mut bench = Bench::offline(config.clone());
        bench.connect_given(Properties {
            maximum_packet_size: Some(maximum),
            ..Properties::default()
        });
        bench.publish(2, "a");
        bench.sent();
        bench.pubrec(1);
        match bench.session.poll_transmit(bench.now) {
            Some(Outgoing::PubRel(ack)) => assert_eq!(ack.properties, expected),
            other => panic!("{other:?}"),
        }
        // On the next connection too.
        bench.lose();
        bench.connect_given(Properties::default());
        match bench.session.poll_transmit(bench.now) {
            Some(Outgoing::PubRel(ack)) => assert_eq!(ack.properties, reason_string("go on")),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn auth_without_a_method_is_a_protocol_error() {
    let mut connecting = Bench::offline(v5());
    connecting.session.open(connecting.now);
    connecting.sent();
    for mut bench in [connecting, Bench::online(v5())] {
        let error = bench.handle(auth(0x18, None)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the broker sent what it may not: protocol error: AUTH, though no authentication method was named"
        );
        match bench.session.disconnect_after(&error) {
            Some(Outgoing::Disconnect(disconnect)) => {
                assert_eq!(disconnect.reason, ReasonCode::PROTOCOL_ERROR);
            }
            other => panic!("{other:?}"),
        }
    }
}
