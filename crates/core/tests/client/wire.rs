//! What goes over the wire when the other side misbehaves.

use iot_core::LogLevel;
use testkit::{Conversation, FaultyNet, ScriptedPeer};

use super::*;

/// A client that is connected to a scripted broker, its loop running.
fn scripted(config: ClientConfig) -> (ScriptedPeer, Watched, Conversation) {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(config);
    watched.connect(peer.port());
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(CONNACK);
    watched.client.loop_start().unwrap();
    assert_eq!(watched.connect_seen(), (false, 0));
    (peer, watched, broker)
}

#[track_caller]
fn misbehave(bytes: &[u8], reason: u8, why: &str) {
    for protocol in ALL {
        let (peer, watched, mut broker) = scripted(config_of(protocol, "a"));
        broker.send(bytes);
        if protocol == Protocol::V5 {
            broker.expect(&[0xe0, 1, reason]);
        }
        broker.expect_end();
        let error = watched.disconnect_seen().unwrap_err();
        assert_eq!(error.to_string(), why);
        assert_eq!(error.rc(), 2);
        // It comes again.
        peer.accept().read_packet();
    }
}

#[test]
fn a_malformed_packet_ends_the_connection_with_0x81() {
    misbehave(
        b"\x32\x05\x00\x01t\x00\x00",
        0x81,
        "the broker sent what it may not: malformed packet: packet identifier 0, in a message to `t` (7 bytes)",
    );
    misbehave(
        b"\x36",
        0x81,
        "the broker sent what it may not: malformed packet: PUBLISH with QoS 3",
    );
    misbehave(
        b"\x30\x02\x00\x09",
        0x81,
        "the broker sent what it may not: malformed packet: a field reaches past the end",
    );
}

#[test]
fn a_packet_out_of_place_ends_the_connection_with_0x82() {
    misbehave(
        CONNACK,
        0x82,
        "the broker sent what it may not: protocol error: a second CONNACK",
    );
    misbehave(
        b"\xc0\x00",
        0x82,
        "the broker sent what it may not: protocol error: a packet that only clients send",
    );
}

#[test]
fn the_last_disconnect_reaches_a_broker_that_goes_on_sending() {
    let (_peer, _watched, mut broker) = scripted(config_of(Protocol::V5, "a"));
    let mut bytes = b"\x36".to_vec();
    bytes.resize(100_000, 0);
    broker.send(&bytes);
    broker.expect(b"\xe0\x01\x81");
}

#[test]
fn a_broker_that_breaks_off_is_reported_as_closed() {
    let (_peer, watched, broker) = scripted(config("a"));
    broker.close();
    let error = watched.disconnect_seen().unwrap_err();
    assert_eq!(error.to_string(), "the broker closed the connection");
    assert_eq!(error.rc(), 7);
}

/// The error of a client whose CONNECT is answered with these bytes.
fn answered_with(bytes: &[u8]) -> Error {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(config("a"));
    watched.connect(peer.port());
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(bytes);
    watched.client.loop_start().unwrap();
    watched.disconnect_seen().unwrap_err()
}

#[test]
fn an_answer_that_is_not_mqtt_is_found_out_at_once() {
    assert!(matches!(
        answered_with(b"GET / HTTP/1.1\r\n"),
        Error::Decode(_)
    ));
    assert_eq!(
        answered_with(b"HTTP/1.1 400 Bad Request\r\n").to_string(),
        "the server speaks HTTP, not MQTT (is the port right? For MQTT over WebSocket: --ws)"
    );
}

/// What is written meets a closed socket; what was sent before the close is still to be read.
#[test]
fn the_reason_of_a_broker_that_has_closed_is_not_lost_to_a_failing_write() {
    for _ in 0..10 {
        let (_peer, watched, mut broker) = scripted(config_of(Protocol::V5, "a"));
        watched.client.loop_stop().unwrap();
        broker.send(b"\xe0\x01\x8b");
        broker.close();
        for _ in 0..10 {
            watched
                .client
                .publish("t", vec![0; 50_000], 0, false)
                .unwrap();
        }
        watched.client.loop_start().unwrap();
        let error = watched.disconnect_seen().unwrap_err();
        assert_eq!(error.rc(), 0x8b, "{error}");
    }
}

#[test]
fn a_silent_broker_is_given_up_after_the_keep_alive() {
    let broker = Broker::start();
    let net = FaultyNet::to(broker.port());
    let watched = Watched::new(config("a"));
    watched
        .client
        .connect(HOST, net.port(), Duration::from_secs(1), None)
        .unwrap();
    watched.client.loop_start().unwrap();
    assert_eq!(watched.connect_seen(), (false, 0));
    net.freeze();
    assert!(matches!(watched.disconnect_seen(), Err(Error::KeepAlive)));
    net.thaw();
    while let Seen::ConnectFail(_) | Seen::Disconnect(_) = watched.next() {}
}

#[test]
fn an_idle_client_pings_and_is_kept() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    watched
        .client
        .connect(HOST, broker.port(), Duration::from_secs(1), None)
        .unwrap();
    watched.client.loop_start().unwrap();
    assert_eq!(watched.connect_seen(), (false, 0));
    testkit::eventually(DEADLINE, "three pings", || {
        broker.log().matches("Received PINGREQ from a").count() == 3
    });
    assert!(watched.seen.try_recv().is_err());
}

// Messages that can't be taken.

/// A PUBLISH of 3.1.1 to `big` with so many bytes of payload.
fn big(qos: u8, id: u8, payload: usize) -> Vec<u8> {
    let mut packet = vec![0x30 | (qos << 1)];
    let mut remaining = 5 + 2 * usize::from(qos > 0) + payload;
    while remaining >= 0x80 {
        packet.push(u8::try_from(remaining & 0x7f).unwrap() | 0x80);
        remaining >>= 7;
    }
    packet.push(u8::try_from(remaining).unwrap());
    packet.extend(b"\x00\x03big");
    if qos > 0 {
        packet.extend([0, id]);
    }
    packet.resize(packet.len() + payload, b'x');
    packet
}

#[test]
fn a_message_larger_than_we_take_is_named_acknowledged_and_passed_over() {
    let (_peer, watched, mut broker) = scripted(ClientConfig {
        maximum_packet_size: 100,
        ..config("a")
    });
    let (report, log) = mpsc::channel();
    watched.client.on_log(move |_, (), level, text| {
        let _ = report.send((level, text.to_owned()));
    });
    // Its payload comes in pieces, and the next packet in the middle of the last one.
    let stream = [
        big(1, 1, 1_000_000),
        big(0, 0, 100),
        big(2, 2, 200),
        b"\x32\x08\x00\x01s\x00\x03low".to_vec(),
    ]
    .concat();
    let (start, end) = stream.split_at(500_000);
    broker.send(start);
    broker.expect(b"\x40\x02\x00\x01");
    broker.send(end);
    broker.expect(b"\x50\x02\x00\x02\x40\x02\x00\x03");
    // QoS 2 to its end; what comes again under the id is a duplicate until then.
    broker.send(&big(2, 2, 200));
    broker.expect(b"\x50\x02\x00\x02");
    broker.send(b"\x62\x02\x00\x02");
    broker.expect(b"\x70\x02\x00\x02");
    assert_eq!(watched.text(), "low");
    let warnings: Vec<String> = log
        .try_iter()
        .filter(|(level, _)| *level == LogLevel::Warning)
        .map(|(_, text)| text)
        .collect();
    let expected = [1_000_011, 107, 210].map(|size| {
        format!("a message to `big` of {size} bytes is larger than the limit of 100: it is skipped")
    });
    assert_eq!(warnings, expected);
}

/// Without that the broker would send it at each connect, and nothing behind it would ever arrive.
#[test]
fn a_kept_session_gets_past_a_message_that_is_too_large() {
    let broker = Broker::start();
    let small = ClientConfig {
        maximum_packet_size: 1_000,
        ..kept(Protocol::V311, "small")
    };
    let subscriber = Watched::subscribed(small, &broker, "t", 2);
    let publisher = Watched::connected(config("large"), broker.port());
    for (payload, qos) in [
        ("x".repeat(10_000), 1),
        ("y".repeat(10_000), 2),
        ("fits".into(), 2),
    ] {
        let info = publisher.client.publish("t", payload, qos, false).unwrap();
        info.wait_for_publish(Some(LONG)).unwrap();
    }
    assert_eq!(subscriber.text(), "fits");
    subscriber.end();
    publisher.end();
}

#[test]
fn a_message_that_breaks_each_connection_is_named_and_tried_less_and_less_often() {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(ClientConfig {
        reconnect_delay: (Duration::from_millis(20), LONG),
        ..config("a")
    });
    watched.connect(peer.port());
    watched.client.loop_start().unwrap();
    let start = Instant::now();
    for _ in 0..5 {
        let mut broker = peer.accept();
        broker.read_packet();
        // A message that is one, and one that is none.
        broker.send(&[CONNACK, b"\x30\x03\x00\x01a", b"\x30\x05\x00\x03a\xffb"].concat());
        let error = loop {
            if let Seen::Disconnect(result) = watched.next() {
                break result.unwrap_err();
            }
        };
        assert_eq!(
            error.to_string(),
            "the broker sent what it may not: malformed packet: a string is not UTF-8, in a message to `a\u{fffd}b` (7 bytes)"
        );
    }
    // Half of 20, 40, 80 and 160 ms at least; a delay that was reset each time would be 80 ms at
    // most.
    assert!(start.elapsed() >= Duration::from_millis(150));
}
