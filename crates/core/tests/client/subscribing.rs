//! `subscribe`, `unsubscribe`, and what `on_message` gets.

use iot_core::QoS;
use testkit::{ScriptedPeer, eventually};

use super::*;

#[test]
fn one_filter_and_several() {
    let broker = Broker::start();
    for protocol in ALL {
        let watched = Watched::connected(config_of(protocol, "a"), broker.port());
        let first = watched.client.subscribe("one/#", 1).unwrap();
        let second = watched
            .client
            .subscribe_many([("two/+", QoS::AtLeastOnce), ("three", QoS::AtMostOnce)])
            .unwrap();
        assert_ne!(first, second);
        for topic in ["one/x/y", "two/x", "three"] {
            watched.client.publish(topic, topic, 1, false).unwrap();
            let message = watched.message();
            assert_eq!(message.topic.as_str(), topic);
            assert_eq!(message.qos as u8, u8::from(topic != "three"));
        }
        watched.client.unsubscribe("one/#").unwrap();
        watched
            .client
            .unsubscribe_many(["two/+", "nothing"])
            .unwrap();
        for topic in ["one/x", "two/x", "three"] {
            watched.client.publish(topic, topic, 1, false).unwrap();
        }
        assert_eq!(watched.text(), "three");
        watched.end();
    }
}

#[test]
fn a_bad_filter_is_refused_at_once() {
    let watched = Watched::new(config("a"));
    let client = &watched.client;
    let expected = "`#` must be the last level of topic filter `a/#/b`";
    assert_eq!(
        client.subscribe("a/#/b", 0).unwrap_err().to_string(),
        expected
    );
    assert_eq!(
        client.unsubscribe("a/#/b").unwrap_err().to_string(),
        expected
    );
    let error = client.subscribe_many([("a", 0), ("b+", 0)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`+` must be a whole level of topic filter `b+`"
    );
    assert!(matches!(client.subscribe("a", 3), Err(Error::Config(_))));
    assert!(matches!(
        client.subscribe_many(Vec::<(&str, i32)>::new()),
        Err(Error::NoFilter)
    ));
    assert!(matches!(
        client.unsubscribe_many(Vec::<&str>::new()),
        Err(Error::NoFilter)
    ));
    assert!(matches!(client.subscribe("a", 0), Err(Error::NotConnected)));
    assert!(matches!(client.unsubscribe("a"), Err(Error::NotConnected)));
}

#[test]
fn subscribing_in_on_connect_survives_a_broker_restart() {
    let mut broker = Broker::start();
    let watched = Watched::new(config("a"));
    watched.client.on_connect(|client, (), _, rc| {
        assert!(rc.is_accepted());
        client.subscribe("iot/#", 0).unwrap();
    });
    watched.connect(broker.port());
    watched.client.loop_start().unwrap();
    for payload in ["25.5", "26.5"] {
        broker.wait_for_log("Sending SUBACK to a", DEADLINE);
        broker.mosquitto_pub(["-t", "iot/home2/temp", "-m", payload]);
        loop {
            if let Seen::Message(message) = watched.next() {
                assert_eq!(&message.payload[..], payload.as_bytes());
                break;
            }
        }
        broker.restart();
    }
}

#[test]
fn on_message_gets_every_field() {
    let broker = Broker::start();
    let watched = Watched::subscribed(config_of(Protocol::V5, "a"), &broker, "iot/#", 2);
    broker.mosquitto_pub([
        "-V",
        "mqttv5",
        "-t",
        "iot/home2/temp",
        "-m",
        "25.5",
        "-q",
        "1",
        "-D",
        "publish",
        "content-type",
        "text/plain",
        "-D",
        "publish",
        "user-property",
        "unit",
        "C",
    ]);
    let message = watched.message();
    assert_eq!(message.topic.as_str(), "iot/home2/temp");
    assert_eq!(&message.payload[..], b"25.5");
    assert_eq!(message.qos, QoS::AtLeastOnce);
    assert!(!message.retain && !message.dup);
    assert!(message.packet_id.is_some());
    let properties = message.properties.unwrap();
    assert_eq!(properties.content_type.as_deref(), Some("text/plain"));
    assert_eq!(properties.user_properties, [("unit".into(), "C".into())]);
}

#[test]
fn on_message_gets_a_message_that_came_before() {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(config("a"));
    watched.connect(peer.port());
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(CONNACK);
    watched.client.loop_start().unwrap();
    watched.connect_seen();
    broker.send(b"\x3b\x06\x00\x01t\x00\x07x");
    let message = watched.message();
    assert!(message.dup && message.retain);
    assert_eq!(message.packet_id.unwrap().get(), 7);
    broker.expect(b"\x40\x02\x00\x07");
}

#[test]
fn qos_2_is_taken_to_its_end() {
    let broker = Broker::start();
    let watched = Watched::subscribed(config("a"), &broker, "t", 2);
    broker.mosquitto_pub(["-t", "t", "-m", "25.5", "-q", "2"]);
    let message = watched.message();
    assert_eq!(message.qos, QoS::ExactlyOnce);
    eventually(DEADLINE, "PUBCOMP", || {
        broker.log().contains("Received PUBCOMP from a")
    });
}

#[test]
fn a_large_message_arrives_whole() {
    let broker = Broker::start();
    let watched = Watched::subscribed(config("a"), &broker, "t", 1);
    let payload: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    watched
        .client
        .publish("t", payload.clone(), 1, false)
        .unwrap();
    assert_eq!(watched.message().payload, payload);
}

#[test]
fn a_shared_subscription_shares() {
    let broker = Broker::start();
    let first = Watched::subscribed(config("first"), &broker, "$share/g/t", 1);
    let second = Watched::subscribed(config("second"), &broker, "$share/g/t", 1);
    for number in 0..10 {
        first.client.publish("t", number, 1, false).unwrap();
    }
    let mut counts = [0, 0];
    eventually(DEADLINE, "each message once", || {
        counts[0] += first.seen.try_iter().count();
        counts[1] += second.seen.try_iter().count();
        counts[0] + counts[1] == 10
    });
    assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
}
