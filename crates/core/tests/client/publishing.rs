//! `publish` and what it returns.

use iot_core::Payload;
use testkit::ScriptedPeer;

use super::*;

#[test]
fn every_kind_of_payload_arrives_as_its_bytes() {
    let broker = Broker::start();
    for protocol in ALL {
        let watched = Watched::subscribed(config_of(protocol, "a"), &broker, "t", 2);
        let payloads: [(Payload, &[u8]); 8] = [
            ("25.5".into(), b"25.5"),
            (String::from("ü").into(), "ü".as_bytes()),
            (b"\x00\xff".into(), b"\x00\xff"),
            (25.0.into(), b"25.0"),
            (26.125_f32.into(), b"26.125"),
            ((-7).into(), b"-7"),
            (().into(), b""),
            (None::<&str>.into(), b""),
        ];
        for (payload, expected) in payloads {
            for qos in 0..=2 {
                watched
                    .client
                    .publish("t", payload.clone(), qos, false)
                    .unwrap();
                let message = watched.message();
                assert_eq!(&message.payload[..], expected);
                assert_eq!(i32::from(message.qos as u8), qos);
            }
        }
        watched.end();
    }
}

impl From<TestPayload> for Payload {
    fn from(payload: TestPayload) -> Self {
        payload.0
    }
}

/// A payload of the application's own kind.
struct TestPayload(Payload);

#[test]
fn a_payload_of_one_s_own_kind() {
    let broker = Broker::start();
    let watched = Watched::subscribed(config("a"), &broker, "t", 0);
    let payload = TestPayload("own".into());
    watched.client.publish("t", payload, 0, false).unwrap();
    assert_eq!(watched.text(), "own");
}

#[test]
fn each_qos_is_waited_for_to_its_end() {
    let broker = Broker::start();
    for protocol in ALL {
        let watched = Watched::connected(config_of(protocol, "a"), broker.port());
        for qos in 0..=2 {
            let sent = watched.client.publish("t", "x", qos, false).unwrap();
            sent.wait_for_publish(Some(DEADLINE)).unwrap();
            assert!(sent.is_published());
            sent.wait_for_publish(None).unwrap();
        }
        watched.end();
    }
    let log = broker.log();
    assert_eq!(log.matches("Received PUBLISH from a").count(), 9, "{log}");
    assert_eq!(log.matches("Sending PUBACK to a").count(), 3, "{log}");
    assert_eq!(log.matches("Sending PUBCOMP to a").count(), 3, "{log}");
}

#[test]
fn the_message_id_is_the_packet_id() {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(config("a"));
    watched.connect(peer.port());
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(CONNACK);
    watched.client.loop_start().unwrap();
    watched.connect_seen();
    let sent = watched.client.publish("t", "x", 1, false).unwrap();
    let mid = sent.mid().get().to_be_bytes();
    broker.expect(&[&b"\x32\x06\x00\x01t"[..], &mid, b"x"].concat());
    assert!(!sent.is_published());
    let result = sent.wait_for_publish(Some(Duration::from_millis(20)));
    assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
    broker.send(&[&b"\x40\x02"[..], &mid].concat());
    sent.wait_for_publish(Some(DEADLINE)).unwrap();
}

#[test]
fn what_can_t_be_published_is_refused_at_once() {
    let broker = Broker::start();
    let watched = Watched::connected(config("a"), broker.port());
    let error = |topic: &str, qos: i32| {
        let result = watched.client.publish(topic, "x", qos, false);
        result.unwrap_err().to_string()
    };
    assert_eq!(
        error("a/+/b", 0),
        "topic name `a/+/b` contains the wildcard `+` (only topic filters have wildcards)"
    );
    assert_eq!(
        error("a/#", 1),
        "topic name `a/#` contains the wildcard `#` (only topic filters have wildcards)"
    );
    assert_eq!(error("", 0), "a topic must have at least one character");
    assert_eq!(error("t", 3), "QoS is 0, 1 or 2");
    assert_eq!(error("t", -1), "QoS is 0, 1 or 2");
    watched.end();
    assert!(!broker.log().contains("Received PUBLISH"));
}

/// mosquitto ends the connection of who publishes to such a topic, again and again.
#[test]
fn a_topic_with_a_control_character_is_refused_at_once() {
    let watched = Watched::new(config("a"));
    let error = watched.client.publish("a\u{1}", "x", 1, false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "topic `a\\u{1}` holds U+0001, which brokers may refuse"
    );
}

#[test]
fn without_a_connection_qos_0_is_refused_and_the_others_wait() {
    let mut broker = Broker::reserve();
    let watched = Watched::new(config("a"));
    assert!(matches!(
        watched.client.publish("t", "x", 0, false),
        Err(Error::NotConnected)
    ));
    let waiting = [1, 2].map(|qos| watched.client.publish("t", "x", qos, false).unwrap());
    broker.start_again();
    watched.connect(broker.port());
    watched.client.loop_start().unwrap();
    for sent in waiting {
        sent.wait_for_publish(Some(DEADLINE)).unwrap();
    }
}

#[test]
fn a_full_queue_is_refused() {
    let watched = Watched::new(ClientConfig {
        max_queued: 2,
        ..config("a")
    });
    for _ in 0..2 {
        watched.client.publish("t", "x", 1, false).unwrap();
    }
    let error = watched.client.publish("t", "x", 1, false).unwrap_err();
    assert!(
        matches!(error, Error::QueueFull { messages: 2, .. }),
        "{error}"
    );
}

#[test]
fn waiting_inside_a_callback_is_refused() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    let (report, results) = mpsc::channel();
    watched.client.on_connect(move |client, (), _, _| {
        let sent = client.publish("t", "x", 1, false).unwrap();
        report.send((sent.wait_for_publish(None), sent)).unwrap();
    });
    watched.connect(broker.port());
    watched.client.loop_start().unwrap();
    let (result, sent) = results.recv_timeout(DEADLINE).unwrap();
    assert!(matches!(result, Err(Error::InCallback)), "{result:?}");
    sent.wait_for_publish(Some(DEADLINE)).unwrap();
}

#[test]
fn qos_0_that_never_left_says_so() {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(config("a"));
    watched.connect(peer.port());
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(CONNACK);
    watched.client.loop_start().unwrap();
    watched.connect_seen();
    // More than the socket takes from who doesn't read.
    let sent = watched
        .client
        .publish("t", vec![0; 50_000_000], 0, false)
        .unwrap();
    broker.close();
    let result = sent.wait_for_publish(Some(DEADLINE));
    assert!(matches!(result, Err(Error::Closed)), "{result:?}");
}

#[test]
fn a_retained_message_is_there_for_later_subscribers_until_an_empty_one() {
    let broker = Broker::start();
    let watched = Watched::connected(config("a"), broker.port());
    for payload in ["25.5", ""] {
        let sent = watched.client.publish("t", payload, 1, true).unwrap();
        sent.wait_for_publish(Some(DEADLINE)).unwrap();
        watched.client.subscribe("t", 0).unwrap();
        if payload.is_empty() {
            watched.client.publish("t", "fresh", 0, false).unwrap();
            let message = watched.message();
            assert_eq!(&message.payload[..], b"fresh");
            assert!(!message.retain);
        } else {
            let message = watched.message();
            assert_eq!(&message.payload[..], b"25.5");
            assert!(message.retain);
            watched.client.unsubscribe("t").unwrap();
        }
    }
}

#[test]
fn an_mqtt_5_broker_s_limits_are_kept() {
    let broker = Broker::builder()
        .config("max_qos 1\nretain_available false\nmax_packet_size 100")
        .start();
    let watched = Watched::connected(config_of(Protocol::V5, "a"), broker.port());
    let error = |payload: &str, qos: i32, retain: bool| {
        let result = watched.client.publish("t", payload, qos, retain);
        result.unwrap_err().to_string()
    };
    assert_eq!(error("x", 2, false), "the broker takes QoS 1 at most");
    assert_eq!(error("x", 1, true), "the broker doesn't retain messages");
    assert_eq!(
        error(&"x".repeat(200), 0, false),
        "a packet of 207 bytes is larger than the broker's limit of 100"
    );
    let sent = watched.client.publish("t", "x", 1, false).unwrap();
    sent.wait_for_publish(Some(DEADLINE)).unwrap();
}
