//! CONNECT and CONNACK (§3.1, §3.2): the first packet of each side.

use iot_core::{Properties, QoS, TopicName, Will};

use super::*;

/// A CONNECT up to its client identifier: protocol name, level, flags, keep alive of a minute,
/// properties.
fn connect(protocol: Protocol, flags: u8, payload: &[&[u8]]) -> Vec<u8> {
    let (name, level) = match protocol {
        Protocol::V31 => ("MQIsdp", 3),
        Protocol::V311 => ("MQTT", 4),
        Protocol::V5 => ("MQTT", 5),
    };
    // Receive maximum 2,000; with clean start off, the session is to be kept for ever.
    let properties: &[u8] = match protocol {
        Protocol::V5 if flags & 2 == 0 => b"\x08\x11\xff\xff\xff\xff\x21\x07\xd0",
        Protocol::V5 => b"\x03\x21\x07\xd0",
        _ => b"",
    };
    let head = [&string(name)[..], &[level, flags, 0, 60], properties].concat();
    packet(0x10, &[&head, &payload.concat()])
}

fn will(qos: QoS, retain: bool) -> Will {
    Will {
        topic: TopicName::new("ü/w").unwrap(),
        payload: b"\x00gone"[..].into(),
        qos,
        retain,
        properties: None,
    }
}

/// The first packet of the next connection, of a client with this configuration.
fn first_packet(config: ClientConfig) -> Vec<u8> {
    Exchange::dialled(config).broker.read_packet()
}

#[test]
fn connect_comes_first_and_once_and_nothing_before_its_answer() {
    for protocol in ALL {
        let config = config_of(protocol, "a");
        let peer = ScriptedPeer::listen();
        let watched = Watched::new(config);
        let client = &watched.client;
        client.publish("t", "before", 1, false).unwrap();
        watched.connect(peer.port());
        client.loop_start().unwrap();
        client.publish("t", "after", 0, false).unwrap();
        client.subscribe("t", 1).unwrap();
        let mut broker = peer.accept();
        broker.expect(&connect(protocol, 2, &[&string("a")]));
        broker.expect_silence(Duration::from_millis(50));
        broker.send(&connack(protocol, false, b""));
        let mut rest = vec![broker.read_packet()[0], broker.read_packet()[0]];
        rest.push(broker.read_packet()[0]);
        rest.sort_unstable();
        assert_eq!(rest, [0x30, 0x32, 0x82]);
        client.publish("end", "", 0, false).unwrap();
        broker.expect(&publish(protocol, 0x30, "end", 0, ""));
    }
}

#[test]
fn connect_without_will_and_login_has_neither_fields_nor_flags() {
    for protocol in ALL {
        let clean = config_of(protocol, "a");
        assert_eq!(first_packet(clean), connect(protocol, 2, &[&string("a")]));
        let with_session = kept(protocol, "ü");
        let expected = connect(protocol, 0, &[&string("ü")]);
        assert_eq!(first_packet(with_session), expected);
    }
}

#[test]
fn connect_has_its_fields_in_their_order_and_a_flag_for_each() {
    for protocol in ALL {
        let properties = none(protocol);
        let config = ClientConfig {
            will: Some(will(QoS::AtLeastOnce, true)),
            username: Some("adä".into()),
            password: Some("s3cret".into()),
            ..config_of(protocol, "a")
        };
        let fields = [
            &string("a")[..],
            properties,
            &string("ü/w"),
            &string(b"\x00gone"),
            &string("adä"),
            &string("s3cret"),
        ];
        let expected = connect(protocol, 0x80 | 0x40 | 0x20 | 0x08 | 0x04 | 0x02, &fields);
        assert_eq!(first_packet(config), expected, "{protocol}");
    }
}

#[test]
fn the_will_s_flags_say_its_qos_and_whether_it_is_retained() {
    for protocol in ALL {
        for (qos, retain, bits) in [
            (QoS::AtMostOnce, false, 0x04),
            (QoS::AtMostOnce, true, 0x24),
            (QoS::AtLeastOnce, false, 0x0c),
            (QoS::ExactlyOnce, true, 0x34),
        ] {
            let config = ClientConfig {
                will: Some(will(qos, retain)),
                ..config_of(protocol, "a")
            };
            let fields = [
                &string("a")[..],
                none(protocol),
                &string("ü/w"),
                &string(b"\x00gone"),
            ];
            assert_eq!(first_packet(config), connect(protocol, 2 | bits, &fields));
        }
    }
    let watched = Watched::new(config("a"));
    let error = watched.client.will_set("w", "", 3, false).unwrap_err();
    assert_eq!(error.to_string(), "QoS is 0, 1 or 2");
}

#[test]
fn the_will_s_properties_come_before_its_topic() {
    let config = ClientConfig {
        will: Some(Will {
            properties: Some(Properties {
                will_delay_interval: Some(258),
                message_expiry_interval: Some(1),
                user_properties: vec![("b".into(), "1".into()), ("a".into(), "2".into())],
                ..Properties::default()
            }),
            ..will(QoS::AtMostOnce, false)
        }),
        ..config_of(Protocol::V5, "a")
    };
    let properties = b"\x18\x02\0\0\0\x01\x18\0\0\x01\x02\x26\0\x01b\0\x011\x26\0\x01a\0\x012";
    let fields = [
        &string("a")[..],
        properties,
        &string("ü/w"),
        &string(b"\x00gone"),
    ];
    assert_eq!(first_packet(config), connect(Protocol::V5, 6, &fields));
}

#[test]
fn a_user_name_or_a_password_may_stand_alone_where_the_version_allows_it() {
    for protocol in ALL {
        let config = ClientConfig {
            username: Some("u".into()),
            ..config_of(protocol, "a")
        };
        let expected = connect(protocol, 0x82, &[&string("a"), &string("u")]);
        assert_eq!(first_packet(config), expected);
        let config = ClientConfig {
            password: Some("p".into()),
            ..config_of(protocol, "a")
        };
        if protocol == Protocol::V5 {
            let expected = connect(protocol, 0x42, &[&string("a"), &string("p")]);
            assert_eq!(first_packet(config), expected);
        } else {
            let error = Client::new(config, ()).unwrap_err();
            assert!(error.to_string().contains("[MQTT-3.1.2-22]"), "{error}");
        }
    }
}

#[test]
fn every_connection_has_the_same_client_id_also_a_random_one() {
    for protocol in ALL {
        let mut exchange = Exchange::dialled(config_of(protocol, ""));
        let connect = exchange.broker.read_packet();
        let id = exchange.watched.client.client_id();
        assert!(
            id.len() == 18 && connect.ends_with(&string(&id)),
            "{connect:02x?}"
        );
        exchange.accept(false, b"");
        exchange.broker.hang_up();
        assert_eq!(exchange.peer.accept().read_packet(), connect);
    }
    // Without an id nobody would find the session again.
    let error = Client::new(kept(Protocol::V311, ""), ()).unwrap_err();
    assert!(matches!(error, Error::EmptyClientId));
}

#[test]
fn the_id_that_the_broker_gives_is_that_of_all_later_connections() {
    let exchange = Exchange::given(config_of(Protocol::V5, "a"), b"\x12\0\x02id");
    assert_eq!(exchange.watched.client.client_id(), "id");
    exchange.broker.hang_up();
    let mut broker = exchange.peer.accept();
    assert_eq!(
        broker.read_packet(),
        connect(Protocol::V5, 2, &[&string("id")])
    );
}

#[test]
fn the_session_is_taken_up_where_the_broker_has_it() {
    for protocol in BOTH {
        let mut exchange = Exchange::on(kept(protocol, "a"));
        exchange.publish("x", 1);
        exchange.expect(publish(protocol, 0x32, "t", 1, "x"));
        exchange.send(publish(protocol, 0x34, "t", 7, "y"));
        assert_eq!(exchange.watched.text(), "y");
        exchange.expect(ack(0x50, 7));
        exchange.again(true);
        // Ours is sent again under its id; the broker's is known already.
        exchange.expect(publish(protocol, 0x3a, "t", 1, "x"));
        exchange.send(publish(protocol, 0x3c, "t", 7, "y"));
        exchange.expect(ack(0x50, 7));
        exchange.send(ack(0x62, 7));
        exchange.expect(ack(0x70, 7));
        exchange.expect_no_answer();
        assert!(exchange.watched.seen.try_recv().is_err());
    }
}

/// With clean session on, and where the broker has lost what it had.
#[test]
fn a_new_session_has_nothing_of_the_one_before() {
    for protocol in ALL {
        for config in [config_of(protocol, "a"), kept(protocol, "a")] {
            // MQTT 3.1's CONNACK doesn't say whether a session that was to be kept is there.
            if protocol == Protocol::V31 && !config.clean_session {
                continue;
            }
            let mut exchange = Exchange::on(config);
            exchange.publish("x", 1);
            exchange.publish("z", 2);
            exchange.expect(publish(protocol, 0x32, "t", 1, "x"));
            exchange.expect(publish(protocol, 0x34, "t", 2, "z"));
            exchange.send(ack(0x50, 2));
            exchange.expect(ack(0x62, 2));
            exchange.send(publish(protocol, 0x34, "t", 7, "y"));
            assert_eq!(exchange.watched.text(), "y");
            exchange.expect(ack(0x50, 7));
            exchange.again(false);
            // What was accepted is sent as new, and the broker's id stands for another message.
            exchange.expect(publish(protocol, 0x32, "t", 1, "x"));
            exchange.expect(publish(protocol, 0x34, "t", 2, "z"));
            exchange.send(publish(protocol, 0x3c, "t", 7, "y"));
            exchange.expect(ack(0x50, 7));
            assert_eq!(exchange.watched.text(), "y");
        }
    }
}

#[test]
fn any_packet_before_connack_ends_the_connection() {
    for protocol in ALL {
        for bytes in [
            b"\xd0\x00".to_vec(),
            publish(protocol, 0x30, "t", 0, "x"),
            ack(0x40, 1),
            ack(0x62, 1),
        ] {
            let mut exchange = Exchange::dialled(config_of(protocol, "a"));
            exchange.broker.read_packet();
            exchange.send(&bytes);
            let error = exchange.expect_disconnect(0x82);
            assert!(error.to_string().contains("before CONNACK"), "{error}");
        }
    }
}

#[test]
fn connack_with_reserved_flags_ends_the_connection() {
    for (protocol, bytes) in [
        (Protocol::V311, &b"\x20\x02\x02\x00"[..]),
        (Protocol::V311, b"\x20\x02\x80\x00"),
        (Protocol::V5, b"\x20\x03\x02\x00\x00"),
        (Protocol::V5, b"\x20\x03\xff\x00\x00"),
    ] {
        let mut exchange = Exchange::dialled(config_of(protocol, "a"));
        exchange.broker.read_packet();
        exchange.send(bytes);
        exchange.expect_disconnect(0x81);
    }
    // On MQTT 3.1 the byte is reserved as a whole, and says nothing.
    let mut exchange = Exchange::dialled(config_of(Protocol::V31, "a"));
    exchange.broker.read_packet();
    exchange.send(b"\x20\x02\xff\x00");
    assert_eq!(exchange.watched.connect_seen(), (false, 0));
}

#[test]
fn a_session_that_nobody_asked_for_ends_the_connection() {
    for protocol in BOTH {
        let mut exchange = Exchange::dialled(config_of(protocol, "a"));
        exchange.broker.read_packet();
        exchange.send(connack(protocol, true, b""));
        let error = exchange.expect_disconnect(0x82);
        assert!(error.to_string().contains("clean start"), "{error}");
    }
}

#[test]
fn a_session_that_comes_with_a_refusal_ends_the_connection() {
    for (protocol, bytes) in [
        (Protocol::V311, &b"\x20\x02\x01\x05"[..]),
        (Protocol::V5, b"\x20\x03\x01\x87\x00"),
    ] {
        let mut exchange = Exchange::dialled(config_of(protocol, "a"));
        exchange.broker.read_packet();
        exchange.send(bytes);
        let error = exchange.expect_disconnect(0x82);
        assert!(error.to_string().contains("claims a session"), "{error}");
    }
}

#[test]
fn a_refusal_is_the_end_of_the_connection() {
    for (protocol, bytes, rc) in [
        (Protocol::V31, &b"\x20\x02\x00\x02"[..], 2),
        (Protocol::V311, b"\x20\x02\x00\x05", 5),
        (Protocol::V311, b"\x20\x02\x00\xff", 0xff),
        (Protocol::V5, b"\x20\x03\x00\x87\x00", 0x87),
        (Protocol::V5, b"\x20\x08\x00\x9d\x05\x1c\x00\x02me", 0x9d),
    ] {
        let mut exchange = Exchange::dialled(config_of(protocol, "a"));
        exchange.broker.read_packet();
        exchange.publish("x", 1);
        exchange.send(bytes);
        // The client closes, whether or not the broker does.
        exchange.broker.expect_end();
        assert_eq!(exchange.watched.connect_seen(), (false, rc));
        assert_eq!(exchange.watched.disconnect_seen().unwrap_err().rc(), rc);
        // What was accepted is not lost with it.
        exchange.broker = exchange.peer.accept();
        exchange.broker.read_packet();
        exchange.accept(false, b"");
        exchange.expect(publish(protocol, 0x32, "t", 1, "x"));
    }
}

/// A client's own packets, not the broker's, keep a connection.
#[test]
fn no_silence_is_longer_than_the_keep_alive() {
    fn case(protocol: Protocol, keep_alive: u64, properties: &[u8]) {
        let peer = ScriptedPeer::listen();
        let watched = Watched::new(config_of(protocol, "a"));
        let keep_alive = Duration::from_secs(keep_alive);
        let client = &watched.client;
        client
            .connect(HOST, peer.port(), keep_alive, None)
            .expect("it listens");
        client.loop_start().expect("no loop runs yet");
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(&connack(protocol, false, properties));
        broker.expect(b"\xc0\x00");
        broker.send(b"\xd0\x00");
        broker.send(&publish(protocol, 0x30, "t", 0, "x"));
        broker.expect(b"\xc0\x00");
    }
    std::thread::scope(|scope| {
        for protocol in ALL {
            scope.spawn(move || case(protocol, 1, b""));
        }
        // The broker's word counts.
        scope.spawn(|| case(Protocol::V5, 600, b"\x13\0\x01"));
    });
}
