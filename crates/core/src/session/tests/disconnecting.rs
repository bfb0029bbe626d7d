//! `disconnect` in each phase.

use super::*;

#[test]
fn disconnect_is_the_last_packet() {
    let mut bench = Bench::online(v311());
    bench.publish(0, "last words");
    assert!(bench.session.disconnect_normally());
    assert!(bench.session.is_ending());
    assert!(!bench.session.is_connected());
    assert_eq!(bench.sent(), ["PUBLISH q0 t=last words", "DISCONNECT 0x00"]);
    assert_eq!(bench.sent(), NOTHING);
    bench.session.close(Ok(()));
    assert_eq!(bench.events(), ["disconnected"]);
}

#[test]
fn a_second_disconnect_adds_nothing() {
    let mut bench = Bench::online(v311());
    assert!(bench.session.disconnect_normally());
    assert!(bench.session.disconnect_normally());
    assert_eq!(bench.sent(), ["DISCONNECT 0x00"]);
    assert!(bench.session.disconnect_normally());
    assert_eq!(bench.sent(), NOTHING);
}

#[test]
fn without_a_connection_there_is_nothing_to_end() {
    let mut bench = Bench::offline(v311());
    assert!(!bench.session.disconnect_normally());
    assert_eq!(bench.sent(), NOTHING);
    bench.connect(false);
    assert!(bench.session.is_connected());
}

/// Without DISCONNECT the broker would publish the will.
#[test]
fn disconnect_is_sent_between_connect_and_connack_too() {
    let mut bench = Bench::offline(v311());
    bench.session.open(bench.now);
    assert_eq!(bench.sent(), ["CONNECT"]);
    assert!(bench.session.disconnect_normally());
    assert_eq!(bench.sent(), ["DISCONNECT 0x00"]);
    bench.handle(Incoming::ConnAck(connack(false))).unwrap();
    assert!(!bench.session.is_connected());
    assert_eq!(bench.events(), NOTHING);
    assert_eq!(bench.session.deadline(), None);
}

#[test]
fn without_connect_no_disconnect_is_sent() {
    let mut bench = Bench::offline(v311());
    bench.session.open(bench.now);
    assert!(bench.session.disconnect_normally());
    assert!(bench.session.is_ending());
    assert_eq!(bench.sent(), NOTHING);
}

#[test]
fn received_messages_are_acknowledged_before_disconnect() {
    let mut bench = Bench::online(v311());
    bench.receive(publish(1, 7, "a")).unwrap();
    bench.events();
    bench.session.disconnect_normally();
    bench.session.acknowledge_taken();
    assert_eq!(bench.sent(), ["PUBACK #7", "DISCONNECT 0x00"]);
}

#[test]
fn nothing_follows_disconnect() {
    let mut bench = Bench::online(manual(v5()));
    let token = bench.arrival(1, 7, "a");
    bench.publish(2, "b");
    bench.session.disconnect_normally();
    assert_eq!(bench.sent(), ["PUBLISH q2 #1 t=b", "DISCONNECT 0x00"]);
    bench.session.ack(&token);
    bench.pubrec(1);
    bench.pubrel(3);
    bench.publish(1, "c");
    assert_eq!(bench.sent(), NOTHING);
}

#[test]
fn answers_count_until_the_end() {
    let mut bench = Bench::online(v311());
    bench.publish(1, "a");
    bench.session.disconnect_normally();
    bench.sent();
    bench.puback(1);
    assert_eq!(bench.events(), ["published #1"]);
    assert_eq!(bench.session.unacknowledged(), 0);
}

#[test]
fn messages_are_not_received_while_ending() {
    let mut bench = Bench::online(v311());
    bench.session.disconnect_normally();
    bench.receive(publish(1, 7, "a")).unwrap();
    assert_eq!(bench.events(), NOTHING);
    assert_eq!(bench.sent(), ["DISCONNECT 0x00"]);
}

#[test]
fn qos_1_accepted_while_ending_waits_for_the_next_connection() {
    let mut bench = Bench::online(v311());
    bench.session.disconnect_normally();
    bench.publish(1, "later");
    assert_eq!(
        bench.try_publish(message(0, "now")),
        Err("not connected to the broker".into())
    );
    bench.sent();
    bench.session.close(Ok(()));
    bench.events();
    bench.connect(true);
    assert_eq!(bench.sent(), ["PUBLISH q1 #1 t=later"]);
}

#[test]
fn an_mqtt_5_broker_gets_the_reason_of_an_error() {
    let malformed = Error::Decode(DecodeError::Malformed("x"));
    let too_large = Error::Decode(DecodeError::TooLarge { size: 9, limit: 8 });
    let bench = Bench::online(v5());
    for (error, expected) in [
        (&malformed, Some("DISCONNECT 0x81")),
        (
            &Error::Decode(DecodeError::Protocol("x")),
            Some("DISCONNECT 0x82"),
        ),
        (&too_large, Some("DISCONNECT 0x95")),
        (
            &Error::Protocol(ReasonCode::TOPIC_ALIAS_INVALID),
            Some("DISCONNECT 0x94"),
        ),
        // Only brokers send 0x8d (MQTT 5 §3.14.2.1).
        (&Error::KeepAlive, None),
        (&Error::Closed, None),
    ] {
        let disconnect = bench.session.disconnect_after(error);
        assert_eq!(
            disconnect.as_ref().map(packet_text).as_deref(),
            expected,
            "{error}"
        );
    }
    assert!(
        Bench::online(v311())
            .session
            .disconnect_after(&malformed)
            .is_none()
    );
}
