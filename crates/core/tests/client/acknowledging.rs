//! Manual acknowledgement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use iot_core::{PacketId, Properties, ReasonCode};
use testkit::{Conversation, ScriptedPeer};

use super::*;

/// A client that acknowledges by hand, on a scripted broker.
fn by_hand(protocol: Protocol) -> (ScriptedPeer, Watched, Conversation) {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(kept(protocol, "a"));
    watched.client.manual_ack_set(true);
    watched.connect(peer.port());
    let broker = accepted(&peer, protocol, 0);
    watched.client.loop_start().unwrap();
    assert_eq!(watched.connect_seen(), (false, 0));
    (peer, watched, broker)
}

/// Takes the CONNECT and answers it, with the session-present flag.
fn accepted(peer: &ScriptedPeer, protocol: Protocol, session_present: u8) -> Conversation {
    let mut broker = peer.accept();
    broker.read_packet();
    match protocol {
        Protocol::V5 => broker.send(&[0x20, 3, session_present, 0, 0]),
        _ => broker.send(&[0x20, 2, session_present, 0]),
    }
    broker
}

fn mid(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

const SOON: Duration = Duration::from_millis(50);

#[test]
fn an_acknowledgement_that_is_not_waited_for_is_unknown() {
    let (_peer, watched, mut broker) = by_hand(Protocol::V311);
    broker.send(b"\x32\x06\x00\x01t\x00\x01x");
    watched.message();
    for (id, qos) in [(2, 1), (1, 2)] {
        let error = watched.client.ack(mid(id), qos).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("no message with id {id} waits to be acknowledged")
        );
    }
    assert!(matches!(
        watched.client.ack(mid(1), 3),
        Err(Error::Config(_))
    ));
    watched.client.ack(mid(1), 1).unwrap();
    assert!(matches!(
        watched.client.ack(mid(1), 1),
        Err(Error::UnknownMessage(_))
    ));
    broker.expect(b"\x40\x02\x00\x01");
}

#[test]
fn an_acknowledgement_belongs_to_its_connection() {
    let (peer, watched, mut broker) = by_hand(Protocol::V311);
    broker.send(b"\x32\x06\x00\x01t\x00\x01x\x34\x06\x00\x01t\x00\x02y");
    assert_eq!(watched.text(), "x");
    assert_eq!(watched.text(), "y");
    broker.close();
    let mut broker = accepted(&peer, Protocol::V311, 1);
    watched.reconnect_seen();
    assert!(matches!(
        watched.client.ack(mid(1), 1),
        Err(Error::UnknownMessage(_))
    ));
    // A message with QoS 2 is known by its id, and answered when it comes again.
    watched.client.ack(mid(2), 2).unwrap();
    broker.expect_silence(SOON);
    broker.send(b"\x3a\x06\x00\x01t\x00\x01x\x3c\x06\x00\x01t\x00\x02y");
    assert_eq!(watched.text(), "x");
    broker.expect_silence(SOON);
    watched.client.ack(mid(1), 1).unwrap();
    broker.expect(b"\x40\x02\x00\x01\x50\x02\x00\x02");
}

#[test]
fn a_refused_connection_forgets_nothing() {
    let (peer, watched, mut broker) = by_hand(Protocol::V311);
    broker.send(b"\x34\x06\x00\x01t\x00\x02y");
    assert_eq!(watched.text(), "y");
    broker.close();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x03");
    broker.close();
    let mut broker = accepted(&peer, Protocol::V311, 1);
    while !matches!(
        watched.next(),
        Seen::Connect {
            session_present: true,
            ..
        }
    ) {}
    watched.client.ack(mid(2), 2).unwrap();
    broker.send(b"\x3c\x06\x00\x01t\x00\x02y");
    broker.expect(b"\x50\x02\x00\x02");
}

#[test]
fn manual_acknowledgement_can_change_at_any_time() {
    let (_peer, watched, mut broker) = by_hand(Protocol::V311);
    broker.send(b"\x32\x06\x00\x01t\x00\x01x");
    watched.message();
    watched.client.manual_ack_set(false);
    watched.client.ack(mid(1), 1).unwrap();
    broker.expect(b"\x40\x02\x00\x01");
    broker.send(b"\x32\x06\x00\x01t\x00\x02x");
    watched.message();
    broker.expect(b"\x40\x02\x00\x02");
    watched.client.manual_ack_set(true);
    broker.send(b"\x32\x06\x00\x01t\x00\x03x");
    watched.message();
    broker.expect_silence(SOON);
    watched.client.ack(mid(3), 1).unwrap();
    broker.expect(b"\x40\x02\x00\x03");
}

#[test]
fn a_refusal_carries_its_reason() {
    let (_peer, watched, mut broker) = by_hand(Protocol::V5);
    broker.send(b"\x32\x07\x00\x01t\x00\x01\x00x\x34\x07\x00\x01t\x00\x02\x00y");
    let explanation = Properties {
        reason_string: Some("no".into()),
        ..Properties::default()
    };
    let refuse = |id, qos, reason, explanation| {
        watched
            .client
            .ack_with(mid(id), qos, ReasonCode(reason), explanation)
    };
    watched.message();
    watched.message();
    assert!(matches!(refuse(1, 1, 0x8b, None), Err(Error::Config(_))));
    refuse(1, 1, 0x99, Some(explanation)).unwrap();
    broker.expect(b"\x40\x09\x00\x01\x99\x05\x1f\x00\x02no");
    refuse(2, 2, 0x97, None).unwrap();
    broker.expect(b"\x50\x04\x00\x02\x97\x00");
    // Its id is free: this is another message.
    broker.send(b"\x34\x07\x00\x01t\x00\x02\x00z");
    assert_eq!(watched.text(), "z");
}

/// From another thread, against a real broker, more messages than its window.
#[test]
fn every_message_gets_its_acknowledgement() {
    const MESSAGES: u16 = 60;
    let broker = Broker::start();
    for protocol in ALL {
        let watched = Watched::new(config_of(protocol, "a"));
        watched.client.manual_ack_set(true);
        let (hand_over, messages) = mpsc::channel::<Message>();
        watched.client.on_message(move |_, (), message| {
            hand_over.send(message.clone()).unwrap();
        });
        let acked = Arc::new(AtomicU16::new(0));
        let (client, count) = (watched.client.clone(), Arc::clone(&acked));
        let thread = std::thread::spawn(move || {
            for message in messages.iter().take(MESSAGES.into()) {
                let id = message.packet_id.expect("QoS 1 or 2");
                client.ack(id, message.qos).unwrap();
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let (report, subscribed) = mpsc::channel();
        watched
            .client
            .on_subscribe(move |_, (), _, _| report.send(()).unwrap());
        watched.client.on_connect(|client, (), _, _| {
            client.subscribe("t", 2).unwrap();
        });
        watched.connect(broker.port());
        watched.client.loop_start().unwrap();
        subscribed.recv_timeout(DEADLINE).unwrap();
        for number in 0..MESSAGES {
            let qos = 1 + i32::from(number % 2);
            let sent = watched.client.publish("t", u32::from(number), qos, false);
            sent.unwrap();
        }
        in_time(move || thread.join()).unwrap();
        assert_eq!(acked.load(Ordering::Relaxed), MESSAGES);
        watched.end();
    }
}
