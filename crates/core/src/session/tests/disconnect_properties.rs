//! Reason codes and properties of DISCONNECT, both ways (MQTT 5 §3.14).

use super::*;

fn disconnect_packet(bench: &mut Bench) -> Disconnect {
    match bench.session.poll_transmit(bench.now) {
        Some(Outgoing::Disconnect(disconnect)) => disconnect,
        other => panic!("{other:?}"),
    }
}

#[test]
fn reason_and_properties_of_disconnect_are_sent_once() {
    let mut bench = Bench::online(v5());
    let properties = Properties {
        session_expiry_interval: Some(9),
        server_reference: Some("only brokers send this".into()),
        ..text("bye")
    };
    let reason = ReasonCode::DISCONNECT_WITH_WILL;
    assert!(
        bench
            .session
            .disconnect(DisconnectRequest::from(reason).with_properties(properties))
            .unwrap()
    );
    // The connection calls it again when it finds that it must end: nothing changes.
    assert!(bench.session.disconnect_normally());
    assert_eq!(
        disconnect_packet(&mut bench),
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
    bench.events();
    bench.connect(false);
    bench.session.disconnect_normally();
    assert_eq!(bench.sent(), ["DISCONNECT 0x00"]);
}

#[test]
fn disconnect_properties_that_the_broker_would_not_accept_are_left_out_or_refused() {
    let mut bench = given(Properties {
        maximum_packet_size: Some(20),
        ..Properties::default()
    });
    config_error(
        bench.session.disconnect(ReasonCode(0x8e)),
        "a client does not disconnect with `session taken over`",
    );
    assert!(!bench.session.is_ending());
    let properties = Properties {
        session_expiry_interval: Some(0),
        ..text(&"x".repeat(20))
    };
    bench
        .session
        .disconnect(DisconnectRequest::from(ReasonCode::SUCCESS).with_properties(properties))
        .unwrap();
    let sent = disconnect_packet(&mut bench).properties.unwrap();
    assert_eq!(sent.reason_string, None);
    assert_eq!(sent.session_expiry_interval, Some(0));

    let mut bench = Bench::online(ClientConfig {
        clean_session: true,
        ..v5()
    });
    let properties = Properties {
        session_expiry_interval: Some(1),
        ..Properties::default()
    };
    config_error(
        bench
            .session
            .disconnect(DisconnectRequest::from(ReasonCode::SUCCESS).with_properties(properties)),
        "the session ends with the connection, as CONNECT said: DISCONNECT can't keep it",
    );
}

#[test]
fn properties_of_the_broker_s_disconnect_are_reported() {
    let mut bench = Bench::online(v5());
    let properties = Properties {
        server_reference: Some("other:1883".into()),
        ..text("moved")
    };
    let error = bench
        .handle(Incoming::Disconnect(Disconnect {
            reason: ReasonCode(0x9d),
            properties: Some(Box::new(properties.clone())),
        }))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the broker ended the connection: server moved (moved) (it names another server: `other:1883`)"
    );
    match error {
        Error::ServerDisconnect {
            properties: reported,
            ..
        } => assert_eq!(*reported.unwrap(), properties),
        other => panic!("{other:?}"),
    }
}
