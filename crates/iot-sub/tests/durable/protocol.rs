//! Which version, session and window are asked for.

use testkit::{Conversation, DEADLINE, Nats, ScriptedPeer, eventually};

use crate::common::{interrupt, publish};
use crate::fixture::{durable, noted, stored};

/// CONNECT's protocol level and its flags.
fn level_and_flags(connect: &[u8]) -> (u8, u8) {
    assert_eq!(&connect[4..8], b"MQTT");
    (connect[8], connect[9])
}

#[track_caller]
pub(crate) fn suback(broker: &mut Conversation, is_v5: bool) -> Vec<u8> {
    let subscribe = broker.read_packet();
    assert_eq!(subscribe[0], 0x82, "{subscribe:02x?}");
    let (id, properties) = (&subscribe[2..4], &[0][..usize::from(is_v5)]);
    let answer = [&[0x90, 3 + u8::from(is_v5)], id, properties, &[1]].concat();
    broker.send(&answer);
    subscribe
}

#[test]
fn it_is_mqtt_5_with_a_week_s_session_and_2_000_on_their_way() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let program = durable(peer.port(), folder.path()).spawn();
    let mut broker = peer.accept();
    let connect = broker.read_packet();
    assert_eq!(level_and_flags(&connect), (5, 0));
    let has = |bytes: &[u8]| connect.windows(bytes.len()).any(|part| part == bytes);
    assert!(has(b"\x11\x00\x09\x3a\x80"), "{connect:02x?}");
    assert!(has(b"\x21\x07\xd0"), "{connect:02x?}");
    broker.send(b"\x20\x03\x00\x00\x00");
    let subscribe = suback(&mut broker, true);
    assert_eq!(subscribe.last(), Some(&1), "QoS 1: {subscribe:02x?}");
    drop(program);

    // What is given counts.
    let given = ["-x", "60", "-q", "2", "-i", "mine"];
    let program = durable(peer.port(), folder.path()).args(given).spawn();
    let mut broker = peer.accept();
    let connect = broker.read_packet();
    let has = |bytes: &[u8]| connect.windows(bytes.len()).any(|part| part == bytes);
    assert!(
        has(b"\x11\x00\x00\x00\x3c") && has(b"\x00\x04mine"),
        "{connect:02x?}"
    );
    broker.send(b"\x20\x03\x00\x00\x00");
    let subscribe = suback(&mut broker, true);
    assert_eq!(subscribe.last(), Some(&2), "QoS 2: {subscribe:02x?}");
    drop(program);
}

#[test]
fn where_mqtt_5_is_refused_it_is_3_1_1_without_clean_session() {
    // As MQTT 5 says it, as 3.1.1 does, and as old brokers do.
    for refusal in [&b"\x20\x03\x00\x84\x00"[..], b"\x20\x02\x00\x01", b""] {
        let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
        let program = durable(peer.port(), folder.path()).spawn();
        let mut broker = peer.accept();
        assert_eq!(level_and_flags(&broker.read_packet()).0, 5);
        broker.send(refusal);
        broker.close();
        let mut broker = peer.accept();
        assert_eq!(level_and_flags(&broker.read_packet()), (4, 0));
        broker.send(b"\x20\x02\x00\x00");
        suback(&mut broker, false);
        let line = program.wait_for_stderr("trying MQTT 3.1.1");
        assert!(line.contains("does not support MQTT 5"), "{line}");
        // And it stays so.
        broker.close();
        let mut broker = peer.accept();
        assert_eq!(level_and_flags(&broker.read_packet()), (4, 0));
        broker.send(b"\x20\x02\x01\x00");
        program.wait_for_stderr("lost broker");
        drop(program);
    }
}

#[test]
fn a_broker_that_knows_3_1_1_only_keeps_the_session_too() {
    let (nats, folder) = (Nats::start(), tempfile::tempdir().unwrap());
    let run = || durable(nats.port(), folder.path()).spawn();
    let first = run();
    first.wait_for_stderr("trying MQTT 3.1.1");
    eventually(DEADLINE, "the subscription stands", || {
        noted(folder.path()).contains("iot/#")
    });
    interrupt(first);
    publish(nats.port(), &["-q", "1", "-m", "7"]);
    let second = run();
    second.wait_for_stdout("7.0");
    interrupt(second);
}

#[test]
fn a_broker_that_uses_one_packet_identifier_for_many_messages_is_reported_once() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let mut program = durable(peer.port(), folder.path())
        .args(["-q", "2", "-V", "311"])
        .spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x00");
    suback(&mut broker, false);
    for value in b'1'..=b'5' {
        broker.send(&[0x34, 6, 0, 1, b't', 0, 7, value]);
        assert_eq!(broker.read_packet(), b"\x50\x02\x00\x07");
    }
    stored(folder.path(), 5);
    program.kill();
    let stderr = program.stderr();
    assert_eq!(
        stderr.matches("has lost its session state").count(),
        1,
        "{stderr}"
    );
}
