//! How many messages are accepted, and when the queue has room again.

use super::*;

#[test]
fn no_more_messages_than_max_queued_are_accepted() {
    let mut bench = Bench::online(ClientConfig {
        max_queued: 4,
        ..v311()
    });
    bench.publish_many(1, 4);
    assert_eq!(
        bench.try_publish(message(1, "5")),
        Err("4 messages (32 bytes) wait for the broker already".into())
    );
    bench.sent();
    bench.puback(1);
    assert_eq!(bench.events(), ["published #1"]);
    bench.puback(2);
    assert_eq!(bench.events(), ["published #2", "writable"]);
    bench.puback(3);
    assert_eq!(bench.events(), ["published #3"]);
}

#[test]
fn no_more_bytes_than_max_queued_bytes_are_accepted() {
    let mut bench = Bench::offline(ClientConfig {
        max_queued_bytes: 100,
        ..v311()
    });
    let thirty = "x".repeat(30);
    bench.publish(1, &thirty);
    bench.publish(2, &thirty);
    assert!(bench.try_publish(message(1, &thirty)).is_err());
    bench.connect(false);
    bench.sent();
    // The broker has the second one, but may lose it with the session: it is kept until PUBCOMP.
    bench.pubrec(2);
    assert!(bench.try_publish(message(1, &thirty)).is_err());
    bench.pubcomp(2);
    bench.publish(1, &thirty);
}

#[test]
fn a_single_message_may_exceed_max_queued_bytes() {
    let mut bench = Bench::online(ClientConfig {
        max_queued_bytes: 100,
        ..v311()
    });
    let large = "x".repeat(1000);
    bench.publish(1, &large);
    assert!(bench.try_publish(message(1, &large)).is_err());
    bench.puback(1);
    assert_eq!(bench.events(), ["published #1", "writable"]);
    bench.publish(1, &large);
}

#[test]
fn unsent_qos_0_is_bounded() {
    let mut bench = Bench::online(v311());
    let chunk = "x".repeat(300_000);
    for _ in 0..3 {
        bench.publish(0, &chunk);
    }
    assert_eq!(
        bench.try_publish(message(0, &chunk)),
        Err("0 messages (900021 bytes) wait for the broker already".into())
    );
    assert_eq!(bench.events(), NOTHING);
    bench.session.poll_transmit(bench.now);
    assert_eq!(bench.events(), NOTHING);
    bench.session.poll_transmit(bench.now);
    assert_eq!(bench.events(), ["writable"]);
}

#[test]
fn a_lost_connection_makes_room_for_qos_0() {
    let mut bench = Bench::online(v311());
    let chunk = "x".repeat(1_000_000);
    bench.publish(0, &chunk);
    assert!(bench.try_publish(message(0, &chunk)).is_err());
    bench.session.close(Err(Error::Closed));
    assert_eq!(
        bench.events(),
        ["writable", "disconnected: the broker closed the connection"]
    );
}

/// Otherwise a publisher would wait for ever although packet identifiers are free.
#[test]
fn free_packet_identifiers_are_reported_as_writable() {
    let mut bench = Bench::online(v311());
    let mut ids = Vec::new();
    let error = loop {
        match bench.session.publish(message(0, ""), true) {
            Ok(id) => ids.extend(id),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::QueueFull { .. }));
    assert_eq!(ids.len(), 65_535);
    bench.sent();
    assert_eq!(bench.events(), NOTHING);
    bench.session.sent(ids[0]);
    assert_eq!(bench.events(), ["published #1", "writable"]);
}

#[test]
fn without_a_refusal_writable_is_not_reported() {
    let mut bench = Bench::online(ClientConfig {
        max_queued: 2,
        ..v311()
    });
    bench.publish_many(1, 2);
    bench.puback(1);
    bench.puback(2);
    assert_eq!(bench.events(), ["published #1", "published #2"]);
}

#[test]
fn raised_limits_apply_at_once() {
    let config = ClientConfig {
        max_inflight: 1,
        max_queued: 2,
        ..v5()
    };
    let mut bench = Bench::online(config.clone());
    bench.publish_many(1, 2);
    assert_eq!(bench.sent(), ["PUBLISH q1 #1 t=1"]);
    assert!(bench.try_publish(message(1, "3")).is_err());
    bench.session.configure(Arc::new(ClientConfig {
        max_inflight: 5,
        max_queued: 4,
        ..config
    }));
    assert_eq!(bench.events(), ["writable"]);
    assert_eq!(bench.sent(), ["PUBLISH q1 #2 t=2"]);
    bench.publish_many(1, 2);
    assert!(bench.try_publish(message(1, "3")).is_err());
}
