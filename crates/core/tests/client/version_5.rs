//! MQTT 5 against a real broker. What mosquitto can't say is in `exchanges`.

use iot_core::{Properties, QoS, ReasonCode, Subscription, TopicFilter, TopicName};
use testkit::ScriptedPeer;

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
    // Until DISCONNECT sets another interval.
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
