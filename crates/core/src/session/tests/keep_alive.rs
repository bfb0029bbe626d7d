//! Keep alive: pings, and brokers that don't answer them.

use super::*;

#[test]
fn a_ping_is_sent_after_a_keep_alive_without_packets() {
    let mut bench = Bench::online(v311());
    bench.advance(59).unwrap();
    assert_eq!(bench.sent(), NOTHING);
    bench.advance(1).unwrap();
    assert_eq!(bench.sent(), ["PINGREQ"]);
    bench.handle(Incoming::PingResp).unwrap();
    bench.advance(59).unwrap();
    assert_eq!(bench.sent(), NOTHING);
    bench.advance(1).unwrap();
    assert_eq!(bench.sent(), ["PINGREQ"]);
}

#[test]
fn a_broker_that_does_not_answer_a_ping_is_given_up() {
    let mut bench = Bench::online(v311());
    bench.advance(60).unwrap();
    bench.sent();
    bench.advance(59).unwrap();
    assert!(matches!(bench.advance(1), Err(Error::KeepAlive)));
}

#[test]
fn a_client_that_only_publishes_pings() {
    let mut bench = Bench::online(v311());
    for _ in 0..6 {
        bench.advance(10).unwrap();
        bench.publish(0, "1");
        bench.session.tick(bench.now).unwrap();
    }
    assert!(bench.sent().contains(&"PINGREQ".to_owned()));
}

#[test]
fn a_client_that_only_receives_pings() {
    let mut bench = Bench::online(v311());
    for _ in 0..6 {
        bench.advance(10).unwrap();
        bench.receive(publish(0, 0, "1")).unwrap();
    }
    assert_eq!(bench.sent(), ["PINGREQ"]);
}

#[test]
fn any_packet_answers_a_ping() {
    let mut bench = Bench::online(v311());
    bench.advance(60).unwrap();
    bench.sent();
    bench.advance(59).unwrap();
    bench.receive(publish(0, 0, "1")).unwrap();
    bench.advance(1).unwrap();
    bench.advance(58).unwrap();
}

#[test]
fn the_broker_s_keep_alive_replaces_the_client_s() {
    let mut bench = Bench::offline(v5());
    bench.connect_given(Properties {
        server_keep_alive: Some(5),
        ..Properties::default()
    });
    bench.advance(5).unwrap();
    assert_eq!(bench.sent(), ["PINGREQ"]);
    // Only for its connection.
    bench.reconnect(true);
    bench.advance(59).unwrap();
    assert_eq!(bench.sent(), NOTHING);
}

#[test]
fn a_keep_alive_of_zero_sends_no_pings() {
    let mut bench = Bench::online(ClientConfig {
        keep_alive: Duration::ZERO,
        ..v311()
    });
    assert_eq!(bench.session.deadline(), None);
    bench.advance(1_000_000).unwrap();
    assert_eq!(bench.sent(), NOTHING);
    let mut bench = Bench::offline(v5());
    bench.connect_given(Properties {
        server_keep_alive: Some(0),
        ..Properties::default()
    });
    assert_eq!(bench.session.deadline(), None);
}

/// The broker ends the connection of a client that is silent for one and a half keep alives.
#[test]
fn a_client_that_does_not_read_pings_and_does_not_give_up_the_broker() {
    let mut bench = Bench::online(v311());
    bench.session.set_reading(false, bench.now);
    for _ in 0..5 {
        bench.advance(60).unwrap();
        assert_eq!(bench.sent(), ["PINGREQ"]);
    }
    bench.session.set_reading(true, bench.now);
    bench.advance(59).unwrap();
    assert!(matches!(bench.advance(1), Err(Error::KeepAlive)));
}

#[test]
fn after_a_pause_in_reading_the_broker_has_a_whole_keep_alive_to_answer() {
    let mut bench = Bench::online(v311());
    bench.advance(60).unwrap();
    bench.session.set_reading(false, bench.now);
    bench.advance(59).unwrap();
    bench.session.set_reading(true, bench.now);
    bench.advance(59).unwrap();
    bench.handle(Incoming::PingResp).unwrap();
}

#[test]
fn without_a_connection_there_is_no_deadline() {
    let mut bench = Bench::online(v311());
    bench.lose();
    assert_eq!(bench.session.deadline(), None);
    bench.advance(1_000).unwrap();
}

#[test]
fn a_ping_confirms_the_messages_with_qos_0_before_it() {
    let mut bench = Bench::online(ClientConfig {
        confirm_interval: Some(Duration::from_secs(1)),
        keep_alive: Duration::ZERO,
        ..v311()
    });
    assert_eq!(bench.session.deadline(), None);
    bench.publish(0, "1");
    bench.publish(0, "2");
    assert_eq!(bench.session.unconfirmed(), 2);
    bench.sent();
    bench.advance(1).unwrap();
    assert_eq!(bench.sent(), ["PINGREQ"]);
    bench.publish(0, "3");
    // One at a time.
    bench.advance(1).unwrap();
    assert!(!bench.sent().contains(&"PINGREQ".to_owned()));
    bench.handle(Incoming::PingResp).unwrap();
    assert_eq!(bench.session.unconfirmed(), 1);
    bench.advance(0).unwrap();
    assert_eq!(bench.sent(), ["PINGREQ"]);
    bench.handle(Incoming::PingResp).unwrap();
    assert_eq!(bench.session.unconfirmed(), 0);
    bench.advance(100).unwrap();
    assert_eq!(bench.sent(), NOTHING);
}

#[test]
fn without_an_interval_only_the_keep_alive_confirms() {
    let mut bench = Bench::online(v311());
    bench.publish(0, "1");
    bench.publish(1, "2");
    bench.sent();
    bench.advance(59).unwrap();
    assert_eq!(bench.sent(), NOTHING);
    assert_eq!(bench.session.unconfirmed(), 1);
    bench.advance(1).unwrap();
    assert_eq!(bench.sent(), ["PINGREQ"]);
    bench.handle(Incoming::PingResp).unwrap();
    assert_eq!(bench.session.unconfirmed(), 0);
    bench.publish(0, "3");
    bench.connect(false);
    assert_eq!(bench.session.unconfirmed(), 0, "a new connection");
}
