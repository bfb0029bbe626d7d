//! Topic aliases of the messages that the client publishes (MQTT 5 §3.3.2.3.4).

use super::*;

fn aliased(maximum: u16) -> Bench {
    given(Properties {
        topic_alias_maximum: Some(maximum),
        ..Properties::default()
    })
}

#[test]
fn topics_get_as_many_aliases_as_the_broker_accepts() {
    let mut bench = aliased(1);
    for topic in ["aaaa", "aaaa", "bbbb", "aaaa", "t"] {
        bench.session.publish(named(1, topic), false).unwrap();
    }
    assert_eq!(
        bench.sent(),
        [
            "PUBLISH q1 #1 aaaa=1 alias 1 new",
            "PUBLISH q1 #2 aaaa=1 alias 1 known",
            "PUBLISH q1 #3 bbbb=1 alias 1 new",
            "PUBLISH q1 #4 aaaa=1 alias 1 new",
            // The alias would be longer.
            "PUBLISH q1 #5 t=1",
        ]
    );
}

#[test]
fn without_a_topic_alias_maximum_there_are_no_aliases() {
    for mut bench in [
        Bench::online(v5()),
        aliased(0),
        Bench::online(v311()),
        Bench::online(v31()),
    ] {
        bench.session.publish(named(0, "aaaa"), false).unwrap();
        bench.session.publish(named(0, "aaaa"), false).unwrap();
        assert_eq!(bench.sent(), ["PUBLISH q0 aaaa=1", "PUBLISH q0 aaaa=1"]);
    }
}

#[test]
fn an_alias_ends_with_its_connection() {
    let mut bench = aliased(5);
    bench.session.publish(named(1, "aaaa"), false).unwrap();
    bench.session.publish(named(1, "aaaa"), false).unwrap();
    bench.sent();
    bench.lose();
    bench.connect_given(Properties {
        topic_alias_maximum: Some(5),
        ..Properties::default()
    });
    assert_eq!(
        bench.sent(),
        [
            "PUBLISH q1 #1 dup aaaa=1 alias 1 new",
            "PUBLISH q1 #2 dup aaaa=1 alias 1 known"
        ]
    );
    bench.reconnect(true);
    assert_eq!(
        bench.sent(),
        ["PUBLISH q1 #1 dup aaaa=1", "PUBLISH q1 #2 dup aaaa=1"]
    );
}

#[test]
fn an_alias_makes_no_packet_too_large() {
    let mut bench = given(Properties {
        topic_alias_maximum: Some(5),
        maximum_packet_size: Some(16),
        ..Properties::default()
    });
    // 2 header, 6 topic, 1 properties: 10 with one byte of payload, 12 with three.
    for payload in ["1", "123"] {
        let message = Message::new(TopicName::new("aaaa").unwrap(), payload);
        bench.session.publish(message, false).unwrap();
    }
    assert_eq!(
        bench.sent(),
        ["PUBLISH q0 aaaa=1 alias 1 new", "PUBLISH q0 aaaa=123"]
    );
}

#[test]
fn a_message_with_an_alias_counts_and_is_reported_like_others() {
    let mut bench = aliased(5);
    let id = bench.session.publish(named(0, "aaaa"), true).unwrap();
    assert_eq!(bench.session.publishing.unsent_bytes, 10);
    assert_eq!(bench.sent(), ["PUBLISH q0 #1 aaaa=1 alias 1 new"]);
    assert_eq!(bench.session.publishing.unsent_bytes, 0);
    bench.session.sent(id.unwrap());
    assert_eq!(bench.events(), ["published #1"]);
}

#[test]
fn without_assigned_aliases_only_those_that_are_asked_for_are_sent() {
    let mut bench = Bench::offline(ClientConfig {
        assigns_topic_aliases: false,
        ..v5()
    });
    bench.connect_given(Properties {
        topic_alias_maximum: Some(5),
        ..Properties::default()
    });
    bench.session.publish(named(0, "aaaa"), false).unwrap();
    let mut asked = named(0, "aaaa");
    asked.properties = Some(Box::new(Properties {
        topic_alias: Some(3),
        ..Properties::default()
    }));
    bench.session.publish(asked, false).unwrap();
    assert_eq!(
        bench.sent(),
        ["PUBLISH q0 aaaa=1", "PUBLISH q0 aaaa=1 alias 3 new"]
    );
}
