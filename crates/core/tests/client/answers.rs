//! `on_publish`, `on_subscribe`, `on_unsubscribe`, `on_log`, and callbacks by filter.

use iot_core::{LogLevel, Published, QoS, ReasonCode, Subscription, TopicFilter};
use testkit::ScriptedPeer;

use super::*;

/// Sets callbacks that report what the broker answers.
fn answers(watched: &Watched) -> mpsc::Receiver<String> {
    let (report, answers) = mpsc::channel();
    let reporter = report.clone();
    watched
        .client
        .on_publish(move |_, (), mid, Published { result, .. }| {
            let _ = match result {
                Ok(reason) => reporter.send(format!("published #{mid} {}", reason.0)),
                Err(error) => reporter.send(format!("failed #{mid} {error}")),
            };
        });
    let reporter = report.clone();
    watched.client.on_subscribe(move |_, (), mid, ack| {
        let granted: Vec<_> = ack.granted().collect();
        let _ = reporter.send(format!("subscribed #{mid} {granted:?}"));
    });
    watched.client.on_unsubscribe(move |_, (), mid, ack| {
        let reasons: Vec<_> = ack.reasons.iter().map(|reason| reason.0).collect();
        let _ = report.send(format!("unsubscribed #{mid} {reasons:?}"));
    });
    answers
}

#[test]
fn every_request_is_answered_under_its_id() {
    let broker = Broker::start();
    for protocol in ALL {
        let watched = Watched::connected(config_of(protocol, "a"), broker.port());
        let answers = answers(&watched);
        let client = &watched.client;
        let next = || answers.recv_timeout(DEADLINE).unwrap();
        let mid = client
            .subscribe_many([("a", 0), ("b", 1), ("c", 2)])
            .unwrap();
        assert_eq!(
            next(),
            format!("subscribed #{mid} [Ok(AtMostOnce), Ok(AtLeastOnce), Ok(ExactlyOnce)]")
        );
        for qos in 0..=2 {
            let sent = client.publish("b", "x", qos, false).unwrap();
            assert_eq!(next(), format!("published #{} 0", sent.mid()));
        }
        // Nobody has subscribed to it, which an MQTT 5 broker may say.
        let sent = client.publish("nobody", "x", 1, false).unwrap();
        let got = if protocol == Protocol::V5 { 0x10 } else { 0 };
        assert_eq!(next(), format!("published #{} {got}", sent.mid()));
        let mid = client.unsubscribe_many(["a", "nothing"]).unwrap();
        let codes = match protocol {
            Protocol::V5 => "[0, 17]",
            _ => "[]",
        };
        assert_eq!(next(), format!("unsubscribed #{mid} {codes}"));
        watched.end();
    }
}

#[test]
fn on_publish_comes_before_the_end_of_the_wait() {
    let broker = Broker::start();
    let watched = Watched::connected(config("a"), broker.port());
    let answers = answers(&watched);
    for qos in 0..=2 {
        let sent = watched.client.publish("t", "x", qos, false).unwrap();
        sent.wait_for_publish(Some(DEADLINE)).unwrap();
        assert_eq!(
            answers.try_recv().unwrap(),
            format!("published #{} 0", sent.mid())
        );
    }
}

#[test]
fn a_refused_subscription_says_why() {
    for (protocol, connack, suback, code) in [
        (
            Protocol::V311,
            CONNACK,
            &b"\x90\x04\x00\x01\x00\x80"[..],
            0x80,
        ),
        (
            Protocol::V5,
            b"\x20\x03\x00\x00\x00",
            b"\x90\x09\x00\x01\x04\x1f\x00\x01w\x00\x87",
            0x87,
        ),
    ] {
        let peer = ScriptedPeer::listen();
        let watched = Watched::new(config_of(protocol, "a"));
        let (report, answer) = mpsc::channel();
        watched.client.on_subscribe(move |_, (), _, ack| {
            let explanation = ack.properties.as_ref().map(|p| p.reason_string.clone());
            let granted: Vec<_> = ack.granted().collect();
            report.send((granted, explanation.flatten())).unwrap();
        });
        watched.connect(peer.port());
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(connack);
        watched.client.loop_start().unwrap();
        assert_eq!(watched.connect_seen().1, 0);
        watched.client.subscribe_many([("a", 0), ("b", 1)]).unwrap();
        broker.read_packet();
        broker.send(suback);
        let (granted, explanation) = answer.recv_timeout(DEADLINE).unwrap();
        assert_eq!(granted, [Ok(QoS::AtMostOnce), Err(ReasonCode(code))]);
        assert_eq!(explanation.is_some(), protocol == Protocol::V5);
    }
}

/// Adds a callback that reports under a name.
fn add(client: &Client, report: &mpsc::Sender<String>, filter: &'static str) {
    let report = report.clone();
    client
        .message_callback_add(filter, move |_, (), message| {
            let _ = report.send(format!("{filter} {}", message.topic));
        })
        .unwrap();
}

#[test]
fn every_filter_that_matches_gets_the_message_and_on_message_the_rest() {
    let broker = Broker::start();
    let watched = Watched::subscribed(config("a"), &broker, "#", 0);
    let client = &watched.client;
    let (report, calls) = mpsc::channel();
    let reporter = report.clone();
    client.on_message(move |_, (), message| {
        let _ = reporter.send(format!("on_message {}", message.topic));
    });
    for filter in ["iot/#", "iot/+/temp", "other"] {
        add(client, &report, filter);
    }
    let expect = |topic: &str, expected: &[&str]| {
        client.publish(topic, "", 1, false).unwrap();
        for filter in expected {
            let call = calls.recv_timeout(DEADLINE).unwrap();
            assert_eq!(call, format!("{filter} {topic}"));
        }
    };
    expect("iot/home/temp", &["iot/#", "iot/+/temp"]);
    expect("iot/x", &["iot/#"]);
    expect("else", &["on_message"]);
    client.message_callback_remove("iot/#").unwrap();
    client.message_callback_remove("never/added").unwrap();
    expect("iot/home/temp", &["iot/+/temp"]);
    expect("iot/x", &["on_message"]);
    client.message_callback_remove("iot/+/temp").unwrap();
    expect("iot/home/temp", &["on_message"]);
    assert!(calls.try_recv().is_err());
    let error = client.message_callback_add("a/#/b", |_, (), _| {});
    assert!(matches!(error, Err(Error::Topic(_))));
    assert!(matches!(
        client.message_callback_remove("a#"),
        Err(Error::Topic(_))
    ));
}

#[test]
fn a_filter_of_a_shared_subscription_matches_what_it_brings() {
    let broker = Broker::start();
    let watched = Watched::subscribed(config("a"), &broker, "$share/g/t/#", 0);
    let (report, calls) = mpsc::channel();
    add(&watched.client, &report, "$share/g/t/#");
    watched.client.publish("t/x", "", 0, false).unwrap();
    assert_eq!(calls.recv_timeout(DEADLINE).unwrap(), "$share/g/t/# t/x");
}

#[test]
fn a_filtered_callback_replaces_and_removes_itself() {
    let broker = Broker::start();
    let watched = Watched::subscribed(config("a"), &broker, "t", 0);
    let (report, calls) = mpsc::channel();
    let reporter = report.clone();
    watched
        .client
        .message_callback_add("t", move |client, (), _| {
            reporter.send("first").unwrap();
            let reporter = reporter.clone();
            client
                .message_callback_add("t", move |client, (), _| {
                    reporter.send("second").unwrap();
                    client.message_callback_remove("t").unwrap();
                })
                .unwrap();
        })
        .unwrap();
    watched
        .client
        .on_message(move |_, (), _| report.send("on_message").unwrap());
    for expected in ["first", "second", "on_message"] {
        watched.client.publish("t", "", 0, false).unwrap();
        assert_eq!(calls.recv_timeout(DEADLINE).unwrap(), expected);
    }
}

#[test]
fn the_log_has_every_packet() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    let (report, lines) = mpsc::channel();
    watched.client.on_log(move |_, (), level, text| {
        let _ = report.send((level, text.to_owned()));
    });
    watched.connect(broker.port());
    watched.client.loop_start().unwrap();
    watched.connect_seen();
    let client = &watched.client;
    client.subscribe("t", 1).unwrap();
    client
        .publish("t", "25.5", 1, false)
        .unwrap()
        .wait_for_publish(Some(DEADLINE))
        .unwrap();
    watched.message();
    watched.end();
    let lines: Vec<_> = lines.try_iter().collect();
    for expected in [
        "Sending CONNECT (u0, p0, w0, c1, k60) client_id=\"a\"",
        "Received CONNACK (s0, accepted)",
        "Sending SUBSCRIBE (m1) [(\"t\", 1)]",
        "Sending PUBLISH (d0, q1, r0, m2), \"t\", ... (4 bytes)",
        "Received SUBACK (m1)",
        "Received PUBACK (m2, success)",
        "Received PUBLISH (d0, q1, r0, m1), \"t\", ... (4 bytes)",
        "Sending PUBACK (m1, success)",
        "Sending DISCONNECT (success)",
    ] {
        let line = (LogLevel::Debug, expected.to_owned());
        assert!(lines.contains(&line), "{expected} is not in {lines:#?}");
    }
    assert!(lines.contains(&(LogLevel::Info, "disconnected".into())));
}

#[test]
fn the_log_has_the_reason_for_no_connection() {
    let broker = Broker::reserve();
    let watched = Watched::new(config("a"));
    let (report, lines) = mpsc::channel();
    watched.client.on_log(move |_, (), level, text| {
        let _ = report.send((level, text.to_owned()));
    });
    let port = broker.port();
    let client = &watched.client;
    client.connect_async(HOST, port, KEEP_ALIVE, None).unwrap();
    client.loop_start().unwrap();
    let (level, text) = lines.recv_timeout(DEADLINE).unwrap();
    assert_eq!(level, LogLevel::Error);
    assert!(text.starts_with("cannot connect to broker"), "{text}");
}

#[test]
fn a_shared_subscription_that_excludes_its_own_messages_is_refused_at_once() {
    let broker = Broker::start();
    let watched = Watched::connected(config_of(Protocol::V5, "a"), broker.port());
    let subscription = Subscription {
        no_local: true,
        ..Subscription::new(TopicFilter::new("$share/g/t").unwrap(), QoS::AtMostOnce)
    };
    let error = watched
        .client
        .subscribe_with([subscription], iot_core::Properties::default())
        .unwrap_err();
    assert!(matches!(error, Error::Config(_)), "{error}");
    watched.end();
}
