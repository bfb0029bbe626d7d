//! Messages to the broker.

use super::*;

#[test]
fn qos_0_is_sent_once_without_a_packet_identifier() {
    let mut bench = Bench::online(v311());
    assert_eq!(bench.publish(0, "1"), None);
    assert_eq!(bench.sent(), ["PUBLISH q0 t=1"]);
    bench.reconnect(true);
    assert_eq!(bench.sent(), NOTHING);
}

#[test]
fn tracked_qos_0_is_reported_when_sent_and_its_identifier_is_not_sent() {
    let mut bench = Bench::online(v311());
    let id = bench.session.publish(message(0, "1"), true).unwrap();
    let Some(Outgoing::Publish(sent)) = bench.session.poll_transmit(bench.now) else {
        panic!("no PUBLISH");
    };
    assert_eq!(sent.packet_id, id);
    let mut bytes = bytes::BytesMut::new();
    bench
        .session
        .codec()
        .encode(&Outgoing::Publish(sent), &mut bytes);
    assert_eq!(&bytes[..], b"\x30\x04\x00\x01t1");
    assert_eq!(bench.events(), NOTHING);
    bench.session.sent(id.unwrap());
    assert_eq!(bench.events(), ["published #1"]);
}

#[test]
fn tracked_qos_0_is_given_up_when_the_connection_is_lost() {
    let mut bench = Bench::online(v311());
    bench.session.publish(message(0, "1"), true).unwrap();
    bench.session.close(Err(Error::Closed));
    assert_eq!(
        bench.events(),
        [
            "given up #1: the broker closed the connection",
            "disconnected: the broker closed the connection"
        ]
    );
}

#[test]
fn qos_0_needs_a_connection() {
    let mut bench = Bench::offline(v311());
    let error = Err("not connected to the broker".into());
    assert_eq!(bench.try_publish(message(0, "1")), error);
}

#[test]
fn qos_0_that_is_published_after_connect_is_sent_after_connack() {
    let mut bench = Bench::offline(v311());
    bench.session.open(bench.now);
    bench.publish(0, "1");
    assert_eq!(bench.sent(), ["CONNECT"]);
    bench.handle(Incoming::ConnAck(connack(false))).unwrap();
    assert_eq!(bench.sent(), ["PUBLISH q0 t=1"]);
}

#[test]
fn qos_0_that_is_published_after_connect_is_given_up_if_connack_forbids_it() {
    let mut bench = Bench::offline(v5());
    bench.session.open(bench.now);
    let retained = message(0, "1").with_retain(true);
    bench.session.publish(retained, true).unwrap();
    bench.publish(0, "2");
    assert_eq!(bench.sent(), ["CONNECT"]);
    let ack = ConnAck {
        properties: Some(Box::new(Properties {
            retain_available: Some(0),
            ..Properties::default()
        })),
        ..connack(false)
    };
    bench.handle(Incoming::ConnAck(ack)).unwrap();
    assert_eq!(bench.sent(), ["PUBLISH q0 t=2"]);
    let told = bench.events();
    assert!(
        told.contains(&"given up #1: the broker doesn't retain messages".to_owned()),
        "{told:?}"
    );
}

#[test]
fn qos_0_that_is_published_before_connack_is_sent_before_a_disconnect() {
    let mut bench = Bench::offline(v311());
    bench.session.open(bench.now);
    assert_eq!(bench.sent(), ["CONNECT"]);
    bench.publish(0, "1");
    bench.session.disconnect_normally();
    assert_eq!(bench.sent(), ["PUBLISH q0 t=1", "DISCONNECT 0x00"]);
}

#[test]
fn puback_finishes_qos_1() {
    let mut bench = Bench::online(v311());
    assert_eq!(bench.publish(1, "1"), Some(1));
    assert_eq!(bench.sent(), ["PUBLISH q1 #1 t=1"]);
    assert_eq!(bench.session.unacknowledged(), 1);
    bench.puback(1);
    assert_eq!(bench.events(), ["published #1"]);
    assert_eq!(bench.session.unacknowledged(), 0);
    bench.puback(1);
    assert_eq!(bench.events(), NOTHING);
}

#[test]
fn pubcomp_finishes_qos_2() {
    let mut bench = Bench::online(v311());
    bench.publish(2, "1");
    assert_eq!(bench.sent(), ["PUBLISH q2 #1 t=1"]);
    bench.pubrec(1);
    assert_eq!(bench.sent(), ["PUBREL #1"]);
    assert_eq!(bench.events(), NOTHING);
    bench.pubcomp(1);
    assert_eq!(bench.events(), ["published #1"]);
    assert_eq!(bench.sent(), NOTHING);
}

#[test]
fn answers_of_the_other_qos_finish_nothing() {
    let mut bench = Bench::online(v311());
    bench.publish(1, "1");
    bench.publish(2, "2");
    bench.sent();
    bench.pubcomp(1);
    bench.pubcomp(2);
    assert_eq!(bench.events(), NOTHING);
    bench.pubrec(1);
    assert_eq!(bench.sent(), ["PUBREL #1 packet identifier not found"]);
    bench.puback(1);
    assert_eq!(bench.events(), ["published #1"]);
}

#[test]
fn messages_accepted_offline_are_sent_after_connack_in_order() {
    let mut bench = Bench::offline(v311());
    bench.publish(1, "a");
    bench.publish(2, "b");
    bench.session.open(bench.now);
    bench.publish(1, "c");
    assert_eq!(bench.sent(), ["CONNECT"]);
    bench.handle(Incoming::ConnAck(connack(false))).unwrap();
    assert_eq!(
        bench.sent(),
        [
            "PUBLISH q1 #1 t=a",
            "PUBLISH q2 #2 t=b",
            "PUBLISH q1 #3 t=c"
        ]
    );
}

#[test]
fn a_resumed_session_sends_again_with_dup_in_the_original_order() {
    let mut bench = Bench::online(v311());
    bench.publish(1, "a");
    bench.publish(2, "b");
    bench.publish(1, "c");
    bench.publish(2, "d");
    bench.sent();
    bench.pubrec(2);
    bench.puback(1);
    bench.lose();
    bench.publish(1, "e");
    bench.connect(true);
    assert_eq!(
        bench.sent(),
        [
            "PUBREL #2",
            "PUBLISH q1 #3 dup t=c",
            "PUBLISH q2 #4 dup t=d",
            "PUBLISH q1 #5 t=e"
        ]
    );
}

#[test]
fn after_a_lost_session_all_messages_are_sent_as_new() {
    let mut bench = Bench::online(v311());
    bench.publish(1, "a");
    bench.publish(2, "b");
    bench.publish(2, "c");
    bench.sent();
    bench.pubrec(2);
    bench.reconnect(false);
    assert_eq!(bench.events(), NOTHING);
    assert_eq!(
        bench.sent(),
        [
            "PUBLISH q1 #1 t=a",
            "PUBLISH q2 #2 t=b",
            "PUBLISH q2 #3 t=c"
        ]
    );
}

#[test]
fn nothing_is_forgotten_over_many_connections() {
    let mut bench = Bench::online(v311());
    bench.publish_many(1, 50);
    bench.sent();
    for session_present in [true, false, true] {
        bench.reconnect(session_present);
        assert_eq!(bench.sent().len(), 20);
    }
    for number in 1..=50 {
        bench.puback(number);
    }
    assert_eq!(bench.events().len(), 50);
    assert_eq!(bench.session.unacknowledged(), 0);
}

#[test]
fn no_more_than_max_inflight_messages_are_in_flight() {
    let mut bench = Bench::online(ClientConfig {
        max_inflight: 2,
        ..v311()
    });
    bench.publish_many(1, 4);
    assert_eq!(bench.sent(), ["PUBLISH q1 #1 t=1", "PUBLISH q1 #2 t=2"]);
    bench.puback(2);
    assert_eq!(bench.sent(), ["PUBLISH q1 #3 t=3"]);
    bench.puback(1);
    assert_eq!(bench.sent(), ["PUBLISH q1 #4 t=4"]);
}

#[test]
fn qos_2_is_in_flight_until_pubcomp() {
    let mut bench = Bench::online(ClientConfig {
        max_inflight: 1,
        ..v311()
    });
    bench.publish_many(2, 2);
    bench.sent();
    bench.pubrec(1);
    assert_eq!(bench.sent(), ["PUBREL #1"]);
    bench.pubcomp(1);
    assert_eq!(bench.sent(), ["PUBLISH q2 #2 t=2"]);
}

#[test]
fn the_broker_s_receive_maximum_lowers_the_window_for_its_connection() {
    let mut bench = Bench::offline(v5());
    bench.publish_many(1, 5);
    bench.connect_given(Properties {
        receive_maximum: Some(1),
        ..Properties::default()
    });
    assert_eq!(bench.sent(), ["PUBLISH q1 #1 t=1"]);
    bench.puback(1);
    assert_eq!(bench.sent(), ["PUBLISH q1 #2 t=2"]);
    bench.reconnect(true);
    assert_eq!(bench.sent().len(), 4);
}

#[test]
fn the_window_starts_empty_on_each_connection() {
    let mut bench = Bench::online(ClientConfig {
        max_inflight: 3,
        ..v311()
    });
    bench.publish_many(2, 5);
    bench.sent();
    bench.pubrec(1);
    bench.reconnect(true);
    assert_eq!(
        bench.sent(),
        [
            "PUBREL #1",
            "PUBLISH q2 #2 dup t=2",
            "PUBLISH q2 #3 dup t=3"
        ]
    );
    bench.pubcomp(1);
    assert_eq!(bench.sent(), ["PUBLISH q2 #4 t=4"]);
}

#[test]
fn a_puback_for_a_message_not_sent_on_this_connection_is_ignored() {
    let mut bench = Bench::online(ClientConfig {
        max_inflight: 1,
        ..v311()
    });
    bench.publish_many(1, 2);
    bench.sent();
    bench.puback(2);
    assert_eq!(bench.events(), NOTHING);
    assert_eq!(bench.session.unacknowledged(), 2);
}

/// After the answer "not found" the broker would forget the packet identifier, and accept the
/// message a second time.
#[test]
fn a_pubrec_counts_for_a_message_that_is_not_sent_again_yet() {
    let mut bench = Bench::online(ClientConfig {
        max_inflight: 2,
        ..v5()
    });
    bench.publish_many(2, 2);
    bench.sent();
    bench.lose();
    bench.connect_given(Properties {
        receive_maximum: Some(1),
        ..Properties::default()
    });
    assert_eq!(bench.sent(), ["PUBLISH q2 #1 dup t=1"]);
    bench.pubrec(2);
    assert_eq!(bench.sent(), ["PUBREL #2"]);
    bench.pubcomp(2);
    assert_eq!(bench.events(), ["published #2"]);
    bench.pubrec(1);
    bench.pubcomp(1);
    assert_eq!(bench.sent(), ["PUBREL #1"]);
}

#[test]
fn an_unexpected_pubrec_is_answered() {
    let mut bench = Bench::online(v5());
    bench.pubrec(9);
    assert_eq!(bench.sent(), ["PUBREL #9 packet identifier not found"]);
    bench.pubcomp(9);
    assert_eq!(bench.events(), NOTHING);
}

#[test]
fn a_second_pubrec_is_answered_with_a_second_pubrel() {
    let mut bench = Bench::online(v311());
    bench.publish(2, "1");
    bench.sent();
    bench.pubrec(1);
    bench.pubrec(1);
    assert_eq!(bench.sent(), ["PUBREL #1", "PUBREL #1"]);
    bench.pubcomp(1);
    bench.pubcomp(1);
    assert_eq!(bench.events(), ["published #1"]);
}

#[test]
fn a_puback_with_a_failure_ends_the_message() {
    let mut bench = Bench::online(v5());
    bench.publish(1, "1");
    let refusal = Ack::with_reason(id(1), ReasonCode(0x97));
    bench.handle(Incoming::PubAck(refusal)).unwrap();
    assert_eq!(
        bench.events(),
        ["given up #1: the broker rejects the message: quota exceeded"]
    );
}

#[test]
fn a_puback_with_another_success_code_is_a_success() {
    let mut bench = Bench::online(v5());
    bench.publish(1, "1");
    let nobody = Ack::with_reason(id(1), ReasonCode(0x10));
    bench.handle(Incoming::PubAck(nobody)).unwrap();
    assert_eq!(bench.events(), ["published #1"]);
}

#[test]
fn a_pubrec_with_a_failure_ends_the_message_without_a_pubrel() {
    let mut bench = Bench::online(ClientConfig {
        max_inflight: 1,
        ..v5()
    });
    bench.publish_many(2, 2);
    bench.sent();
    let refusal = Ack::with_reason(id(1), ReasonCode(0x87));
    bench.handle(Incoming::PubRec(refusal)).unwrap();
    assert_eq!(
        bench.events(),
        ["given up #1: the broker rejects the message: not authorized"]
    );
    assert_eq!(bench.sent(), ["PUBLISH q2 #2 t=2"]);
}

#[test]
fn an_unexpected_pubrec_with_a_failure_ends_no_message() {
    let mut bench = Bench::online(v5());
    bench.publish(1, "qos 1");
    bench.publish(2, "released");
    bench.sent();
    bench.pubrec(2);
    for number in [1, 2, 3] {
        let refusal = Ack::with_reason(id(number), ReasonCode(0x80));
        bench.handle(Incoming::PubRec(refusal)).unwrap();
    }
    assert_eq!(bench.events(), NOTHING);
    assert_eq!(bench.session.unacknowledged(), 2);
}

#[test]
fn a_pubcomp_with_identifier_not_found_finishes_the_message() {
    let mut bench = Bench::online(v5());
    bench.publish(2, "1");
    bench.pubrec(1);
    let forgotten = Ack::with_reason(id(1), ReasonCode::PACKET_ID_NOT_FOUND);
    bench.handle(Incoming::PubComp(forgotten)).unwrap();
    assert_eq!(bench.events(), ["published #1"]);
}

#[test]
fn a_packet_identifier_is_not_reused_before_its_message_is_finished() {
    let mut bench = Bench::online(v311());
    assert_eq!(bench.publish(1, "slow"), Some(1));
    let mut last = 0;
    for _ in 0..65_535 {
        last = bench.publish(1, "quick").unwrap();
        assert_ne!(last, 1);
        bench.puback(last);
    }
    assert_eq!(last, 2);
}

/// The slots of finished messages after it must be freed.
#[test]
fn a_message_that_is_never_acknowledged_does_not_make_memory_grow() {
    let mut bench = Bench::online(v311());
    bench.publish(1, "stuck");
    for _ in 0..10_000 {
        let number = bench.publish(1, "x").unwrap();
        bench.sent();
        bench.puback(number);
        bench.events();
    }
    assert_eq!(bench.session.unacknowledged(), 1);
    bench.reconnect(true);
    assert_eq!(bench.sent(), ["PUBLISH q1 #1 dup t=stuck"]);
}
