//! Errors that the model in `model.rs` has found, each in its shortest form.

use super::*;

/// A CONNACK with these properties.
fn online_given(session_present: bool, properties: Properties) -> ConnAck {
    ConnAck {
        properties: Some(Box::new(properties)),
        ..connack(session_present)
    }
}

#[test]
fn a_message_that_was_never_sent_has_no_dup() {
    let mut bench = Bench::online(v311());
    bench.publish(1, "a");
    bench.publish(2, "b");
    bench.reconnect(true);
    assert_eq!(bench.sent(), ["PUBLISH q1 #1 t=a", "PUBLISH q2 #2 t=b"]);
    bench.reconnect(true);
    assert_eq!(
        bench.sent(),
        ["PUBLISH q1 #1 dup t=a", "PUBLISH q2 #2 dup t=b"]
    );
    // A message that was sent before, and not again on this connection, keeps its flag.
    bench.reconnect(true);
    bench.reconnect(true);
    assert_eq!(
        bench.sent(),
        ["PUBLISH q1 #1 dup t=a", "PUBLISH q2 #2 dup t=b"]
    );
}

#[test]
fn acknowledging_without_a_connection_queues_nothing() {
    let mut bench = Bench::online(manual(v311()));
    let first = bench.arrival(1, 1, "a");
    let second = bench.arrival(2, 2, "b");
    bench.lose();
    bench.session.ack(&first);
    bench.session.ack(&second);
    assert_eq!(bench.session.backlog(), 0);
    assert_eq!(bench.sent(), NOTHING);
    // The QoS 2 message is acknowledged nevertheless.
    bench.connect(true);
    bench.receive(publish(2, 2, "b")).unwrap();
    assert_eq!(bench.sent(), ["PUBREC #2"]);
    assert_eq!(bench.events(), ["duplicate q2 #2 t=b"]);
}

/// The session that begins with this CONNACK is present at the next connection: its packet
/// identifiers are not those of the session before.
#[test]
fn a_lost_session_is_noticed_while_the_connection_ends() {
    let mut bench = Bench::online(v311());
    bench.receive(publish(2, 1, "old")).unwrap();
    bench.events_acknowledged();
    bench.publish(1, "a");
    bench.sent();
    bench.lose();
    bench.session.open(bench.now);
    assert_eq!(bench.sent(), ["CONNECT"]);
    bench.session.disconnect_normally();
    assert_eq!(bench.sent(), ["DISCONNECT 0x00"]);
    bench.handle(Incoming::ConnAck(connack(false))).unwrap();
    // A second CONNACK is ignored.
    bench.handle(Incoming::ConnAck(connack(false))).unwrap();
    bench.session.close(Ok(()));
    assert_eq!(bench.events(), ["disconnected"]);
    bench.connect(true);
    assert_eq!(bench.sent(), ["PUBLISH q1 #1 t=a"]);
    bench.receive(publish(2, 1, "new")).unwrap();
    assert_eq!(bench.events(), ["message q2 #1 t=new"]);
}

/// The broker may hold the packet identifier: it would take the next message with it for this one.
#[test]
fn the_identifier_of_a_qos_2_message_that_is_given_up_is_released_first() {
    for (answer, end) in [
        (ReasonCode::SUCCESS, "published #1".to_owned()),
        (
            ReasonCode::PACKET_ID_NOT_FOUND,
            "given up #1: a packet of 9 bytes is larger than the broker's limit of 8".to_owned(),
        ),
    ] {
        let mut bench = Bench::online(v5());
        bench.publish(2, "a");
        bench.publish(2, "b");
        assert_eq!(bench.sent().len(), 2);
        bench.pubrec(2);
        bench.sent();
        bench.lose();
        let small = Properties {
            maximum_packet_size: Some(8),
            ..Properties::default()
        };
        bench.connect_with(online_given(true, small)).unwrap();
        assert_eq!(bench.sent(), ["PUBREL #1", "PUBREL #2"]);
        assert_eq!(bench.events(), NOTHING);
        bench
            .handle(Incoming::PubComp(Ack::with_reason(id(1), answer)))
            .unwrap();
        assert_eq!(bench.events(), [end]);
        bench.pubcomp(2);
        assert_eq!(bench.events(), ["published #2"]);
        assert_eq!(bench.session.unacknowledged(), 0);
    }
}

/// Before CONNACK the broker's limits are unknown.
#[test]
fn messages_published_before_connack_wait_for_it_while_ending_too() {
    let mut bench = Bench::offline(v5());
    bench.session.open(bench.now);
    assert_eq!(bench.sent(), ["CONNECT"]);
    let retained = message(0, "a").with_retain(true);
    bench.session.publish(retained, true).unwrap();
    bench.publish(0, "b");
    bench.session.disconnect_normally();
    assert_eq!(bench.sent(), NOTHING);
    assert!(!bench.session.has_sent_disconnect());
    let none_retained = Properties {
        retain_available: Some(0),
        ..Properties::default()
    };
    bench
        .handle(Incoming::ConnAck(online_given(false, none_retained)))
        .unwrap();
    assert_eq!(bench.sent(), ["PUBLISH q0 t=b", "DISCONNECT 0x00"]);
    assert!(bench.session.has_sent_disconnect());
    assert_eq!(
        bench.events(),
        ["given up #1: the broker doesn't retain messages"]
    );
}

#[test]
fn a_refusal_while_ending_leaves_only_disconnect_to_send() {
    let mut bench = Bench::offline(v5());
    bench.session.open(bench.now);
    assert_eq!(bench.sent(), ["CONNECT"]);
    bench.publish(0, "a");
    bench.session.disconnect_normally();
    let refusal = ConnAck {
        code: ConnectCode(0x87),
        ..connack(false)
    };
    bench.handle(Incoming::ConnAck(refusal)).unwrap();
    assert_eq!(bench.sent(), ["DISCONNECT 0x00"]);
}
