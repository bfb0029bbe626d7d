//! What is set on a client: the will, who connects, delays, limits.

use std::fmt::Write as _;

use iot_core::{Properties, QoS, ReasonCode, TopicName, Will};
use testkit::ScriptedPeer;

use super::*;

#[test]
fn the_will_is_published_when_the_connection_is_lost() {
    let broker = Broker::start();
    let witness = Watched::subscribed(config("witness"), &broker, "will/#", 1);
    for protocol in ALL {
        let net = testkit::FaultyNet::to(broker.port());
        let watched = Watched::new(ClientConfig {
            reconnect_delay: (LONG, LONG),
            ..config_of(protocol, "a")
        });
        let will = watched.client.will_set("will/a", "gone", 1, false);
        will.unwrap();
        watched.connect(net.port());
        watched.client.loop_start().unwrap();
        watched.connect_seen();
        net.cut();
        let message = witness.message();
        assert_eq!(message.topic.as_str(), "will/a");
        assert_eq!(&message.payload[..], b"gone");
        watched.disconnect_seen().unwrap_err();
        let _ = watched.client.disconnect();
    }
}

#[test]
fn a_will_that_can_t_be_is_refused_and_the_one_before_stays() {
    let watched = Watched::new(config("a"));
    let client = &watched.client;
    client.will_set("w", "first", 0, false).unwrap();
    assert!(matches!(
        client.will_set("w/+", "", 0, false),
        Err(Error::Topic(_))
    ));
    assert!(matches!(
        client.will_set("w", "", 3, false),
        Err(Error::Config(_))
    ));
    let error = client.will_set("w", vec![0; 65_536], 0, false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the will's payload has 65536 bytes, at most 65,535 are allowed"
    );
    let peer = ScriptedPeer::listen();
    watched.connect(peer.port());
    let connect = peer.accept().read_packet();
    assert!(
        connect.ends_with(b"\x00\x01w\x00\x05first"),
        "{connect:02x?}"
    );
    client.will_clear();
    watched.connect(peer.port());
    let connect = peer.accept().read_packet();
    assert_eq!(connect, b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a");
}

#[test]
fn a_will_has_properties_and_may_be_requested_with_disconnect() {
    let broker = Broker::start();
    let witness = Watched::subscribed(config_of(Protocol::V5, "witness"), &broker, "will", 1);
    let watched = Watched::new(config_of(Protocol::V5, "a"));
    watched
        .client
        .will_set_with(Will {
            topic: TopicName::new("will").unwrap(),
            payload: "gone".into(),
            qos: QoS::AtLeastOnce,
            retain: false,
            properties: Some(Properties {
                content_type: Some("text/plain".into()),
                user_properties: vec![("k".into(), "v".into())],
                ..Properties::default()
            }),
        })
        .unwrap();
    watched.connect(broker.port());
    watched.client.loop_start().unwrap();
    watched.connect_seen();
    watched
        .client
        .disconnect_with(ReasonCode::DISCONNECT_WITH_WILL, None)
        .unwrap();
    let properties = witness.message().properties.unwrap();
    assert_eq!(properties.content_type.as_deref(), Some("text/plain"));
    assert_eq!(properties.user_properties, [("k".into(), "v".into())]);
    assert!(watched.disconnect_seen().is_ok());
}

#[test]
fn user_name_and_password_can_change_between_connections() {
    let broker = Broker::builder().user("ada", "s3cret").start();
    for protocol in ALL {
        let refused = if protocol == Protocol::V5 { 0x87 } else { 5 };
        let watched = Watched::new(ClientConfig {
            reconnect_delay: (LONG, LONG),
            ..config_of(protocol, "a")
        });
        let client = &watched.client;
        client.username_pw_set(Some("ada"), Some("wrong")).unwrap();
        watched.connect(broker.port());
        client.loop_start().unwrap();
        assert_eq!(watched.connect_seen().1, refused);
        watched.disconnect_seen().unwrap_err();
        client.username_pw_set(Some("ada"), Some("s3cret")).unwrap();
        watched.client.reconnect().unwrap();
        assert_eq!(watched.connect_seen().1, 0);
        watched.end();
    }
    let watched = Watched::new(config("a"));
    let error = watched.client.username_pw_set(None, Some("x")).unwrap_err();
    assert!(matches!(error, Error::Config(_)), "{error}");
}

#[test]
fn the_delay_before_the_next_try_can_be_set() {
    let broker = Broker::reserve();
    let watched = Watched::new(ClientConfig {
        reconnect_delay: (LONG, LONG),
        ..config("a")
    });
    let client = &watched.client;
    let short = Duration::from_millis(10);
    client.reconnect_delay_set(short, short);
    let port = broker.port();
    client.connect_async(HOST, port, KEEP_ALIVE, None).unwrap();
    client.loop_start().unwrap();
    for _ in 0..3 {
        assert!(matches!(watched.next(), Seen::ConnectFail(_)));
    }
}

#[test]
fn a_delay_that_is_set_on_a_connection_counts_at_its_loss() {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(ClientConfig {
        reconnect_delay: (LONG, LONG),
        ..config("a")
    });
    let client = &watched.client;
    let keep_alive = Duration::from_secs(1);
    client
        .connect_async(HOST, peer.port(), keep_alive, None)
        .unwrap();
    client.loop_start().unwrap();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(CONNACK);
    // The loop waits by now.
    broker.expect(b"\xc0\x00");
    let short = Duration::from_millis(10);
    client.reconnect_delay_set(short, short);
    broker.close();
    peer.accept();
}

#[test]
fn what_is_set_stands_in_the_configuration() {
    let client = Client::new(config("a"), ()).unwrap();
    client.manual_ack_set(true);
    client.max_inflight_messages_set(0);
    client.max_queued_messages_set(7);
    client.reconnect_delay_set(LONG, LONG);
    client.username_pw_set(Some("ada"), Some("secret")).unwrap();
    let config = client.config();
    assert!(config.manual_ack);
    assert_eq!((config.max_inflight, config.max_queued), (u16::MAX, 7));
    assert_eq!(config.reconnect_delay, (LONG, LONG));
    assert_eq!(config.username.as_deref(), Some("ada"));
    assert_eq!(config.password.as_deref(), Some("secret"));
}

#[test]
fn no_more_messages_are_in_flight_than_is_set() {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(config("a"));
    let client = &watched.client;
    client.max_inflight_messages_set(2);
    watched.connect(peer.port());
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(CONNACK);
    client.loop_start().unwrap();
    watched.connect_seen();
    for _ in 0..4 {
        client.publish("t", "x", 1, false).unwrap();
    }
    for id in 1..=2 {
        broker.expect(&[0x32, 6, 0, 1, b't', 0, id, b'x']);
    }
    broker.expect_silence(Duration::from_millis(50));
    broker.send(b"\x40\x02\x00\x01");
    broker.expect(b"\x32\x06\x00\x01t\x00\x03x");
    broker.expect_silence(Duration::from_millis(50));
    // More at once, and without a limit of our own.
    client.max_inflight_messages_set(0);
    broker.expect(b"\x32\x06\x00\x01t\x00\x04x");
}

#[test]
fn when_the_queue_is_full_publish_says_so_and_takes_nothing() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    let client = &watched.client;
    client.max_queued_messages_set(3);
    let sent: Vec<_> = (0..3)
        .map(|number| client.publish("t", number, 1, false).unwrap())
        .collect();
    let full = client.publish("t", "too many", 1, false).unwrap_err();
    assert!(
        matches!(full, Error::QueueFull { messages: 3, .. }),
        "{full}"
    );
    assert_eq!(full.rc(), 15);
    // Lower still: what was accepted stays.
    client.max_queued_messages_set(1);
    assert!(client.publish("t", "too many", 2, false).is_err());
    client.max_queued_messages_set(4);
    let fourth = client.publish("t", 3, 2, false).unwrap();
    let witness = Watched::subscribed(config("witness"), &broker, "t", 1);
    watched.connect(broker.port());
    client.loop_start().unwrap();
    for sent in sent.into_iter().chain([fourth]) {
        sent.wait_for_publish(Some(DEADLINE)).unwrap();
    }
    let mut arrived = String::new();
    for _ in 0..4 {
        let _ = write!(arrived, "{} ", witness.text());
    }
    assert_eq!(arrived, "0 1 2 3 ");
    client.publish("t", "room again", 1, false).unwrap();
}
