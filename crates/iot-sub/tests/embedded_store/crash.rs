//! kill -9 loses nothing that was acknowledged.

use std::collections::HashSet;

use testkit::{DEADLINE, eventually};

use crate::client::{Client, Options};
use crate::{Files, ended, lines, publisher};

#[test]
fn what_was_acknowledged_is_there_after_kill_9_under_load() {
    let files = Files::new();
    let mut known: HashSet<u16> = HashSet::new();
    let (mut broker, mut port) = files.start(&[]);
    for round in 0..3 {
        let (mut client, _) = Client::connect(port, "p", Options::default());
        let first = round * 2_000 + 1;
        for id in first..first + 2_000 {
            client.publish(0x02, "iot/a", id, &id.to_string());
        }
        for id in first..first + 500 {
            client.expect_ack(0x40, id);
            known.insert(id);
        }
        broker.kill();
        (broker, port) = files.start(&[]);
        let stored = files.query("select distinct cast(value as integer) from sensors");
        let stored: HashSet<u16> = stored.lines().map(|line| line.parse().unwrap()).collect();
        let missing: Vec<_> = known.difference(&stored).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
    broker.terminate();
    ended(broker, 0);
}

#[test]
fn a_publisher_with_a_session_is_stored_exactly_once_with_qos_2_over_kill_9() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    let address = format!("127.0.0.1:{port}");
    let lines = lines(&files.folder, 6_000);
    let args = ["-q", "2", "-M", "500", "-t", "iot/q2", "-i", "device", "-c"];
    let mut publisher = publisher(port, &args, &lines);
    for enough in [500, 2_000] {
        eventually(DEADLINE, "some are stored", || {
            files.count("iot/q2") > enough
        });
        broker.kill();
        // The later option wins.
        (broker, _) = files.start(&["--listen", &address]);
    }
    let status = publisher.wait();
    assert!(status.success(), "{}", publisher.stderr());
    broker.terminate();
    ended(broker, 0);
    let query = "select count(*), count(distinct json_extract(value, '$.n')) from sensors";
    assert_eq!(files.query(query), "6000|6000\n");
    assert_eq!(files.query("select count(*) from held"), "0\n");
}

/// Each step of a message with QoS 2, with a crash behind it.
#[test]
fn a_held_packet_identifier_outlives_a_crash_and_ends_with_its_pubrel() {
    let files = Files::new();
    let options = Options {
        keeps_session: true,
        ..Options::default()
    };
    for is_v5 in [false, true] {
        let id = if is_v5 { "five" } else { "four" };
        let options = Options { is_v5, ..options };
        let (mut broker, port) = files.start(&[]);
        let (mut client, _) = Client::connect(port, id, options);
        client.publish(0x04, "iot/a", 7, "1");
        client.expect_ack(0x50, 7);
        broker.kill();
        let (mut broker, port) = files.start(&[]);
        let (mut client, present) = Client::connect(port, id, options);
        assert!(present);
        // It comes again: a duplicate. Another one under its identifier is new.
        client.publish(0x0c, "iot/a", 7, "1");
        client.expect_ack(0x50, 7);
        client.publish(0x04, "iot/a", 7, "2");
        client.expect_ack(0x50, 7);
        client.pubrel(7);
        client.expect_ack(0x70, 7);
        broker.kill();
        let (mut broker, port) = files.start(&[]);
        let (mut client, _) = Client::connect(port, id, options);
        client.pubrel(7);
        client.expect_ack(0x70, 7);
        // The same content under a free identifier is a new message.
        client.publish(0x04, "iot/a", 7, "2");
        client.expect_ack(0x50, 7);
        client.pubrel(7);
        client.expect_ack(0x70, 7);
        client.disconnect();
        broker.terminate();
        ended(broker, 0);
    }
    assert_eq!(
        files.query("select value, count(*) from sensors group by value"),
        "1.0|2\n2.0|4\n"
    );
}
