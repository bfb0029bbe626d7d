//! AUTH (MQTT 5 §3.15, §4.12): enhanced authentication, asked for by either side or by neither.

use iot_core::{Properties, ReasonCode};

use super::*;

fn offering(client_id: &str) -> ClientConfig {
    ClientConfig {
        authentication_method: Some("M".into()),
        authentication_data: Some("1".into()),
        ..config_of(Protocol::V5, client_id)
    }
}

/// A client that answers each AUTH with the number after the broker's.
fn answering() -> (Exchange, mpsc::Receiver<(u8, Properties)>) {
    let exchange = Exchange::dialled(offering("a"));
    let (report, reports) = mpsc::channel();
    exchange.watched.client.on_auth(move |client, (), auth| {
        let got = auth.properties.as_deref().cloned().unwrap_or_default();
        if auth.reason == ReasonCode::CONTINUE_AUTHENTICATION {
            let next = got.authentication_data.as_ref().map_or(0, |data| data[0]) + 1;
            let answer = Properties {
                authentication_data: Some(vec![next].into()),
                reason_string: Some("w".into()),
                user_properties: vec![("k".into(), "v".into())],
                ..Properties::default()
            };
            client.auth(answer).unwrap();
        }
        report.send((auth.reason.0, got)).unwrap();
    });
    (exchange, reports)
}

/// The broker's AUTH with this reason and number.
fn auth(reason: u8, number: u8) -> Vec<u8> {
    packet(
        0xf0,
        &[&[reason, 8], b"\x15\x00\x01M\x16\x00\x01", &[number]],
    )
}

/// The client's answer with this number.
fn answer(number: u8) -> Vec<u8> {
    let data = [b"\x15\x00\x01M\x16\x00\x01", &[number][..]].concat();
    packet(
        0xf0,
        &[b"\x18\x13", &data, b"\x1f\x00\x01w\x26\x00\x01k\x00\x01v"],
    )
}

const ACCEPTED: &[u8] = b"\x15\x00\x01M\x16\x00\x019";

#[test]
fn the_method_that_connect_names_goes_on_before_all_else() {
    let (mut exchange, reports) = answering();
    exchange.publish("waits", 0);
    let connect =
        b"\x00\x04MQTT\x05\x02\x00\x3c\x0b\x15\x00\x01M\x16\x00\x011\x21\x07\xd0\x00\x01a";
    exchange.expect(packet(0x10, &[connect]));
    for number in [b'1', b'3', b'5'] {
        exchange.send(auth(0x18, number));
        exchange.expect(answer(number + 1));
        let (reason, got) = reports.recv_timeout(DEADLINE).unwrap();
        assert_eq!(
            (reason, got.authentication_method.as_deref()),
            (0x18, Some("M"))
        );
    }
    exchange.broker.expect_silence(Duration::from_millis(50));
    exchange.accept(false, ACCEPTED);
    exchange.expect(publish(Protocol::V5, 0x30, "t", 0, "waits"));
}

#[test]
fn all_properties_of_auth_are_reported() {
    let (mut exchange, reports) = answering();
    exchange.broker.read_packet();
    exchange.send(b"\xf0\x15\x18\x13\x15\x00\x01M\x16\x00\x012\x1f\x00\x01w\x26\x00\x01k\x00\x01v");
    exchange.expect(answer(b'3'));
    let (_, got) = reports.recv_timeout(DEADLINE).unwrap();
    assert_eq!(got.reason_string.as_deref(), Some("w"));
    assert_eq!(got.user_properties, [("k".into(), "v".into())]);
    assert_eq!(got.authentication_data.as_deref(), Some(&b"2"[..]));
}

#[test]
fn a_connection_that_stands_authenticates_again() {
    let (mut exchange, reports) = answering();
    exchange.broker.read_packet();
    exchange.accept(false, ACCEPTED);
    let again = Properties {
        authentication_data: Some("a".into()),
        ..Properties::default()
    };
    exchange
        .watched
        .client
        .reauthenticate(again.clone())
        .unwrap();
    exchange.expect(b"\xf0\x0a\x19\x08\x15\x00\x01M\x16\x00\x01a");
    // Messages go on meanwhile.
    exchange.send(publish(Protocol::V5, 0x32, "t", 1, "x"));
    exchange.expect(ack(0x40, 1));
    assert_eq!(exchange.watched.text(), "x");
    exchange.send(auth(0x18, b'7'));
    exchange.expect(answer(b'8'));
    exchange.send(auth(0x00, b'9'));
    exchange.expect_no_answer();
    assert_eq!(reports.recv_timeout(DEADLINE).unwrap().0, 0x18);
    assert_eq!(reports.recv_timeout(DEADLINE).unwrap().0, 0x00);
    // That it fails is the end, which the broker says, or the application.
    exchange.watched.client.reauthenticate(again).unwrap();
    exchange.broker.read_packet();
    exchange.send(b"\xe0\x01\x87");
    exchange.broker.expect_end();
    assert_eq!(exchange.watched.disconnect_seen().unwrap_err().rc(), 0x87);
}

#[test]
fn auth_that_may_not_come_ends_the_connection_with_0x82() {
    // Before CONNACK: of another method or none, with a reason that is none of AUTH's or not yet
    // due.
    for bytes in [
        &b"\xf0\x06\x18\x04\x15\x00\x01N"[..],
        b"\xf0\x02\x18\x00",
        b"\xf0\x00",
        b"\xf0\x06\x00\x04\x15\x00\x01M",
        b"\xf0\x06\x19\x04\x15\x00\x01M",
        b"\xf0\x06\x87\x04\x15\x00\x01M",
    ] {
        let (mut exchange, _told) = answering();
        exchange.broker.read_packet();
        exchange.send(bytes);
        let error = exchange.expect_disconnect(0x82);
        assert!(error.to_string().contains("AUTH"), "{bytes:02x?}: {error}");
    }
    // On a connection that stands, where nobody has asked for it.
    let (mut exchange, _told) = answering();
    exchange.broker.read_packet();
    exchange.accept(false, ACCEPTED);
    exchange.send(auth(0x18, b'1'));
    exchange.expect_disconnect(0x82);
}

#[test]
fn without_a_method_no_auth_arrives_or_is_sent() {
    for connected in [false, true] {
        let mut exchange = Exchange::dialled(config_of(Protocol::V5, "a"));
        exchange.broker.read_packet();
        if connected {
            exchange.accept(false, b"");
        }
        let client = &exchange.watched.client;
        for refused in [
            client.auth(Properties::default()),
            client.reauthenticate(Properties::default()),
        ] {
            let refused = refused.unwrap_err();
            assert!(
                matches!(refused, Error::Unsupported(_) | Error::NotConnected),
                "{refused}"
            );
        }
        exchange.send(auth(0x18, b'1'));
        let error = exchange.expect_disconnect(0x82);
        assert!(error.to_string().contains("AUTH"), "{error}");
    }
}

#[test]
fn connack_has_the_method_that_connect_named_or_none() {
    for (config, properties) in [
        (offering("a"), &b""[..]),
        (offering("a"), b"\x15\x00\x01N"),
        (config_of(Protocol::V5, "a"), b"\x15\x00\x01M"),
    ] {
        let mut exchange = Exchange::dialled(config);
        exchange.broker.read_packet();
        exchange.send(connack(Protocol::V5, false, properties));
        let error = exchange.expect_disconnect(0x82);
        assert!(
            error.to_string().contains("authentication method"),
            "{error}"
        );
    }
    // A refusal need not name it.
    let mut exchange = Exchange::dialled(offering("a"));
    exchange.broker.read_packet();
    exchange.send(b"\x20\x03\x00\x8c\x00");
    exchange.broker.expect_end();
    assert_eq!(exchange.watched.connect_seen(), (false, 0x8c));
}

/// Without a callback the broker would wait for an answer that never comes.
#[test]
fn auth_that_nobody_answers_ends_the_connection_with_0x83() {
    let mut exchange = Exchange::dialled(offering("a"));
    exchange.broker.read_packet();
    exchange.send(auth(0x18, b'1'));
    let error = exchange.expect_disconnect(0x83);
    assert_eq!(
        error.to_string(),
        "the broker asks for the next step of authentication method `M`, which nothing here answers"
    );
    assert_eq!(error.rc(), 11);
    assert!(error.is_permanent());
    // One that is accepted at once asks for nothing; and when it authenticates again, success needs
    // no answer.
    let mut exchange = Exchange::dialled(offering("a"));
    exchange.broker.read_packet();
    exchange.accept(false, ACCEPTED);
    exchange
        .watched
        .client
        .reauthenticate(Properties::default())
        .unwrap();
    exchange.expect(b"\xf0\x06\x19\x04\x15\x00\x01M");
    exchange.send(auth(0x00, b'1'));
    exchange.expect_no_answer();
    exchange
        .watched
        .client
        .reauthenticate(Properties::default())
        .unwrap();
    exchange.broker.read_packet();
    exchange.send(auth(0x18, b'1'));
    exchange.expect_disconnect(0x83);
}

#[test]
fn an_auth_that_is_too_large_is_not_sent() {
    let (mut exchange, _told) = answering();
    exchange.broker.read_packet();
    let small = [ACCEPTED, b"\x27\x00\x00\x00\x14"].concat();
    exchange.accept(false, &small);
    for got in [
        Properties {
            reason_string: Some("a long explanation".into()),
            ..Properties::default()
        },
        Properties {
            user_properties: vec![("key".into(), "a long value".into())],
            ..Properties::default()
        },
    ] {
        let error = exchange.watched.client.reauthenticate(got).unwrap_err();
        assert!(
            matches!(error, Error::PacketTooLarge { limit: 20, .. }),
            "{error}"
        );
    }
    exchange.expect_nothing_sent();
}
