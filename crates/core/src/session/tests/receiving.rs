//! Messages from the broker, up to their acknowledgement.

use super::*;

#[test]
fn qos_0_is_reported_and_not_acknowledged() {
    let mut bench = Bench::online(v311());
    bench.receive(publish(0, 0, "1")).unwrap();
    assert_eq!(bench.events_acknowledged(), ["message q0 t=1"]);
    assert_eq!(bench.sent(), NOTHING);
}

#[test]
fn reported_messages_are_acknowledged_automatically_afterwards() {
    let mut bench = Bench::online(v311());
    bench.receive(publish(1, 7, "a")).unwrap();
    bench.receive(publish(2, 8, "b")).unwrap();
    bench.session.acknowledge_taken();
    assert_eq!(bench.sent(), NOTHING);
    assert_eq!(
        bench.events_acknowledged(),
        ["message q1 #7 t=a", "message q2 #8 t=b"]
    );
    assert_eq!(bench.sent(), ["PUBACK #7", "PUBREC #8"]);
    bench.pubrel(8);
    assert_eq!(bench.events(), NOTHING);
    assert_eq!(bench.sent(), ["PUBCOMP #8"]);
}

#[test]
fn with_manual_ack_only_the_application_acknowledges() {
    let mut bench = Bench::online(manual(v311()));
    let token = bench.arrival(1, 7, "a");
    bench.session.acknowledge_taken();
    assert_eq!(bench.sent(), NOTHING);
    bench.session.ack(&token);
    assert_eq!(bench.sent(), ["PUBACK #7"]);
    bench.session.ack(&token);
    assert_eq!(bench.sent(), NOTHING);
}

#[test]
fn acknowledgements_keep_the_order_of_arrival() {
    let mut bench = Bench::online(manual(v311()));
    let first = bench.arrival(1, 1, "a");
    let second = bench.arrival(2, 2, "b");
    let third = bench.arrival(1, 3, "c");
    bench.session.ack(&third);
    bench.session.ack(&second);
    assert_eq!(bench.sent(), NOTHING);
    bench.session.ack(&first);
    assert_eq!(bench.sent(), ["PUBACK #1", "PUBREC #2", "PUBACK #3"]);
}

#[test]
fn a_token_of_an_earlier_connection_sends_nothing_for_qos_1() {
    let mut bench = Bench::online(manual(v311()));
    let old = bench.arrival(1, 1, "a");
    bench.lose();
    bench.session.ack(&old);
    bench.connect(true);
    bench.session.ack(&old);
    assert_eq!(bench.sent(), NOTHING);
    let again = bench.arrival(1, 1, "a");
    bench.session.ack(&old);
    assert_eq!(bench.sent(), NOTHING);
    bench.session.ack(&again);
    assert_eq!(bench.sent(), ["PUBACK #1"]);
}

#[test]
fn messages_of_a_lost_connection_are_not_acknowledged_on_the_next() {
    let mut bench = Bench::online(v311());
    bench.receive(publish(1, 1, "a")).unwrap();
    bench.events();
    bench.lose();
    bench.session.acknowledge_taken();
    bench.connect(true);
    bench.session.acknowledge_taken();
    assert_eq!(bench.sent(), NOTHING);
}

#[test]
fn qos_1_that_arrives_again_is_reported_again() {
    let mut bench = Bench::online(v311());
    bench.receive(publish(1, 1, "a")).unwrap();
    bench.reconnect(true);
    let again = Publish {
        dup: true,
        ..publish(1, 1, "a")
    };
    bench.receive(again).unwrap();
    assert_eq!(bench.events_acknowledged(), ["message q1 #1 dup t=a"]);
    assert_eq!(bench.sent(), ["PUBACK #1"]);
}

#[test]
fn qos_2_that_arrives_again_after_its_ack_is_acknowledged_at_once() {
    let mut bench = Bench::online(manual(v311()));
    let token = bench.arrival(2, 5, "a");
    bench.session.ack(&token);
    assert_eq!(bench.sent(), ["PUBREC #5"]);
    bench.reconnect(true);
    bench.receive(publish(2, 5, "a")).unwrap();
    assert_eq!(bench.events(), ["duplicate q2 #5 t=a"]);
    assert_eq!(bench.sent(), ["PUBREC #5"]);
}

#[test]
fn qos_2_that_arrives_again_before_its_ack_waits_for_it() {
    let mut bench = Bench::online(manual(v311()));
    let token = bench.arrival(2, 5, "a");
    bench.reconnect(true);
    bench.receive(publish(2, 5, "a")).unwrap();
    assert_eq!(bench.events(), ["duplicate q2 #5 t=a"]);
    assert_eq!(bench.sent(), NOTHING);
    bench.session.ack(&token);
    assert_eq!(bench.sent(), ["PUBREC #5"]);
}

#[test]
fn qos_2_acked_between_two_connections_is_a_duplicate_on_the_second() {
    let mut bench = Bench::online(manual(v311()));
    let token = bench.arrival(2, 5, "a");
    bench.lose();
    bench.session.ack(&token);
    bench.connect(true);
    assert_eq!(bench.sent(), NOTHING);
    bench.receive(publish(2, 5, "a")).unwrap();
    assert_eq!(bench.events(), ["duplicate q2 #5 t=a"]);
    assert_eq!(bench.sent(), ["PUBREC #5"]);
}

#[test]
fn a_duplicate_keeps_its_place_among_the_acknowledgements() {
    let mut bench = Bench::online(manual(v311()));
    bench.session.hold([held(5, "b")]);
    let first = bench.arrival(1, 1, "a");
    bench.receive(publish(2, 5, "b")).unwrap();
    assert_eq!(bench.events(), ["duplicate q2 #5 t=b"]);
    assert_eq!(bench.sent(), NOTHING);
    bench.session.ack(&first);
    assert_eq!(bench.sent(), ["PUBACK #1", "PUBREC #5"]);
}

#[test]
fn qos_2_that_arrives_again_on_the_same_connection_is_acknowledged_once_more() {
    let mut bench = Bench::online(v311());
    bench.receive(publish(2, 5, "a")).unwrap();
    bench.receive(publish(2, 5, "a")).unwrap();
    assert_eq!(
        bench.events_acknowledged(),
        ["message q2 #5 t=a", "duplicate q2 #5 t=a"]
    );
    assert_eq!(bench.sent(), ["PUBREC #5"]);
    bench.receive(publish(2, 5, "a")).unwrap();
    assert_eq!(bench.events_acknowledged(), ["duplicate q2 #5 t=a"]);
    assert_eq!(bench.sent(), ["PUBREC #5"]);
}

#[test]
fn duplicates_behind_a_missing_acknowledgement_do_not_accumulate() {
    let mut bench = Bench::online(ClientConfig {
        receive_maximum: 2,
        ..manual(v5())
    });
    let first = bench.arrival(1, 1, "a");
    let second = bench.arrival(2, 2, "b");
    for _ in 0..1000 {
        bench.receive(publish(2, 2, "b")).unwrap();
    }
    bench.session.ack(&first);
    bench.session.ack(&second);
    assert_eq!(bench.sent(), ["PUBACK #1", "PUBREC #2"]);
}

#[test]
fn after_its_release_a_packet_identifier_means_a_new_message() {
    let mut bench = Bench::online(v311());
    for payload in ["a", "b"] {
        bench.receive(publish(2, 5, payload)).unwrap();
        assert_eq!(
            bench.events_acknowledged(),
            [format!("message q2 #5 t={payload}")]
        );
        bench.pubrel(5);
        assert_eq!(bench.sent(), ["PUBREC #5", "PUBCOMP #5"]);
    }
}

#[test]
fn a_lost_session_forgets_held_identifiers() {
    let mut bench = Bench::online(manual(v311()));
    let old = bench.arrival(2, 5, "a");
    bench.reconnect(false);
    let new = bench.arrival(2, 5, "b");
    bench.session.ack(&old);
    assert_eq!(bench.sent(), NOTHING);
    bench.session.ack(&new);
    assert_eq!(bench.sent(), ["PUBREC #5"]);
}

#[test]
fn ids_held_from_an_earlier_process_make_duplicates() {
    let mut bench = Bench::offline(manual(v311()));
    bench.session.hold([held(5, "a"), held(6, "a")]);
    bench.connect(true);
    bench.receive(publish(2, 5, "a")).unwrap();
    assert_eq!(bench.events(), ["duplicate q2 #5 t=a"]);
    assert_eq!(bench.sent(), ["PUBREC #5"]);
    let token = bench.released(6);
    bench.session.release(&token);
    assert_eq!(bench.sent(), ["PUBCOMP #6"]);
}

#[test]
fn another_message_with_a_held_identifier_is_new() {
    let mut bench = Bench::offline(manual(v311()));
    bench.session.hold([held(5, "a")]);
    bench.connect(true);
    let token = bench.arrival(2, 5, "b");
    assert!(token.is_instead());
    assert_eq!(bench.sent(), NOTHING);
    bench.session.ack(&token);
    assert_eq!(bench.sent(), ["PUBREC #5"]);
    // And again, now that the second one is held.
    bench.receive(publish(2, 5, "b")).unwrap();
    assert_eq!(bench.events(), ["duplicate q2 #5 t=b"]);
    assert_eq!(bench.sent(), ["PUBREC #5"]);
}

#[test]
fn another_message_with_a_held_identifier_of_this_connection_does_not_block_others() {
    let mut bench = Bench::online(manual(v5()));
    bench.arrival(2, 5, "a");
    let second = bench.arrival(2, 5, "b");
    let third = bench.arrival(1, 6, "c");
    bench.session.ack(&second);
    bench.session.ack(&third);
    assert_eq!(bench.sent(), ["PUBREC #5", "PUBACK #6"]);
}

#[test]
fn qos_1_is_certainly_again_only_if_its_puback_was_never_sent() {
    let mut bench = Bench::online(manual(v311()));
    let acked = bench.arrival(1, 1, "a");
    bench.arrival(1, 2, "b");
    bench.arrival(1, 3, "c");
    let late = bench.arrival(1, 4, "d");
    bench.session.ack(&acked);
    bench.lose();
    // Nothing is sent any more.
    bench.session.ack(&late);
    bench.connect(true);
    assert!(!bench.arrival(1, 1, "a").is_again());
    assert!(bench.arrival(1, 2, "b").is_again());
    // The broker has lost its newest state, and uses the packet identifier for another message.
    assert!(!bench.arrival(1, 3, "x").is_again());
    assert!(bench.arrival(1, 4, "d").is_again());
    // Later messages with these packet identifiers are new.
    assert!(!bench.arrival(1, 2, "b").is_again());
}

#[test]
fn qos_1_that_is_lost_twice_is_still_again() {
    let mut bench = Bench::online(manual(v311()));
    bench.arrival(1, 1, "a");
    bench.arrival(1, 2, "b");
    bench.reconnect(true);
    assert!(bench.arrival(1, 1, "a").is_again());
    bench.reconnect(true);
    assert!(bench.arrival(1, 1, "a").is_again());
    assert!(bench.arrival(1, 2, "b").is_again());
    bench.reconnect(false);
    assert!(!bench.arrival(1, 1, "a").is_again());
}

#[test]
fn ids_held_from_an_earlier_process_are_forgotten_with_the_session() {
    let mut bench = Bench::offline(manual(v311()));
    bench.session.hold([held(5, "a")]);
    bench.connect(false);
    bench.arrival(2, 5, "a");
}

#[test]
fn more_unacknowledged_messages_than_packet_identifiers_end_the_connection() {
    let mut bench = Bench::online(manual(v5()));
    let first = bench.arrival(1, 1, "a");
    bench.arrival(2, 2, "b");
    bench.session.ack(&first);
    for _ in 0..65_534 {
        bench.receive(publish(1, 3, "c")).unwrap();
    }
    bench.receive(publish(0, 0, "not counted")).unwrap();
    bench.receive(publish(2, 2, "b")).unwrap();
    let error = bench.receive(publish(1, 4, "d")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the broker broke the protocol: receive maximum exceeded"
    );
    let disconnect = bench.session.disconnect_after(&error).unwrap();
    assert_eq!(packet_text(&disconnect), "DISCONNECT 0x93");
}

#[test]
fn a_broker_that_exceeds_our_receive_maximum_is_served() {
    for protocol in [v311(), v5()] {
        let mut bench = Bench::online(ClientConfig {
            receive_maximum: 1,
            ..manual(protocol)
        });
        for number in 1..=100 {
            bench.arrival(if number % 2 == 0 { 1 } else { 2 }, number, "a");
        }
    }
}

#[test]
fn a_topic_alias_means_the_topic_that_it_came_with() {
    let mut bench = Bench::offline(ClientConfig {
        topic_alias_maximum: 2,
        ..v5()
    });
    bench.connect(true);
    bench.receive(aliased(Some("a"), 1)).unwrap();
    bench.receive(aliased(Some("b"), 2)).unwrap();
    bench.receive(aliased(None, 1)).unwrap();
    bench.receive(aliased(Some("c"), 1)).unwrap();
    bench.receive(aliased(None, 1)).unwrap();
    assert_eq!(
        bench.events(),
        [
            "message q0 a=",
            "message q0 b=",
            "message q0 a=",
            "message q0 c=",
            "message q0 c="
        ]
    );
}

#[test]
fn a_topic_alias_ends_with_its_connection() {
    let mut bench = Bench::offline(ClientConfig {
        topic_alias_maximum: 2,
        ..v5()
    });
    bench.connect(true);
    bench.receive(aliased(Some("a"), 1)).unwrap();
    bench.reconnect(true);
    assert_eq!(alias_error(&mut bench, aliased(None, 1)), 0x82);
}

#[test]
fn a_wrong_topic_alias_ends_the_connection_with_its_reason() {
    let mut bench = Bench::offline(ClientConfig {
        topic_alias_maximum: 2,
        ..v5()
    });
    bench.connect(true);
    assert_eq!(alias_error(&mut bench, aliased(None, 2)), 0x82);
    assert_eq!(alias_error(&mut bench, aliased(Some("a"), 3)), 0x94);
    assert_eq!(alias_error(&mut bench, aliased(Some("a"), 0)), 0x94);
    let without = Publish {
        topic: None,
        ..publish(0, 0, "")
    };
    assert_eq!(alias_error(&mut bench, without), 0x82);
    let mut bench = Bench::online(v5());
    assert_eq!(alias_error(&mut bench, aliased(Some("a"), 1)), 0x94);
}

fn aliased(topic: Option<&str>, alias: u16) -> Publish {
    Publish {
        topic: topic.map(|topic| TopicName::new(topic).unwrap()),
        properties: Some(Box::new(Properties {
            topic_alias: Some(alias),
            ..Properties::default()
        })),
        ..publish(0, 0, "")
    }
}

#[track_caller]
fn alias_error(bench: &mut Bench, publish: Publish) -> u8 {
    let error = bench.receive(publish).unwrap_err();
    match bench.session.disconnect_after(&error) {
        Some(Outgoing::Disconnect(disconnect)) => disconnect.reason.0,
        other => panic!("{other:?}"),
    }
}
