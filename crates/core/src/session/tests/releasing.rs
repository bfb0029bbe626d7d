//! The second half of receiving QoS 2: PUBREL and PUBCOMP.

use super::*;

/// A session that has acknowledged message #5; its PUBREL may arrive.
fn acknowledged() -> Bench {
    let mut bench = Bench::online(manual(v5()));
    let token = bench.arrival(2, 5, "a");
    bench.session.ack(&token);
    assert_eq!(bench.sent(), ["PUBREC #5"]);
    bench
}

#[test]
fn with_manual_ack_the_application_releases() {
    let mut bench = acknowledged();
    let token = bench.released(5);
    assert_eq!(bench.sent(), NOTHING);
    bench.session.release(&token);
    assert_eq!(bench.sent(), ["PUBCOMP #5"]);
    bench.arrival(2, 5, "b");
}

#[test]
fn a_packet_identifier_is_held_until_it_is_released() {
    let mut bench = acknowledged();
    bench.released(5);
    bench.reconnect(true);
    bench.receive(publish(2, 5, "a")).unwrap();
    assert_eq!(bench.events(), ["duplicate q2 #5 t=a"]);
}

#[test]
fn a_pubrel_for_an_identifier_that_is_not_held_is_answered_at_once() {
    for config in [v5(), manual(v5())] {
        let mut bench = Bench::online(config);
        bench.pubrel(9);
        assert_eq!(bench.events(), NOTHING);
        assert_eq!(bench.sent(), ["PUBCOMP #9 packet identifier not found"]);
    }
}

#[test]
fn a_repeated_pubrel_is_answered_once() {
    let mut bench = acknowledged();
    let token = bench.released(5);
    bench.pubrel(5);
    assert_eq!(bench.events(), NOTHING);
    bench.session.release(&token);
    bench.session.release(&token);
    assert_eq!(bench.sent(), ["PUBCOMP #5"]);
}

#[test]
fn a_release_of_an_earlier_connection_sends_nothing() {
    let mut bench = acknowledged();
    let old = bench.released(5);
    bench.reconnect(true);
    bench.session.release(&old);
    assert_eq!(bench.sent(), NOTHING);
    bench.pubrel(5);
    assert_eq!(bench.sent(), ["PUBCOMP #5 packet identifier not found"]);
}

#[test]
fn two_releases_of_one_message_on_two_connections_send_one_pubcomp() {
    let mut bench = acknowledged();
    let old = bench.released(5);
    bench.reconnect(true);
    let new = bench.released(5);
    bench.session.release(&old);
    assert_eq!(bench.sent(), NOTHING);
    bench.session.release(&new);
    assert_eq!(bench.sent(), ["PUBCOMP #5"]);
}

/// Otherwise a duplicate of that message would be taken for a new one.
#[test]
fn a_late_release_does_not_forget_the_next_message_with_the_same_identifier() {
    let mut bench = acknowledged();
    let old = bench.released(5);
    bench.reconnect(true);
    let new = bench.released(5);
    bench.session.release(&new);
    bench.arrival(2, 5, "next");
    bench.session.release(&old);
    bench.sent();
    bench.receive(publish(2, 5, "next")).unwrap();
    assert_eq!(bench.events(), ["duplicate q2 #5 t=next"]);
}

#[test]
fn a_pubrel_before_pubrec_removes_the_message_from_the_order() {
    let mut bench = Bench::online(manual(v5()));
    let first = bench.arrival(2, 5, "a");
    let second = bench.arrival(1, 6, "b");
    bench.session.ack(&second);
    let token = bench.released(5);
    assert_eq!(bench.sent(), NOTHING);
    bench.session.release(&token);
    assert_eq!(bench.sent(), ["PUBACK #6", "PUBCOMP #5"]);
    bench.session.ack(&first);
    assert_eq!(bench.sent(), NOTHING);
}

#[test]
fn a_release_while_there_is_no_connection_sends_nothing_later() {
    let mut bench = acknowledged();
    let token = bench.released(5);
    bench.lose();
    bench.session.release(&token);
    bench.connect(true);
    assert_eq!(bench.sent(), NOTHING);
}
