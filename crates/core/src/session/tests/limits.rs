//! Messages and requests that CONNACK forbids, or that no broker accepts.

use super::*;

#[test]
fn the_broker_s_maximum_qos() {
    let mut bench = given(Properties {
        maximum_qos: Some(1),
        ..Properties::default()
    });
    assert_eq!(
        bench.try_publish(message(2, "1")),
        Err("the broker takes QoS 1 at most".into())
    );
    assert!(bench.try_publish(message(1, "1")).is_ok());
}

#[test]
fn a_broker_that_doesn_t_retain() {
    let mut bench = given(Properties {
        retain_available: Some(0),
        ..Properties::default()
    });
    assert_eq!(
        bench.try_publish(message(1, "1").with_retain(true)),
        Err("the broker doesn't retain messages".into())
    );
}

#[test]
fn the_broker_s_maximum_packet_size() {
    let mut bench = given(Properties {
        maximum_packet_size: Some(20),
        ..Properties::default()
    });
    // 1 + 1 header, 3 topic, 2 id, 1 properties.
    assert!(bench.try_publish(message(1, &"x".repeat(12))).is_ok());
    assert_eq!(
        bench.try_publish(message(1, &"x".repeat(13))),
        Err("a packet of 21 bytes is larger than the broker's limit of 20".into())
    );
    let filter = TopicFilter::new("x".repeat(13)).unwrap();
    assert!(matches!(
        bench
            .session
            .subscribe(vec![(filter.clone(), QoS::AtMostOnce)]),
        Err(Error::PacketTooLarge {
            size: 21,
            limit: 20
        })
    ));
    assert!(bench.session.unsubscribe(vec![filter]).is_ok());
}

#[test]
fn messages_accepted_before_the_limit_was_known_are_given_up_and_reported() {
    let mut bench = Bench::offline(v5());
    bench.publish(2, "a");
    bench.publish(1, "b");
    bench.connect_given(Properties {
        maximum_qos: Some(1),
        ..Properties::default()
    });
    assert_eq!(
        bench.events(),
        ["given up #1: the broker takes QoS 1 at most"]
    );
    assert_eq!(bench.sent(), ["PUBLISH q1 #2 t=b"]);
    assert_eq!(bench.session.unacknowledged(), 1);
}

#[test]
fn limits_end_with_their_connection() {
    let mut bench = given(Properties {
        maximum_qos: Some(0),
        ..Properties::default()
    });
    assert!(bench.try_publish(message(1, "1")).is_err());
    bench.lose();
    assert!(bench.try_publish(message(1, "1")).is_ok());
    bench.connect(true);
    assert_eq!(bench.sent(), ["PUBLISH q1 #1 t=1"]);
}

#[test]
fn a_packet_beyond_the_protocol_s_maximum_is_refused() {
    let payload = bytes::Bytes::from(vec![0; 268_435_450]);
    let huge = Message::new(TopicName::new("topic").unwrap(), payload).with_qos(QoS::AtLeastOnce);
    for mut bench in [Bench::online(v311()), Bench::offline(v311())] {
        assert_eq!(
            bench.try_publish(huge.clone()),
            Err(
                "a packet of 268435464 bytes is larger than the protocol's limit of 268435460"
                    .into()
            )
        );
    }
}

/// Otherwise the broker would end the connection, and the message would be sent again for ever.
#[test]
fn properties_that_would_end_the_connection_are_refused() {
    let long = "x".repeat(65_536);
    let none = Properties::default;
    refused(
        Properties {
            content_type: Some(long.clone()),
            ..none()
        },
        "a content type has 65536 bytes, at most 65,535 are allowed",
    );
    refused(
        Properties {
            user_properties: vec![("a".into(), "b\0".into())],
            ..none()
        },
        "a user property holds a NUL character",
    );
    refused(
        Properties {
            correlation_data: Some(long.into()),
            ..none()
        },
        "a correlation data has 65536 bytes, at most 65,535 are allowed",
    );
    refused(
        Properties {
            response_topic: Some("a/#".into()),
            ..none()
        },
        "topic name `a/#` contains the wildcard `#` (only topic filters have wildcards)",
    );
    refused(
        Properties {
            payload_format_indicator: Some(2),
            ..none()
        },
        "the payload format indicator is 2, 0 or 1 are allowed",
    );
}

#[test]
fn the_topic_alias_of_a_received_message_is_not_forwarded() {
    let mut bench = Bench::online(v5());
    let received = Message {
        properties: Some(Box::new(Properties {
            topic_alias: Some(3),
            content_type: Some("text/plain".into()),
            ..Properties::default()
        })),
        ..message(0, "1")
    };
    bench.session.publish(received, false).unwrap();
    let Some(Outgoing::Publish(sent)) = bench.session.poll_transmit(bench.now) else {
        panic!("no PUBLISH");
    };
    let properties = sent.properties.unwrap();
    assert_eq!(properties.topic_alias, None);
    assert_eq!(properties.content_type.as_deref(), Some("text/plain"));
}

#[track_caller]
fn refused(properties: Properties, expected: &str) {
    let mut bench = Bench::online(v5());
    let bad = Message {
        properties: Some(Box::new(properties)),
        ..message(1, "1")
    };
    assert_eq!(bench.try_publish(bad.clone()), Err(expected.into()));
    assert!(Bench::online(v311()).try_publish(bad).is_ok());
}
