//! What clients make the broker hold is limited in bytes, however many of them there are.

use std::path::Path;

use testkit::{Conversation, DEADLINE, eventually};

use crate::client::{Client, Options, packet};
use crate::limits::{resident, walk};
use crate::{Files, ended};

const MIB: usize = 1 << 20;

fn subscriber(port: u16, name: &str, qos: u8) -> Client {
    let (mut client, _) = Client::connect(port, name, Options::default());
    subscribe(&mut client, qos);
    client
}

fn subscribe(client: &mut Client, qos: u8) {
    let subscribe = [&b"\x00\x01\x00\x01#"[..], &[qos]].concat();
    client.peer.send(&packet(0x82, &subscribe));
    assert_eq!(client.peer.read_packet(), [0x90, 3, 0, 1, qos]);
}

#[track_caller]
fn has_memory_below(process: u32, mebibytes: usize) {
    let memory = resident(process);
    assert!(memory < (mebibytes * MIB) as u64, "{} MiB", memory >> 20);
}

/// Bytes of all files in a folder.
fn size(folder: &Path) -> u64 {
    let mut bytes = 0;
    walk(folder, &mut |path| {
        let metadata = std::fs::metadata(path);
        bytes += metadata.map_or(0, |it| if it.is_file() { it.len() } else { 0 });
    });
    bytes
}

#[test]
fn a_subscriber_that_does_not_acknowledge_is_disconnected_before_the_memory_is_full() {
    let files = Files::new();
    let (mut broker, port) = files.start(&["-t", "nothing"]);
    let silent = subscriber(port, "silent", 1);
    let (mut client, _) = Client::connect(port, "p", Options::default());
    let payload = "x".repeat(400_000);
    for id in 1..=1_500 {
        client.publish(0x02, "big", id, &payload);
        client.expect_ack(0x40, id);
    }
    broker.wait_for_stderr("disconnected client `silent`: it reads too slowly");
    has_memory_below(broker.id(), 500);
    drop(silent);
    broker.terminate();
    ended(broker, 0);
}

#[test]
fn a_subscriber_that_keeps_up_gets_everything() {
    let files = Files::new();
    let (mut broker, port) = files.start(&["-t", "nothing"]);
    let mut quick = subscriber(port, "quick", 1);
    let (mut client, _) = Client::connect(port, "p", Options::default());
    let payload = "x".repeat(400_000);
    for id in 1..=700 {
        client.publish(0x02, "big", id, &payload);
        let publish = quick.peer.read_packet();
        assert_eq!(publish.len(), 4 + 5 + 2 + payload.len());
        let [.., high, low] = publish[..11] else {
            panic!("a packet identifier");
        };
        quick.peer.send(&[0x40, 2, high, low]);
        client.expect_ack(0x40, id);
    }
    broker.terminate();
    let stderr = ended(broker, 0);
    assert!(!stderr.contains("disconnected"), "{stderr}");
}

#[test]
fn subscribers_that_read_nothing_share_one_limit() {
    let files = Files::new();
    let (mut broker, port) = files.start(&["-t", "nothing"]);
    let names: Vec<String> = (0..60).map(|number| format!("s{number}")).collect();
    let silent: Vec<Client> = names.iter().map(|name| subscriber(port, name, 0)).collect();
    let (mut client, _) = Client::connect(port, "p", Options::default());
    let payload = "x".repeat(MIB);
    for _ in 0..30 {
        client.publish(0x00, "big", 0, &payload);
    }
    client.publish(0x02, "big", 1, "last");
    client.expect_ack(0x40, 1);
    has_memory_below(broker.id(), 800);
    drop(silent);
    broker.terminate();
    ended(broker, 0);
}

#[test]
fn a_message_that_is_too_large_for_so_many_subscribers_is_stored_only() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    let names: Vec<String> = (0..40).map(|number| format!("s{number}")).collect();
    let mut others: Vec<Client> = names.iter().map(|name| subscriber(port, name, 0)).collect();
    let (mut client, _) = Client::connect(port, "p", Options::default());
    let payload = format!("\"{}\"", "x".repeat(15 * MIB));
    client.publish(0x02, "iot/a", 1, &payload);
    client.expect_ack(0x40, 1);
    client.publish(0x04, "iot/a", 2, &payload);
    client.expect_ack(0x50, 2);
    client.pubrel(2);
    client.expect_ack(0x70, 2);
    broker.wait_for_stderr("on `iot/a` to other clients: with 40 subscribers the limit is");
    client.publish(0x02, "iot/b", 3, "1");
    client.expect_ack(0x40, 3);
    for other in &mut others {
        assert_eq!(other.peer.read_packet(), b"\x30\x08\x00\x05iot/b1");
    }
    has_memory_below(broker.id(), 350);
    broker.terminate();
    let stderr = ended(broker, 0);
    assert!(
        stderr.contains("did not deliver 2 messages to other clients: they were too large"),
        "{stderr}"
    );
    assert_eq!(files.count("iot/b"), 1);
    assert!(stderr.contains("received 3, "), "{stderr}");
}

#[test]
fn parts_of_packets_of_all_clients_share_one_limit() {
    let files = Files::new();
    let (mut broker, port) = files.start(&["-t", "nothing"]);
    let beginning = vec![b'x'; 15 * MIB];
    let peers: Vec<Conversation> = (0..25)
        .map(|number| {
            let (client, _) = Client::connect(port, &format!("p{number}"), Options::default());
            let mut peer = client.peer;
            // A PUBLISH of 16 MiB less one byte, without its end.
            peer.send(b"\x30\xfb\xff\xff\x07\x00\x03big");
            peer.try_send(&beginning);
            peer
        })
        .collect();
    broker.wait_for_stderr(": too many large packets arrive at once");
    has_memory_below(broker.id(), 600);
    // Small packets always arrive.
    let (mut client, _) = Client::connect(port, "small", Options::default());
    client.publish(0x02, "iot/a", 1, "1");
    client.expect_ack(0x40, 1);
    drop(peers);
    broker.terminate();
    ended(broker, 0);
}

#[test]
fn retained_messages_are_limited_in_bytes_of_their_files() {
    let files = Files::new();
    let retained = files.broker().join("retained");
    let payload = "x".repeat(MIB);
    let (mut broker, port) = files.start(&["-t", "nothing"]);
    let (mut client, _) = Client::connect(port, "p", Options::default());
    for id in 1..=9 {
        client.publish(0x03, &format!("big/{id}"), id, &payload);
        client.expect_ack(0x40, id);
    }
    broker.wait_for_stderr("the limit of retained messages is reached (100000, or 64 MiB");
    // One that is removed makes room for another one.
    client.publish(0x03, "big/1", 100, "");
    client.expect_ack(0x40, 100);
    client.publish(0x03, "big/9", 101, &payload);
    client.expect_ack(0x40, 101);
    client.disconnect();
    let (mut other, _) = Client::connect(port, "other", Options::default());
    subscribe(&mut other, 0);
    let mut topics: Vec<u8> = (0..7).map(|_| other.peer.read_packet()[10]).collect();
    topics.sort_unstable();
    assert_eq!(topics, b"2345679");
    assert!(size(&retained) <= 64 << 20, "{}", size(&retained));
    broker.terminate();
    let stderr = ended(broker, 0);
    assert!(stderr.contains("did not retain 2 messages"), "{stderr}");
}

#[test]
fn the_queue_of_a_session_is_limited_in_bytes_of_its_files() {
    let files = Files::new();
    let (mut broker, port) = files.start(&["-t", "nothing"]);
    let options = Options {
        keeps_session: true,
        ..Options::default()
    };
    let (mut away, _) = Client::connect(port, "away", options);
    subscribe(&mut away, 1);
    away.disconnect();
    let (mut client, _) = Client::connect(port, "p", Options::default());
    let payload = "x".repeat(MIB);
    for id in 1..=10 {
        client.publish(0x02, "big", id, &payload);
        client.expect_ack(0x40, id);
    }
    let queues = files.broker().join("queues");
    eventually(DEADLINE, "the limit is kept", || {
        (50 << 20..=64 << 20).contains(&size(&queues))
    });
    broker.terminate();
    let stderr = ended(broker, 0);
    let line = "messages with QoS 1 or 2: the queues of subscribers were full";
    assert!(stderr.contains(line), "{stderr}");
}
