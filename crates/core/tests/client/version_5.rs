//! MQTT 5 against a real broker, and against a scripted one where mosquitto can't say it.

use iot_core::{Properties, QoS, ReasonCode, Subscription, TopicFilter, TopicName};
use testkit::{Conversation, ScriptedPeer};

use super::*;

fn v5(client_id: &str) -> ClientConfig {
    config_of(Protocol::V5, client_id)
}

fn filter(text: &str) -> TopicFilter {
    TopicFilter::new(text).unwrap()
}

fn message(topic: &str, payload: &str) -> Message {
    Message::new(TopicName::new(topic).unwrap(), payload)
}

/// A client on a scripted broker that has answered with this CONNACK.
fn scripted(config: ClientConfig, connack: &[u8]) -> (ScriptedPeer, Watched, Conversation) {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(config);
    watched.connect(peer.port());
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(connack);
    watched.client.loop_start().unwrap();
    watched.connect_seen();
    (peer, watched, broker)
}

/// Subscribes with options and waits for the answer.
fn subscribe(watched: &Watched, subscription: Subscription, identifier: Option<u32>) {
    let (report, answer) = mpsc::channel();
    watched.client.on_subscribe(move |_, (), mid, _| {
        let _ = report.send(mid);
    });
    let properties = Properties {
        subscription_identifiers: identifier.into_iter().collect(),
        ..Properties::default()
    };
    let mid = watched
        .client
        .subscribe_with([subscription], properties)
        .unwrap();
    assert_eq!(answer.recv_timeout(DEADLINE).unwrap(), mid);
}

#[test]
fn on_connect_gets_the_broker_s_properties() {
    let broker = Broker::builder().config("max_keepalive 30").start();
    let client = Client::new(v5("a"), ()).unwrap();
    let (report, flags) = mpsc::channel();
    client.on_connect(move |client, (), flags, rc| {
        assert!(rc.is_accepted());
        report.send(flags).unwrap();
        client.disconnect().unwrap();
    });
    client
        .connect(HOST, broker.port(), Duration::from_mins(5), None)
        .unwrap();
    in_time(move || client.loop_forever()).unwrap();
    let properties = flags.recv_timeout(DEADLINE).unwrap().properties.unwrap();
    assert_eq!(properties.server_keep_alive, Some(30));
    assert!(properties.topic_alias_maximum.is_some());
}

#[test]
fn the_assigned_client_id_is_the_client_s_from_then_on() {
    let (peer, watched, broker) = scripted(v5("a"), b"\x20\x08\x00\x00\x05\x12\x00\x02id");
    assert_eq!(watched.client.client_id(), "id");
    broker.close();
    let connect = peer.accept().read_packet();
    assert!(connect.ends_with(b"\x00\x02id"), "{connect:02x?}");
}

#[test]
fn connect_carries_its_properties() {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(ClientConfig {
        session_expiry_interval: Some(60),
        receive_maximum: 7,
        maximum_packet_size: 1000,
        topic_alias_maximum: 9,
        request_response_information: true,
        request_problem_information: false,
        user_properties: vec![("k".into(), "v".into())],
        ..v5("a")
    });
    watched.connect(peer.port());
    let connect = peer.accept().read_packet();
    let properties = b"\x1b\x11\x00\x00\x00\x3c\x17\x00\x19\x01\x21\x00\x07\x22\x00\x09\
        \x26\x00\x01k\x00\x01v\x27\x00\x00\x03\xe8";
    assert_eq!(connect[12..12 + properties.len()], properties[..]);
}

#[test]
fn a_session_outlives_its_connection_as_long_as_its_expiry_says() {
    let broker = Broker::start();
    let config = || ClientConfig {
        session_expiry_interval: Some(60),
        clean_session: false,
        ..v5("a")
    };
    let watched = Watched::connected(config(), broker.port());
    watched.end();
    // Until the goodbye says otherwise.
    let watched = Watched::new(config());
    watched.connect(broker.port());
    watched.client.loop_start().unwrap();
    assert_eq!(watched.connect_seen(), (true, 0));
    let now = Properties {
        session_expiry_interval: Some(0),
        ..Properties::default()
    };
    watched
        .client
        .disconnect_with(ReasonCode::SUCCESS, Some(now))
        .unwrap();
    watched.client.loop_stop().unwrap();
    let watched = Watched::new(config());
    watched.connect(broker.port());
    watched.client.loop_start().unwrap();
    assert_eq!(watched.connect_seen(), (false, 0));
}

#[test]
fn request_and_response() {
    let broker = Broker::start();
    let server = Watched::subscribed(v5("server"), &broker, "pump/get", 1);
    server.client.on_message(|client, (), request| {
        let properties = request.properties.as_deref().expect("a request has some");
        let topic = properties.response_topic.as_deref().expect("so it says");
        let answer = message(topic, "42").with_properties(Properties {
            correlation_data: properties.correlation_data.clone(),
            ..Properties::default()
        });
        client.publish_message(answer).unwrap();
    });
    let asker = Watched::subscribed(v5("asker"), &broker, "answers/asker", 1);
    let request = message("pump/get", "pressure")
        .with_qos(QoS::AtLeastOnce)
        .with_properties(Properties {
            response_topic: Some("answers/asker".into()),
            correlation_data: Some("17".into()),
            ..Properties::default()
        });
    asker.client.publish_message(request).unwrap();
    let answer = asker.message();
    assert_eq!(&answer.payload[..], b"42");
    let properties = answer.properties.unwrap();
    assert_eq!(properties.correlation_data.as_deref(), Some(&b"17"[..]));
}

#[test]
fn every_property_of_a_message_goes_through_a_broker() {
    let broker = Broker::start();
    let watched = Watched::subscribed(v5("a"), &broker, "t", 2);
    let properties = Properties {
        payload_format_indicator: Some(1),
        message_expiry_interval: Some(600),
        content_type: Some("text/plain".into()),
        response_topic: Some("r".into()),
        correlation_data: Some("c".into()),
        user_properties: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
        ..Properties::default()
    };
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let sent = message("t", "x")
            .with_qos(qos)
            .with_properties(properties.clone());
        watched.client.publish_message(sent).unwrap();
        let mut arrived = *watched.message().properties.unwrap();
        assert!(arrived.message_expiry_interval.unwrap() <= 600);
        arrived.message_expiry_interval = Some(600);
        assert_eq!(arrived, properties);
    }
}

#[test]
fn a_subscription_identifier_comes_with_the_messages() {
    let broker = Broker::start();
    let watched = Watched::connected(v5("a"), broker.port());
    subscribe(
        &watched,
        Subscription::new(filter("t/#"), QoS::AtLeastOnce),
        Some(7),
    );
    subscribe(
        &watched,
        Subscription::new(filter("u"), QoS::AtLeastOnce),
        Some(268_435_455),
    );
    for (topic, expected) in [("t/x", 7), ("u", 268_435_455)] {
        watched.client.publish(topic, "x", 1, false).unwrap();
        let properties = watched.message().properties.unwrap();
        assert_eq!(properties.subscription_identifiers, [expected]);
    }
}

#[test]
fn no_local_leaves_out_one_s_own_messages() {
    let broker = Broker::start();
    let watched = Watched::connected(v5("a"), broker.port());
    let options = Subscription {
        no_local: true,
        ..Subscription::new(filter("t"), QoS::AtLeastOnce)
    };
    subscribe(&watched, options, None);
    let sent = watched.client.publish("t", "own", 1, false).unwrap();
    sent.wait_for_publish(Some(DEADLINE)).unwrap();
    broker.mosquitto_pub(["-t", "t", "-m", "other"]);
    assert_eq!(watched.text(), "other");
}

/// mosquitto keeps the options of a subscription that is made again, so each has its own client.
#[test]
fn retain_as_published_and_retain_handling() {
    let broker = Broker::start();
    broker.mosquitto_pub(["-t", "t", "-m", "kept", "-r"]);
    let plain = || Subscription::new(filter("t"), QoS::AtLeastOnce);
    let never = Watched::connected(v5("never"), broker.port());
    let options = Subscription {
        retain_handling: 2,
        ..plain()
    };
    subscribe(&never, options, None);
    let if_new = Watched::connected(v5("if-new"), broker.port());
    let options = Subscription {
        retain_handling: 1,
        retain_as_published: true,
        ..plain()
    };
    subscribe(&if_new, options.clone(), None);
    let always = Watched::connected(v5("always"), broker.port());
    subscribe(&always, plain(), None);
    for watched in [&if_new, &always] {
        let kept = watched.message();
        assert_eq!((&kept.payload[..], kept.retain), (&b"kept"[..], true));
    }
    // It is a subscription already.
    subscribe(&if_new, options, None);
    subscribe(&always, plain(), None);
    assert_eq!(always.text(), "kept");
    never.client.publish("t", "live", 1, true).unwrap();
    for (watched, retain) in [(&never, false), (&if_new, true), (&always, false)] {
        let live = watched.message();
        assert_eq!((&live.payload[..], live.retain), (&b"live"[..], retain));
    }
}

#[test]
fn a_shared_subscription_shares_on_mqtt_5() {
    let broker = Broker::start();
    let first = Watched::subscribed(v5("first"), &broker, "$share/g/t", 1);
    let second = Watched::subscribed(v5("second"), &broker, "$share/g/t", 1);
    for number in 0..10 {
        first.client.publish("t", number, 1, false).unwrap();
    }
    let mut counts = [0, 0];
    testkit::eventually(DEADLINE, "each message once", || {
        counts[0] += first.seen.try_iter().count();
        counts[1] += second.seen.try_iter().count();
        counts[0] + counts[1] == 10
    });
    assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
}

/// mosquitto takes ten aliases; there are more topics, in changing order.
#[test]
fn topics_behind_aliases_arrive_under_their_names() {
    let broker = Broker::start();
    let witness = Watched::subscribed(config("witness"), &broker, "iot/#", 1);
    let net = testkit::FaultyNet::to(broker.port());
    let watched = Watched::connected(v5("a"), net.port());
    let mut expected = Vec::new();
    for number in 0..200 {
        let topic = format!("iot/home/{}", number * number % 23);
        watched
            .client
            .publish(topic.as_str(), number, 1, false)
            .unwrap();
        expected.push((topic, number.to_string()));
        if number == 100 {
            net.cut();
        }
    }
    let mut arrived = Vec::new();
    while arrived.last() != expected.last() {
        let message = witness.message();
        let payload = String::from_utf8_lossy(&message.payload).into_owned();
        arrived.push((message.topic.to_string(), payload));
    }
    // What was in flight at the cut may have come twice.
    for wanted in &expected {
        assert!(arrived.contains(wanted), "{wanted:?}");
    }
    for one in &arrived {
        assert!(expected.contains(one), "{one:?}");
    }
}

#[test]
fn an_alias_is_not_used_on_the_next_connection() {
    let connack = b"\x20\x06\x00\x00\x03\x22\x00\x02";
    let (peer, watched, mut broker) = scripted(v5("a"), connack);
    for _ in 0..2 {
        watched.client.publish("long", "x", 1, false).unwrap();
    }
    broker.expect(b"\x32\x0d\x00\x04long\x00\x01\x03\x23\x00\x01x");
    broker.expect(b"\x32\x09\x00\x00\x00\x02\x03\x23\x00\x01x");
    broker.close();
    let mut broker = peer.accept();
    broker.read_packet();
    // This one takes none.
    broker.send(b"\x20\x03\x01\x00\x00");
    drop(broker);
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x03\x00\x00\x00");
    broker.expect(b"\x32\x0a\x00\x04long\x00\x01\x00x");
    broker.expect(b"\x32\x0a\x00\x04long\x00\x02\x00x");
}

#[test]
fn the_broker_s_aliases_stand_for_their_topics() {
    let config = ClientConfig {
        topic_alias_maximum: 2,
        ..v5("a")
    };
    let (_peer, watched, mut broker) = scripted(config, b"\x20\x03\x00\x00\x00");
    broker.send(b"\x30\x0b\x00\x04long\x03\x23\x00\x02x");
    broker.send(b"\x30\x07\x00\x00\x03\x23\x00\x02y");
    for expected in ["x", "y"] {
        let message = watched.message();
        assert_eq!(message.topic.as_str(), "long");
        assert_eq!(&message.payload[..], expected.as_bytes());
    }
    broker.send(b"\x30\x07\x00\x00\x03\x23\x00\x03z");
    broker.expect(b"\xe0\x01\x94");
    assert_eq!(
        watched.disconnect_seen().unwrap_err().to_string(),
        "the broker broke the protocol: topic alias invalid"
    );
}

#[test]
fn no_more_is_in_flight_than_the_broker_s_receive_maximum() {
    let connack = b"\x20\x06\x00\x00\x03\x21\x00\x01";
    let (_peer, watched, mut broker) = scripted(v5("a"), connack);
    for _ in 0..2 {
        watched.client.publish("t", "x", 1, false).unwrap();
    }
    broker.expect(b"\x32\x07\x00\x01t\x00\x01\x00x");
    broker.expect_silence(Duration::from_millis(50));
    broker.send(b"\x40\x02\x00\x01");
    broker.expect(b"\x32\x07\x00\x01t\x00\x02\x00x");
}

#[test]
fn no_packet_is_larger_than_the_broker_takes() {
    let broker = Broker::builder().config("max_packet_size 100").start();
    let watched = Watched::connected(v5("a"), broker.port());
    let large = watched.client.publish("t", "x".repeat(100), 1, false);
    assert!(matches!(
        large,
        Err(Error::PacketTooLarge { limit: 100, .. })
    ));
    let sent = watched.client.publish("t", "x", 1, false).unwrap();
    sent.wait_for_publish(Some(DEADLINE)).unwrap();
}

#[test]
fn the_reason_of_a_rejected_message_is_told() {
    let (_peer, watched, mut broker) = scripted(v5("a"), b"\x20\x03\x00\x00\x00");
    let (report, told) = mpsc::channel();
    watched.client.on_publish(move |_, (), _, published| {
        report.send(published.clone()).unwrap();
    });
    let sent = watched.client.publish("t", "x", 1, false).unwrap();
    broker.expect(b"\x32\x07\x00\x01t\x00\x01\x00x");
    broker.send(b"\x40\x09\x00\x01\x97\x05\x1f\x00\x02no");
    let error = sent.wait_for_publish(Some(DEADLINE)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the broker rejects the message: quota exceeded (no)"
    );
    let told = told.recv_timeout(DEADLINE).unwrap();
    assert!(matches!(told.result, Err(Error::Rejected(_))));
    let properties = told.properties.unwrap();
    assert_eq!(properties.reason_string.as_deref(), Some("no"));
}

#[test]
fn the_broker_s_goodbye_is_told_with_all_it_says() {
    let (_peer, watched, mut broker) = scripted(v5("a"), b"\x20\x03\x00\x00\x00");
    broker.send(b"\xe0\x0a\x9d\x08\x1c\x00\x05other");
    broker.close();
    match watched.disconnect_seen() {
        Err(Error::ServerDisconnect {
            reason, properties, ..
        }) => {
            assert_eq!(reason, ReasonCode(0x9d));
            let properties = properties.unwrap();
            assert_eq!(properties.server_reference.as_deref(), Some("other"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_goodbye_carries_reason_and_properties() {
    let (_peer, watched, mut broker) = scripted(v5("a"), b"\x20\x03\x00\x00\x00");
    let words = Properties {
        reason_string: Some("bye".into()),
        user_properties: vec![("k".into(), "v".into())],
        ..Properties::default()
    };
    watched
        .client
        .disconnect_with(ReasonCode::UNSPECIFIED_ERROR, Some(words))
        .unwrap();
    broker.expect(b"\xe0\x0f\x80\x0d\x1f\x00\x03bye\x26\x00\x01k\x00\x01v");
    broker.expect_end();
}

#[test]
fn auth_is_answered_with_a_protocol_error() {
    for connack in [&b"\x20\x03\x00\x00\x00"[..], b""] {
        let peer = ScriptedPeer::listen();
        let watched = Watched::new(v5("a"));
        watched.connect(peer.port());
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(connack);
        broker.send(b"\xf0\x02\x18\x00");
        watched.client.loop_start().unwrap();
        broker.expect(b"\xe0\x01\x82");
        let error = loop {
            if let Seen::Disconnect(result) = watched.next() {
                break result.unwrap_err();
            }
        };
        assert!(error.to_string().contains("AUTH"), "{error}");
    }
}

#[test]
fn the_server_s_keep_alive_is_kept_to() {
    let connack = b"\x20\x06\x00\x00\x03\x13\x00\x01";
    let (_peer, _watched, mut broker) = scripted(v5("a"), connack);
    broker.expect(b"\xc0\x00");
}
