//! DISCONNECT (§3.14), both ways, and what closes a connection (§4.13).

use iot_core::{Properties, ReasonCode};

use super::*;

#[test]
fn disconnect_is_the_last_packet_and_the_connection_closes() {
    for protocol in ALL {
        let mut exchange = Exchange::on(config_of(protocol, "a"));
        exchange.publish("x", 1);
        let client = &exchange.watched.client;
        client.publish("t", "last", 0, false).unwrap();
        client.disconnect().unwrap();
        exchange.expect(publish(protocol, 0x32, "t", 1, "x"));
        exchange.expect(publish(protocol, 0x30, "t", 0, "last"));
        exchange.expect(b"\xe0\x00");
        // Whatever comes then: a message, a release, an answer that would make room for more.
        exchange
            .broker
            .try_send(&publish(protocol, 0x32, "t", 1, "y"));
        exchange
            .broker
            .try_send(&[ack(0x62, 9), ack(0x50, 1)].concat());
        exchange.broker.expect_end();
        exchange.broker.hang_up();
        assert!(exchange.watched.disconnect_seen().is_ok());
    }
}

#[test]
fn disconnect_has_what_the_application_sets() {
    let explanation = || Properties {
        reason_string: Some("bye".into()),
        user_properties: vec![("k".into(), "v".into())],
        session_expiry_interval: Some(258),
        server_reference: Some("not a client's to say".into()),
        ..Properties::default()
    };
    for (reason, got, expected) in [
        (0x00, None, &b"\xe0\x00"[..]),
        (0x04, None, b"\xe0\x01\x04"),
        (
            0x04,
            Some(explanation()),
            b"\xe0\x14\x04\x12\x11\x00\x00\x01\x02\x1f\x00\x03bye\x26\x00\x01k\x00\x01v",
        ),
    ] {
        let mut exchange = Exchange::on(kept(Protocol::V5, "a"));
        let client = &exchange.watched.client;
        client.disconnect_with(ReasonCode(reason), got).unwrap();
        exchange.expect(expected);
        exchange.broker.expect_end();
    }
    // The earlier versions know neither.
    let mut exchange = Exchange::on(config("a"));
    let client = &exchange.watched.client;
    let reason = ReasonCode::DISCONNECT_WITH_WILL;
    client.disconnect_with(reason, Some(explanation())).unwrap();
    exchange.expect(b"\xe0\x00");
    exchange.broker.expect_end();
}

#[test]
fn disconnect_omits_properties_that_make_it_too_large() {
    let mut exchange = Exchange::given(kept(Protocol::V5, "a"), b"\x27\x00\x00\x00\x14");
    let explanation = Properties {
        reason_string: Some("a long explanation".into()),
        user_properties: vec![("k".into(), "v".into())],
        session_expiry_interval: Some(258),
        ..Properties::default()
    };
    let reason = ReasonCode::UNSPECIFIED_ERROR;
    let client = &exchange.watched.client;
    client.disconnect_with(reason, Some(explanation)).unwrap();
    exchange.expect(b"\xe0\x07\x80\x05\x11\x00\x00\x01\x02");
    exchange.broker.expect_end();
}

#[test]
fn disconnect_has_no_reason_of_another_packet() {
    let mut exchange = Exchange::on(config_of(Protocol::V5, "a"));
    let client = &exchange.watched.client;
    let legal = [
        0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
    ];
    for code in (0..=u8::MAX).filter(|code| !legal.contains(code)) {
        let error = client.disconnect_with(ReasonCode(code), None).unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{code:#04x}: {error}");
    }
    exchange.expect_nothing_sent();
    for code in legal {
        let mut exchange = Exchange::on(config_of(Protocol::V5, "a"));
        let client = &exchange.watched.client;
        client.disconnect_with(ReasonCode(code), None).unwrap();
        match code {
            0 => exchange.expect(b"\xe0\x00"),
            _ => exchange.expect([0xe0, 1, code]),
        }
        exchange.broker.expect_end();
    }
}

/// The client closes the connection though the broker should do so, and sends nothing more.
#[test]
fn the_broker_s_disconnect_ends_the_connection_and_is_reported_with_its_properties() {
    for (bytes, rc, reference) in [
        (&b"\xe0\x00"[..], 0, None),
        (b"\xe0\x01\x8e", 0x8e, None),
        (b"\xe0\x02\x8b\x00", 0x8b, None),
        (
            b"\xe0\x15\x9d\x13\x1c\x00\x02me\x1f\x00\x04gone\x26\x00\x01k\x00\x01v",
            0x9d,
            Some("me"),
        ),
    ] {
        let mut exchange = Exchange::on(config_of(Protocol::V5, "a"));
        exchange.send(bytes);
        exchange.broker.expect_end();
        match exchange.watched.disconnect_seen().unwrap_err() {
            Error::ServerDisconnect {
                reason, properties, ..
            } => {
                assert_eq!(reason.0, rc);
                let got = properties.as_deref();
                assert_eq!(got.and_then(|p| p.server_reference.as_deref()), reference);
                if let (Some(got), Some(_)) = (got, reference) {
                    assert_eq!(got.user_properties, [("k".into(), "v".into())]);
                    assert_eq!(got.reason_string.as_deref(), Some("gone"));
                }
            }
            other => panic!("{other}"),
        }
    }
}

/// A PUBACK, a PUBREC and a PUBCOMP, each with all that it may hold.
#[test]
fn properties_of_acknowledgements_are_reported_in_callback_and_error() {
    let explanation = b"\x0c\x1f\x00\x02no\x26\x00\x01k\x00\x01v";
    let got = |properties: Option<&Properties>| {
        let got = properties.expect("the broker has sent some");
        assert_eq!(got.reason_string.as_deref(), Some("no"));
        assert_eq!(got.user_properties, [("k".into(), "v".into())]);
    };
    for (qos, answers) in [
        (1, vec![(0x40, 0x97)]),
        (2, vec![(0x50, 0x87)]),
        (2, vec![(0x50, 0x10), (0x70, 0x92)]),
        (1, vec![(0x40, 0x10)]),
    ] {
        let mut exchange = Exchange::on(config_of(Protocol::V5, "a"));
        let (report, reports) = mpsc::channel();
        let client = &exchange.watched.client;
        client.on_publish(move |_, (), _, published| report.send(published.clone()).unwrap());
        let sent = client.publish("t", "x", qos, false).unwrap();
        exchange.broker.read_packet();
        for (first, reason) in &answers {
            exchange.send(packet(*first, &[b"\x00\x01", &[*reason], explanation]));
            if answers.len() == 2 && *first == 0x50 {
                exchange.expect(ack(0x62, 1));
            }
        }
        let end = sent.wait_for_publish(Some(DEADLINE));
        let published = reports.recv_timeout(DEADLINE).unwrap();
        got(published.properties.as_deref());
        if answers.len() == 2 {
            let pubrec = published.pubrec.expect("it has more than success");
            assert_eq!(pubrec.reason.0, 0x10);
            got(pubrec.properties.as_deref());
        }
        match (end, answers.last().unwrap().1) {
            (Ok(()), 0x10 | 0x92) => {}
            (Err(Error::Rejected(rejection)), code) => {
                assert_eq!(rejection.reason.0, code);
                assert_eq!(rejection.reason_string.as_deref(), Some("no"));
                got(rejection.properties.as_deref());
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn properties_of_connack_and_pubrel_are_reported() {
    let peer = ScriptedPeer::listen();
    let client = Client::new(config_of(Protocol::V5, "a"), ()).unwrap();
    let (report, reports) = mpsc::channel();
    let reporter = report.clone();
    client.on_connect(move |_, (), flags, _| reporter.send(flags.properties).unwrap());
    client.on_release(move |_, (), ack| report.send(ack.properties.clone()).unwrap());
    client.connect(HOST, peer.port(), KEEP_ALIVE, None).unwrap();
    client.loop_start().unwrap();
    let mut broker = peer.accept();
    broker.read_packet();
    let explanation = b"\x1f\x00\x02hi\x26\x00\x01k\x00\x01v\x26\x00\x01k\x00\x01w";
    broker.send(&connack(Protocol::V5, false, explanation));
    broker.send(&publish(Protocol::V5, 0x34, "t", 7, "x"));
    broker.expect(&ack(0x50, 7));
    broker.send(&packet(0x62, &[b"\x00\x07\x00\x13", explanation]));
    broker.expect(&ack(0x70, 7));
    for _ in 0..2 {
        let got = reports.recv_timeout(DEADLINE).unwrap().expect("some");
        assert_eq!(got.reason_string.as_deref(), Some("hi"));
        let pairs = [("k".into(), "v".into()), ("k".into(), "w".into())];
        assert_eq!(got.user_properties, pairs);
    }
    client.disconnect().unwrap();
    broker.close();
    client.loop_stop().unwrap();
}
