//! MQTT 3.1. Unlike 3.1.1, the client doesn't know whether the broker has the session.

use super::*;

fn clean() -> ClientConfig {
    ClientConfig {
        clean_session: true,
        ..v31()
    }
}

#[test]
fn connack_has_no_session_present_flag() {
    for config in [v31(), clean()] {
        Bench::online(config);
    }
}

#[test]
fn unacknowledged_messages_are_sent_again_with_dup() {
    let mut bench = Bench::online(v31());
    bench.publish(1, "1");
    bench.publish(2, "2");
    bench.sent();
    bench.reconnect(false);
    assert_eq!(
        bench.sent(),
        ["PUBLISH q1 #1 dup t=1", "PUBLISH q2 #2 dup t=2"]
    );
}

/// The broker may have lost the session and the message: PUBREL would end the message undelivered.
#[test]
fn a_message_that_was_received_is_sent_again_before_it_is_released() {
    let mut bench = Bench::online(v31());
    bench.publish(2, "1");
    bench.sent();
    bench.pubrec(1);
    assert_eq!(bench.sent(), ["PUBREL #1"]);
    bench.reconnect(false);
    assert_eq!(bench.sent(), ["PUBLISH q2 #1 dup t=1"]);
    bench.pubrec(1);
    assert_eq!(bench.sent(), ["PUBREL #1"]);
    bench.pubcomp(1);
    assert_eq!(bench.events(), ["published #1"]);
    assert_eq!(bench.session.unacknowledged(), 0);
}

#[test]
fn a_clean_session_is_new() {
    let mut bench = Bench::online(clean());
    bench.publish(2, "1");
    bench.sent();
    bench.pubrec(1);
    bench.reconnect(false);
    assert_eq!(bench.sent().last().unwrap(), "PUBLISH q2 #1 t=1");
}

/// The packet identifier may mean a new message, which must not be lost.
#[test]
fn a_held_identifier_does_not_survive_a_reconnect() {
    let mut bench = Bench::online(v31());
    bench.receive(publish(2, 7, "1")).unwrap();
    bench.receive(publish(2, 7, "1")).unwrap();
    assert_eq!(
        bench.events_acknowledged(),
        ["message q2 #7 t=1", "duplicate q2 #7 t=1"]
    );
    bench.reconnect(false);
    bench.receive(publish(2, 7, "2")).unwrap();
    assert_eq!(bench.events_acknowledged(), ["message q2 #7 t=2"]);
    assert_eq!(bench.sent(), ["PUBREC #7"]);
    // Identifiers of an earlier process don't either.
    let mut bench = Bench::offline(v31());
    bench.session.hold([held(7, "1")]);
    bench.connect(false);
    bench.receive(publish(2, 7, "1")).unwrap();
    assert_eq!(bench.events(), ["message q2 #7 t=1"]);
}

#[test]
fn a_pubrel_for_an_unknown_identifier_is_answered() {
    let mut bench = Bench::online(v31());
    bench.receive(publish(2, 7, "1")).unwrap();
    bench.events_acknowledged();
    bench.reconnect(false);
    bench.pubrel(7);
    assert!(bench.sent().last().unwrap().starts_with("PUBCOMP #7"));
}
