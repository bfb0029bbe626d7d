//! `disconnect`: what is sent before it, what the broker makes of it, what callbacks get.

use iot_core::{QoS, TopicName, Will};
use testkit::{Conversation, FaultyNet, ScriptedPeer, eventually};

use super::*;

fn with_will(config: ClientConfig) -> ClientConfig {
    ClientConfig {
        will: Some(Will {
            topic: TopicName::new("will").unwrap(),
            payload: "gone".into(),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: None,
        }),
        ..config
    }
}

/// A client that is connected to a scripted broker.
fn scripted(config: ClientConfig) -> (Watched, Conversation) {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(config);
    watched.connect(peer.port());
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(CONNACK);
    (watched, broker)
}

#[test]
fn a_clean_end_is_one_for_the_broker_too() {
    let broker = Broker::start();
    for protocol in ALL {
        let watched = Watched::connected(with_will(config_of(protocol, "tidy")), broker.port());
        watched.end();
        assert!(watched.disconnect_seen().is_ok());
        assert!(!watched.client.is_connected());
        broker.wait_for_log("Received DISCONNECT from tidy", DEADLINE);
        broker.wait_for_log("Client tidy disconnected.", DEADLINE);
    }
    let log = broker.log();
    for bad in ["error", "closed its connection", "Sending will", "timeout"] {
        assert!(!log.contains(bad), "{bad}: {log}");
    }
}

#[test]
fn the_will_is_published_only_where_the_connection_is_lost() {
    let broker = Broker::start();
    let net = FaultyNet::to(broker.port());
    let witness = Watched::subscribed(config("witness"), &broker, "#", 0);
    let watched = Watched::connected(with_will(config("a")), net.port());
    net.cut();
    assert_eq!(witness.text(), "gone");
    watched.reconnect_seen();
    watched.end();
    broker.wait_for_log("Client a disconnected.", DEADLINE);
    broker.mosquitto_pub(["-t", "t", "-m", "end"]);
    assert_eq!(witness.text(), "end");
}

#[test]
fn the_last_qos_0_message_before_disconnect_is_never_lost() {
    let broker = Broker::start();
    let witness = broker.mosquitto_sub(["-i", "witness", "-t", "#", "-C", "1000"]);
    broker.wait_for_log("Sending SUBACK to witness", DEADLINE);
    let watched = Watched::connected(config("a"), broker.port());
    for number in 1..=1000 {
        watched.client.publish("t", number, 0, false).unwrap();
    }
    watched.end();
    witness.wait_for_stdout("1000");
    assert_eq!(witness.stdout().lines().count(), 1000);
}

#[test]
fn large_qos_0_messages_before_disconnect_are_not_lost_either() {
    let broker = Broker::start();
    let witness = Watched::subscribed(config("witness"), &broker, "#", 0);
    for round in 0..10 {
        let watched = Watched::connected(config("a"), broker.port());
        watched
            .client
            .publish("t", vec![b'x'; 900_000 + round], 0, false)
            .unwrap();
        watched.end();
        assert_eq!(witness.message().payload.len(), 900_000 + round);
    }
}

#[test]
fn a_subscriber_s_flood_does_not_reset_our_last_message() {
    let broker = Broker::start();
    let witness = Watched::subscribed(config("witness"), &broker, "last", 0);
    let flooded = Watched::subscribed(config("a"), &broker, "flood", 0);
    // A flood that the flooded one doesn't read while its loop stands still.
    flooded.client.loop_stop().unwrap();
    for _ in 0..1000 {
        let sent = witness
            .client
            .publish("flood", vec![0; 1000], 1, false)
            .unwrap();
        sent.wait_for_publish(Some(DEADLINE)).unwrap();
    }
    flooded.client.publish("last", "words", 0, false).unwrap();
    flooded.client.disconnect().unwrap();
    assert_eq!(witness.text(), "words");
}

#[test]
fn loop_forever_ends_with_ok_after_disconnect() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    watched
        .client
        .on_connect(|client, (), _, _| client.disconnect().unwrap());
    watched.connect(broker.port());
    let client = watched.client.clone();
    assert!(in_time(move || client.loop_forever()).is_ok());
    assert!(watched.disconnect_seen().is_ok());
}

#[test]
fn disconnect_after_loop_stop_sends_the_packet() {
    let broker = Broker::start();
    let witness = Watched::subscribed(config("witness"), &broker, "#", 0);
    let watched = Watched::connected(config("a"), broker.port());
    watched.client.loop_stop().unwrap();
    watched.client.publish("t", "last words", 0, false).unwrap();
    watched.client.disconnect().unwrap();
    assert!(watched.disconnect_seen().is_ok());
    assert_eq!(witness.text(), "last words");
    broker.wait_for_log("Received DISCONNECT from a", DEADLINE);
}

#[test]
fn disconnect_without_a_connection_says_so_and_ends_the_loop() {
    let watched = Watched::new(config("a"));
    assert!(matches!(
        watched.client.disconnect(),
        Err(Error::NotConnected)
    ));
    let broker = Broker::reserve();
    watched
        .client
        .connect_async(HOST, broker.port(), KEEP_ALIVE, None)
        .unwrap();
    let client = watched.client.clone();
    let thread = std::thread::spawn(move || client.loop_forever());
    assert!(matches!(watched.next(), Seen::ConnectFail(_)));
    assert!(watched.client.disconnect().is_err());
    assert!(in_time(move || thread.join()).unwrap().is_ok());
}

#[test]
fn disconnect_ends_a_loop_that_has_no_broker() {
    let watched = Watched::new(config("a"));
    watched.client.loop_start().unwrap();
    assert!(watched.client.disconnect().is_err());
    in_time(move || watched.client.loop_stop()).unwrap();
}

#[test]
fn disconnect_before_connack_sends_the_packet() {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(with_will(config("a")));
    watched.connect(peer.port());
    let mut broker = peer.accept();
    broker.read_packet();
    // It closes the stream only when we have seen the end of it.
    let client = watched.client.clone();
    let ending = std::thread::spawn(move || client.disconnect());
    broker.expect(b"\xe0\x00");
    broker.expect_end();
    broker.close();
    in_time(move || ending.join()).unwrap().unwrap();
    assert!(watched.disconnect_seen().is_ok());
}

#[test]
fn disconnect_right_after_connect_sends_the_packet() {
    let broker = Broker::start();
    let watched = Watched::new(with_will(config("a")));
    watched.connect(broker.port());
    watched.client.disconnect().unwrap();
    broker.wait_for_log("Received DISCONNECT from a", DEADLINE);
    assert!(watched.disconnect_seen().is_ok());
}

#[test]
fn a_message_is_acknowledged_where_its_callback_disconnects() {
    let (watched, mut broker) = scripted(config("a"));
    watched
        .client
        .on_message(|client, (), _| client.disconnect().unwrap());
    watched.client.loop_start().unwrap();
    broker.send(b"\x32\x06\x00\x01t\x00\x07x");
    broker.expect(b"\x40\x02\x00\x07\xe0\x00");
    broker.expect_end();
}

#[test]
fn what_is_acknowledged_after_disconnect_counts() {
    let (watched, mut broker) = scripted(config("a"));
    watched.client.loop_start().unwrap();
    assert_eq!(watched.connect_seen(), (false, 0));
    let sent = watched.client.publish("t", "x", 1, false).unwrap();
    watched.client.disconnect().unwrap();
    broker.expect(b"\x32\x06\x00\x01t\x00\x01x\xe0\x00");
    broker.send(b"\x40\x02\x00\x01");
    broker.close();
    sent.wait_for_publish(Some(DEADLINE)).unwrap();
}

#[test]
fn disconnect_and_connect_at_once_lose_nothing_that_was_to_be_sent() {
    let broker = Broker::start();
    let witness = Watched::subscribed(config("witness"), &broker, "#", 0);
    let watched = Watched::connected(config("a"), broker.port());
    for round in 0..20 {
        watched.client.publish("t", round, 0, false).unwrap();
        watched.client.disconnect().unwrap();
        watched.connect(broker.port());
        watched.ensure_loop();
        assert_eq!(witness.text(), round.to_string());
        assert!(watched.disconnect_seen().is_ok());
        assert_eq!(watched.connect_seen(), (false, 0));
    }
}

/// `connect` comes at any point of the loop's end. Before it, the loop goes on; after it, another
/// can be started. A loop that counts as running always serves the connection.
#[test]
fn a_loop_that_is_announced_after_connect_serves_it() {
    const ROUNDS: u64 = 60;
    let peer = ScriptedPeer::listen();
    let port = peer.port();
    let watched = Watched::new(config("a"));
    watched.connect(port);
    std::thread::spawn(move || {
        for _ in 0..=ROUNDS {
            let mut broker = peer.accept();
            broker.read_packet();
            broker.send(CONNACK);
            broker.expect(b"\xe0\x00");
            broker.close();
        }
    });
    for round in 0..ROUNDS {
        watched.ensure_loop();
        assert_eq!(watched.connect_seen(), (false, 0));
        watched.client.disconnect().unwrap();
        let disconnected = Instant::now();
        assert!(watched.disconnect_seen().is_ok());
        // The loop's end takes some µs from here.
        while disconnected.elapsed() < Duration::from_micros(round % 100) {
            std::hint::spin_loop();
        }
        watched.connect(port);
    }
}

#[test]
fn after_disconnect_connect_async_connects_again() {
    let broker = Broker::start();
    let watched = Watched::connected(config("a"), broker.port());
    watched.end();
    assert!(watched.disconnect_seen().is_ok());
    watched
        .client
        .connect_async(HOST, broker.port(), KEEP_ALIVE, None)
        .unwrap();
    watched.client.loop_start().unwrap();
    assert_eq!(watched.connect_seen(), (false, 0));
}

#[test]
fn a_client_that_is_dropped_leaves_the_broker() {
    let broker = Broker::start();
    let client = Client::new(config("a"), ()).unwrap();
    client
        .connect(HOST, broker.port(), KEEP_ALIVE, None)
        .unwrap();
    loop_until(&client, || client.is_connected());
    drop(client);
    eventually(DEADLINE, "the broker sees the end", || {
        broker.log().contains("Client a closed its connection")
    });
}

#[test]
fn disconnect_leaves_what_waits_for_the_window_to_the_next_connection() {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(ClientConfig {
        max_inflight: 1,
        ..config("a")
    });
    let client = &watched.client;
    let serve = || {
        watched.connect(peer.port());
        client.loop_start().unwrap();
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(CONNACK);
        assert!(matches!(watched.next(), Seen::Connect { .. }));
        broker
    };
    let mut broker = serve();
    let infos = ["1", "2"].map(|payload| client.publish("t", payload, 1, false).unwrap());
    broker.expect(b"\x32\x06\x00\x01t\x00\x011");
    client.disconnect().unwrap();
    broker.expect(b"\xe0\x00");
    broker.expect_end();
    broker.close();
    watched.disconnect_seen().unwrap();
    client.loop_stop().unwrap();
    let mut broker = serve();
    for (id, info) in (1..).zip(&infos) {
        broker.expect(&[0x32, 6, 0, 1, b't', 0, id, b'0' + id]);
        broker.send(&[0x40, 2, 0, id]);
        info.wait_for_publish(Some(DEADLINE)).unwrap();
    }
}
