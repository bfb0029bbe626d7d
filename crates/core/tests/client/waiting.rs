//! `wait_for_publish`: what may happen meanwhile.

use std::thread::{self, JoinHandle};

use iot_core::MessageInfo;
use testkit::{Conversation, ScriptedPeer};

use super::*;

const RESUMED: &[u8] = b"\x20\x02\x01\x00";

/// A client whose session is kept and whose loop runs, and the broker's end of its connection.
fn started() -> (Watched, ScriptedPeer, Conversation) {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(kept(Protocol::V311, "a"));
    watched.connect(peer.port());
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(CONNACK);
    watched.client.loop_start().unwrap();
    assert_eq!(watched.connect_seen(), (false, 0));
    (watched, peer, broker)
}

/// Publishes with QoS 1, and waits on a thread of its own.
fn waits(client: &Client, topic: &str) -> (MessageInfo, JoinHandle<Result<(), Error>>) {
    let sent = client.publish(topic, "x", 1, false).unwrap();
    let waiting = {
        let sent = sent.clone();
        thread::spawn(move || sent.wait_for_publish(Some(DEADLINE)))
    };
    (sent, waiting)
}

fn acknowledge(broker: &mut Conversation, sent: &MessageInfo) {
    broker.send(&[&b"\x40\x02"[..], &sent.mid().get().to_be_bytes()].concat());
}

#[test]
fn the_loop_is_stopped_and_goes_on() {
    let (watched, _peer, mut broker) = started();
    let (sent, waiting) = waits(&watched.client, "t");
    watched.client.loop_stop().unwrap();
    broker.read_packet();
    acknowledge(&mut broker, &sent);
    assert!(!waiting.is_finished());
    watched.client.loop_start().unwrap();
    waiting.join().unwrap().unwrap();
}

#[test]
fn a_message_arrives() {
    let (watched, _peer, mut broker) = started();
    let (sent, waiting) = waits(&watched.client, "t");
    broker.send(b"\x30\x04\x00\x01ty");
    assert_eq!(watched.text(), "y");
    acknowledge(&mut broker, &sent);
    waiting.join().unwrap().unwrap();
}

#[test]
fn a_callback_asks_for_another_connection_and_the_message_ends_with_it() {
    let (watched, peer, mut broker) = started();
    let (sent, waiting) = waits(&watched.client, "t");
    watched
        .client
        .on_message(|client, (), _| client.reconnect().unwrap());
    broker.read_packet();
    let [high, low] = sent.mid().get().to_be_bytes();
    broker.send(&[0x30, 4, 0, 1, b't', b'y', 0x40, 2, high, low]);
    waiting.join().unwrap().unwrap();
    peer.accept().read_packet();
}

#[tokio::test]
async fn a_task_of_another_runtime_waits() {
    let (watched, _peer, mut broker) = started();
    let answering = thread::spawn(move || {
        let packet = broker.read_packet();
        broker.send(&[&b"\x40\x02"[..], &packet[5..7]].concat());
        broker
    });
    let sent = watched.client.publish("t", "x", 1, false).unwrap();
    sent.wait_for_publish(Some(DEADLINE)).unwrap();
    answering.join().unwrap();
}

#[test]
fn another_thread_waits() {
    let (watched, _peer, mut broker) = started();
    let (first, waiting) = waits(&watched.client, "t");
    let second = watched.client.publish("u", "x", 1, false).unwrap();
    broker.read_packet();
    broker.read_packet();
    acknowledge(&mut broker, &second);
    second.wait_for_publish(Some(DEADLINE)).unwrap();
    assert!(!first.is_published());
    acknowledge(&mut broker, &first);
    waiting.join().unwrap().unwrap();
}

#[test]
fn the_connection_is_lost_and_made_again() {
    let (watched, peer, mut broker) = started();
    let (sent, waiting) = waits(&watched.client, "t");
    broker.read_packet();
    broker.close();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(RESUMED);
    assert_eq!(broker.read_packet()[0], 0x3a);
    acknowledge(&mut broker, &sent);
    waiting.join().unwrap().unwrap();
}

#[test]
fn the_client_disconnects_and_connects_again() {
    let (watched, peer, mut broker) = started();
    let client = &watched.client;
    let (sent, waiting) = waits(client, "t");
    broker.read_packet();
    client.disconnect().unwrap();
    broker.expect(b"\xe0\x00");
    broker.expect_end();
    broker.close();
    client.loop_stop().unwrap();
    client.reconnect().unwrap();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(RESUMED);
    client.loop_start().unwrap();
    assert_eq!(broker.read_packet()[0], 0x3a);
    acknowledge(&mut broker, &sent);
    waiting.join().unwrap().unwrap();
}

#[test]
fn a_wait_that_times_out_may_be_repeated() {
    let (watched, _peer, mut broker) = started();
    let sent = watched.client.publish("t", "x", 1, false).unwrap();
    for _ in 0..2 {
        let result = sent.wait_for_publish(Some(Duration::from_millis(20)));
        assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
    }
    acknowledge(&mut broker, &sent);
    sent.wait_for_publish(Some(DEADLINE)).unwrap();
}
