//! Sessions of clients: which packet identifiers are held for whom.

use crate::client::{Client, Options};
use crate::{Files, ended};

#[test]
fn a_session_that_begins_anew_holds_nothing() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    let keeps = Options {
        keeps_session: true,
        ..Options::default()
    };
    let (mut client, present) = Client::connect(port, "p", keeps);
    assert!(!present);
    client.publish(0x04, "iot/a", 1, "1");
    client.expect_ack(0x50, 1);
    client.peer.close();
    assert_eq!(files.query("select count(*) from held"), "1\n");

    let (mut client, present) = Client::connect(port, "p", Options::default());
    assert!(!present);
    // Before the client has heard of it.
    assert_eq!(files.query("select count(*) from held"), "0\n");
    client.publish(0x0c, "iot/a", 1, "1");
    client.expect_ack(0x50, 1);
    // A session that ends with its connection leaves nothing on disk.
    assert_eq!(files.query("select count(*) from held"), "0\n");
    client.publish(0x0c, "iot/a", 1, "1");
    client.expect_ack(0x50, 1);
    client.peer.close();
    assert_eq!(files.count("iot/a"), 2);
    broker.terminate();
    ended(broker, 0);
}

#[test]
fn a_second_connection_takes_the_session_over_with_what_it_holds() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    for is_v5 in [false, true] {
        let options = Options {
            keeps_session: true,
            is_v5,
            ..Options::default()
        };
        let id = if is_v5 { "five" } else { "four" };
        let (mut first, _) = Client::connect(port, id, options);
        let locked = files.lock();
        first.publish(0x04, "iot/a", 1, "1");
        first.publish(0x02, "iot/a", 2, "2");
        first.expect_silence();
        let (mut second, present) = Client::connect(port, id, options);
        assert!(present);
        if is_v5 {
            assert_eq!(first.peer.read_packet(), [0xe0, 1, 0x8e]);
        }
        first.peer.expect_end();
        // Neither was acknowledged: both come again, and are known.
        second.publish(0x0c, "iot/a", 1, "1");
        second.publish(0x0a, "iot/a", 2, "2");
        second.expect_silence();
        drop(locked);
        second.expect_ack(0x50, 1);
        second.expect_ack(0x40, 2);
        second.pubrel(1);
        second.expect_ack(0x70, 1);
        second.disconnect();
    }
    assert_eq!(files.count("iot/a"), 4);
    broker.terminate();
    let stderr = ended(broker, 0);
    assert!(
        stderr.contains("received 8, stored 4, rejected 0, duplicates 4"),
        "{stderr}"
    );
}

#[test]
fn held_identifiers_of_sessions_that_are_gone_are_removed_at_the_start() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    let keeps = Options {
        keeps_session: true,
        ..Options::default()
    };
    let (mut client, _) = Client::connect(port, "p", keeps);
    client.publish(0x04, "iot/a", 1, "1");
    client.expect_ack(0x50, 1);
    broker.kill();
    std::fs::remove_dir_all(files.broker()).unwrap();
    let (mut broker, _) = files.start(&[]);
    broker.terminate();
    ended(broker, 0);
    assert_eq!(files.query("select count(*) from held"), "0\n");
}
