//! Reason codes and properties of DISCONNECT, both ways (MQTT 5 §3.14).

use super::*;

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
    assert!(
        bench
            .session
            .disconnect(DisconnectRequest::from(reason).with_properties(words))
            .unwrap()
    );
    // What the connection does when it finds that it is to end changes nothing.
    assert!(bench.session.disconnect_normally());
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
    bench.events();
    bench.connect(false);
    bench.session.disconnect_normally();
    assert_eq!(bench.sent(), ["DISCONNECT 0x00"]);
}

#[test]
fn last_words_that_the_broker_would_not_take_are_left_out_or_refused() {
    let mut bench = given(Properties {
        maximum_packet_size: Some(20),
        ..Properties::default()
    });
    config_error(
        bench.session.disconnect(ReasonCode(0x8e)),
        "a client does not disconnect with `session taken over`",
    );
    assert!(!bench.session.is_ending());
    let words = Properties {
        session_expiry_interval: Some(0),
        ..text(&"x".repeat(20))
    };
    bench
        .session
        .disconnect(DisconnectRequest::from(ReasonCode::SUCCESS).with_properties(words))
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
            .disconnect(DisconnectRequest::from(ReasonCode::SUCCESS).with_properties(words)),
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
        .handle(Incoming::Disconnect(Disconnect {
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
