//! What was taken before the end is stored, or reported.

use std::sync::mpsc::{RecvTimeoutError, channel};

use testkit::{DEADLINE, eventually};

use crate::client::{Client, Options};
use crate::{Files, ended, lines, publisher};

#[test]
fn a_burst_is_stored_though_sigterm_follows_at_once() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    let lines = lines(&files.folder, 100_000);
    let args = ["-q", "1", "-M", "1000", "-t", "iot/burst", "-V", "mqttv5"];
    let mut publisher = publisher(port, &args, &lines);
    let status = publisher.wait();
    broker.terminate();
    assert!(status.success(), "{}", publisher.stderr());
    let stderr = ended(broker, 0);
    assert!(
        stderr.contains("received 100000, stored 100000"),
        "{stderr}"
    );
    assert_eq!(files.count("iot/burst"), 100_000);
}

#[test]
fn nothing_is_acknowledged_before_it_is_committed() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    for is_v5 in [false, true] {
        let options = Options {
            is_v5,
            ..Options::default()
        };
        let (mut client, _) = Client::connect(port, "p", options);
        let locked = files.lock();
        client.publish(0x02, "iot/a", 1, "1");
        client.publish(0x04, "iot/a", 2, "2");
        // Not wanted by anybody here; what came before it goes before it.
        client.publish(0x02, "other/a", 3, "3");
        client.expect_silence();
        drop(locked);
        client.expect_ack(0x40, 1);
        client.expect_ack(0x50, 2);
        client.expect_ack(0x40, 3);
        client.pubrel(2);
        client.expect_ack(0x70, 2);
        client.disconnect();
    }
    assert_eq!(files.count("iot/a"), 4);
    broker.terminate();
    ended(broker, 0);
}

#[test]
fn what_cannot_be_stored_before_the_end_is_counted_and_was_not_acknowledged() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    let (mut client, _) = Client::connect(port, "p", Options::default());
    client.publish(0x02, "iot/a", 1, "1");
    client.expect_ack(0x40, 1);
    let locked = files.lock();
    for id in 2..12 {
        client.publish(0x02, "iot/a", id, "2");
    }
    broker.wait_for_stderr("waiting for store");
    broker.terminate();
    broker.wait_for_stderr("storing what was received");
    broker.terminate();
    let stderr = ended(broker, 1);
    assert!(
        stderr.contains("10 messages that were received are not stored"),
        "{stderr}"
    );
    client.peer.expect_end();
    drop(locked);
    assert_eq!(files.count("iot/a"), 1);
}

#[test]
fn a_full_disk_is_waited_for_and_nothing_is_acknowledged_meanwhile() {
    let files = Files::new();
    let disk = testkit::FaultyDisk::at(files.folder.path());
    let (mut broker, port) = files.start_with(&[], |program| disk.under(program));
    let (mut client, _) = Client::connect(port, "p", Options::default());
    client.publish(0x02, "iot/a", 1, "1");
    client.expect_ack(0x40, 1);
    disk.fill();
    client.publish(0x02, "iot/a", 2, "2");
    let line = broker.wait_for_stderr("waiting for store");
    assert!(
        line.ends_with("are not acknowledged until there is room (publishers wait)"),
        "{line}"
    );
    client.expect_silence();
    disk.heal();
    client.expect_ack(0x40, 2);
    assert_eq!(files.count("iot/a"), 2);
    broker.terminate();
    ended(broker, 0);
}

#[test]
fn a_count_ends_the_broker_and_the_rest_is_not_acknowledged() {
    let files = Files::new();
    let (broker, port) = files.start(&["-C", "3"]);
    let (mut client, _) = Client::connect(port, "p", Options::default());
    for id in 1..=5 {
        client.publish(0x02, "iot/a", id, "1");
    }
    for id in 1..=3 {
        client.expect_ack(0x40, id);
    }
    client.peer.expect_end();
    ended(broker, 0);
    assert_eq!(files.count("iot/a"), 3);
}

#[test]
fn without_a_store_a_message_is_acknowledged_once_it_is_decoded() {
    let files = Files::new();
    let (mut broker, port) = files.start(&["--store", "none"]);
    let (mut client, _) = Client::connect(port, "p", Options::default());
    client.publish(0x02, "iot/a", 1, "1");
    client.expect_ack(0x40, 1);
    client.publish(0x04, "iot/a", 2, "no number");
    client.expect_ack(0x50, 2);
    broker.wait_for_stdout(" iot/a 1.0");
    // Without a store, nothing has to be a reading.
    broker.wait_for_stdout(" iot/a no number");
    broker.terminate();
    ended(broker, 0);
    assert!(!files.path().exists());
}

#[test]
fn a_publisher_that_is_slowed_down_is_not_lost_by_its_keep_alive() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    let options = Options {
        keep_alive: 4,
        ..Options::default()
    };
    let (mut client, _) = Client::connect(port, "p", options);
    let locked = files.lock();
    // More than the way to the store takes: 64 MiB.
    let payload = format!("\"{}\"", "x".repeat(8 << 20));
    let sender = std::thread::spawn(move || {
        for id in 1..=16 {
            client.publish(0x02, "iot/a", id, &payload);
        }
        client
    });
    broker.wait_for_stderr("waiting for store");
    // Longer than one and a half times its keep alive, in which the broker must hear something.
    eventually(DEADLINE, "eight seconds with a full queue", {
        let start = std::time::Instant::now();
        move || start.elapsed().as_secs() >= 8
    });
    drop(locked);
    let mut client = sender.join().unwrap();
    // The store may take longer for a message than the keep alive, so it pings meanwhile.
    let mut pings = client.peer.second();
    let (done, is_done) = channel::<()>();
    let pinging = std::thread::spawn(move || {
        let interval = std::time::Duration::from_secs(1);
        while is_done.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            pings.send(&[0xc0, 0]);
        }
    });
    for id in 1..=16_u8 {
        let ack = loop {
            let packet = client.peer.read_packet();
            if packet[0] != 0xd0 {
                break packet;
            }
        };
        assert_eq!(ack, [0x40, 2, 0, id]);
    }
    drop(done);
    pinging.join().unwrap();
    broker.terminate();
    ended(broker, 0);
    assert_eq!(files.count("iot/a"), 16);
}
