//! Pings, and the broker that doesn't answer them.

use super::*;

#[test]
fn a_ping_is_sent_when_nothing_else_was_for_the_keep_alive() {
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
fn a_broker_that_answers_no_ping_is_given_up() {
    let mut bench = Bench::online(v311());
    bench.advance(60).unwrap();
    bench.sent();
    bench.advance(59).unwrap();
    assert!(matches!(bench.advance(1), Err(Error::KeepAlive)));
}

#[test]
fn who_only_publishes_still_asks_whether_the_broker_lives() {
    let mut bench = Bench::online(v311());
    for _ in 0..6 {
        bench.advance(10).unwrap();
        bench.publish(0, "1");
        bench.session.tick(bench.now).unwrap();
    }
    assert!(bench.sent().contains(&"PINGREQ".to_owned()));
}

#[test]
fn who_only_receives_still_shows_that_it_lives() {
    let mut bench = Bench::online(v311());
    for _ in 0..6 {
        bench.advance(10).unwrap();
        bench.receive(publish(0, 0, "1")).unwrap();
    }
    assert_eq!(bench.sent(), ["PINGREQ"]);
}

#[test]
fn any_packet_is_an_answer() {
    let mut bench = Bench::online(v311());
    bench.advance(60).unwrap();
    bench.sent();
    bench.advance(59).unwrap();
    bench.receive(publish(0, 0, "1")).unwrap();
    bench.advance(1).unwrap();
    bench.advance(58).unwrap();
}

#[test]
fn the_broker_s_keep_alive_counts() {
    let mut bench = Bench::offline(v5());
    bench.connect_given(Properties {
        server_keep_alive: Some(5),
        ..Properties::default()
    });
    bench.advance(5).unwrap();
    assert_eq!(bench.sent(), ["PINGREQ"]);
    // For its connection only.
    bench.reconnect(true);
    bench.advance(59).unwrap();
    assert_eq!(bench.sent(), NOTHING);
}

#[test]
fn zero_turns_it_off() {
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

/// The broker would end the connection of a client that is silent for half as long again.
#[test]
fn who_does_not_read_goes_on_pinging_and_gives_nobody_up() {
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
fn after_a_pause_the_broker_has_its_whole_time_to_answer() {
    let mut bench = Bench::online(v311());
    bench.advance(60).unwrap();
    bench.session.set_reading(false, bench.now);
    bench.advance(59).unwrap();
    bench.session.set_reading(true, bench.now);
    bench.advance(59).unwrap();
    bench.handle(Incoming::PingResp).unwrap();
}

#[test]
fn without_a_connection_nothing_is_due() {
    let mut bench = Bench::online(v311());
    bench.lose();
    assert_eq!(bench.session.deadline(), None);
    bench.advance(1_000).unwrap();
}
