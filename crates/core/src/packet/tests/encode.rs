//! Every packet that a client sends, byte by byte.

use super::*;

#[track_caller]
fn case(protocol: Protocol, packet: &Outgoing, expected: &[u8]) {
    let bytes = encode(protocol, packet);
    assert_eq!(
        bytes.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
}

fn connect() -> Connect {
    Connect {
        client_id: "a".into(),
        clean_start: true,
        keep_alive: 60,
        username: None,
        password: None,
        will: None,
        properties: Properties::default(),
    }
}

fn will() -> Will {
    Will {
        topic: TopicName::new("w").unwrap(),
        payload: Bytes::from_static(b"gone"),
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: None,
    }
}

#[test]
fn connect_with_the_least() {
    let packet = Outgoing::Connect(connect().into());
    case(
        Protocol::V31,
        &packet,
        b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01a",
    );
    case(
        Protocol::V311,
        &packet,
        b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a",
    );
    case(
        Protocol::V5,
        &packet,
        b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01a",
    );
}

#[test]
fn connect_with_will_and_login() {
    let packet = Outgoing::Connect(
        Connect {
            clean_start: false,
            username: Some("ada".into()),
            password: Some("pw".into()),
            will: Some(will()),
            ..connect()
        }
        .into(),
    );
    case(
        Protocol::V31,
        &packet,
        b"\x10\x21\x00\x06MQIsdp\x03\xec\x00\x3c\x00\x01a\x00\x01w\x00\x04gone\x00\x03ada\x00\x02pw",
    );
    case(
        Protocol::V311,
        &packet,
        b"\x10\x1f\x00\x04MQTT\x04\xec\x00\x3c\x00\x01a\x00\x01w\x00\x04gone\x00\x03ada\x00\x02pw",
    );
    case(
        Protocol::V5,
        &packet,
        b"\x10\x21\x00\x04MQTT\x05\xec\x00\x3c\x00\x00\x01a\x00\x00\x01w\x00\x04gone\x00\x03ada\x00\x02pw",
    );
}

#[test]
fn connect_with_a_user_name_alone_and_with_a_password_alone() {
    let user = Connect {
        username: Some("u".into()),
        ..connect()
    };
    case(
        Protocol::V311,
        &Outgoing::Connect(user.into()),
        b"\x10\x10\x00\x04MQTT\x04\x82\x00\x3c\x00\x01a\x00\x01u",
    );
    let password = Connect {
        password: Some("p".into()),
        ..connect()
    };
    case(
        Protocol::V5,
        &Outgoing::Connect(password.into()),
        b"\x10\x11\x00\x04MQTT\x05\x42\x00\x3c\x00\x00\x01a\x00\x01p",
    );
}

#[test]
fn connect_with_properties() {
    let packet = Outgoing::Connect(
        Connect {
            properties: Properties {
                session_expiry_interval: Some(u32::MAX),
                receive_maximum: Some(2000),
                ..Properties::default()
            },
            will: Some(Will {
                qos: QoS::ExactlyOnce,
                retain: false,
                properties: Some(Properties {
                    will_delay_interval: Some(5),
                    ..Properties::default()
                }),
                ..will()
            }),
            ..connect()
        }
        .into(),
    );
    case(
        Protocol::V5,
        &packet,
        b"\x10\x25\x00\x04MQTT\x05\x16\x00\x3c\x08\x11\xff\xff\xff\xff\x21\x07\xd0\x00\x01a\
          \x05\x18\x00\x00\x00\x05\x00\x01w\x00\x04gone",
    );
}

fn message(qos: QoS) -> Message {
    Message {
        packet_id: Some(id(258)),
        ..Message::new(TopicName::new("a/b").unwrap(), "25.5").with_qos(qos)
    }
}

#[test]
fn publish() {
    let plain = Outgoing::Publish(message(QoS::AtMostOnce));
    case(Protocol::V311, &plain, b"\x30\x09\x00\x03a/b25.5");
    case(Protocol::V5, &plain, b"\x30\x0a\x00\x03a/b\x0025.5");
    let full = Outgoing::Publish(Message {
        dup: true,
        retain: true,
        ..message(QoS::ExactlyOnce)
    });
    case(Protocol::V311, &full, b"\x3d\x0b\x00\x03a/b\x01\x0225.5");
    case(Protocol::V5, &full, b"\x3d\x0c\x00\x03a/b\x01\x02\x0025.5");
    let empty = Outgoing::Publish(Message {
        payload: Bytes::new(),
        ..message(QoS::AtLeastOnce)
    });
    case(Protocol::V311, &empty, b"\x32\x07\x00\x03a/b\x01\x02");
}

#[test]
fn publish_with_properties() {
    let packet = Outgoing::Publish(Message {
        properties: Some(Box::new(all_properties())),
        ..message(QoS::AtMostOnce)
    });
    case(Protocol::V311, &packet, b"\x30\x09\x00\x03a/b25.5");
    case(
        Protocol::V5,
        &packet,
        b"\x30\x2f\x00\x03a/b\x25\x01\x01\x02\x00\x00\x00\x02\x03\x00\x01c\x08\x00\x01r\
          \x09\x00\x02\x00\xff\x23\x00\x04\x26\x00\x01a\x00\x011\x26\x00\x01a\x00\x01225.5",
    );
}

#[test]
fn publish_with_an_alias() {
    let aliased = |qos, known| Outgoing::PublishAliased {
        message: message(qos),
        alias: 7,
        known,
    };
    case(
        Protocol::V5,
        &aliased(QoS::AtMostOnce, false),
        b"\x30\x0d\x00\x03a/b\x03\x23\x00\x0725.5",
    );
    case(
        Protocol::V5,
        &aliased(QoS::AtLeastOnce, true),
        b"\x32\x0c\x00\x00\x01\x02\x03\x23\x00\x0725.5",
    );
}

#[test]
fn publish_len_is_the_length_on_the_wire() {
    for protocol in BOTH {
        for payload in [0, 1, 100, 121, 122, 123, 16_371, 16_372, 16_380, 2_097_150] {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
                for properties in [None, Some(Box::new(all_properties()))] {
                    let message = Message {
                        payload: vec![0; payload].into(),
                        properties,
                        ..message(qos)
                    };
                    let len = codec(protocol).publish_len(&message);
                    let bytes = encode(protocol, &Outgoing::Publish(message));
                    assert_eq!(bytes.len(), len);
                }
            }
        }
    }
}

#[test]
fn acknowledgements() {
    for (first, make) in [
        (0x40, Outgoing::PubAck as fn(Ack) -> Outgoing),
        (0x50, Outgoing::PubRec),
        (0x62, Outgoing::PubRel),
        (0x70, Outgoing::PubComp),
    ] {
        let success = make(Ack::success(id(258)));
        let failure = make(Ack::with_reason(id(258), ReasonCode::PACKET_ID_NOT_FOUND));
        for protocol in BOTH {
            case(protocol, &success, &[first, 2, 1, 2]);
        }
        case(Protocol::V311, &failure, &[first, 2, 1, 2]);
        case(Protocol::V5, &failure, &[first, 4, 1, 2, 0x92, 0]);
        let with_properties = make(Ack {
            properties: Some(Box::new(all_properties())),
            ..Ack::success(id(258))
        });
        case(
            Protocol::V5,
            &with_properties,
            &frame(
                first,
                b"\x01\x02\x00\x12\x1f\x00\x01w\x26\x00\x01a\x00\x011\x26\x00\x01a\x00\x012",
            ),
        );
    }
}

#[test]
fn subscribe_and_unsubscribe() {
    let filters = ["a/+", "#"].map(|text| TopicFilter::new(text).unwrap());
    let [first, second] = filters.clone();
    let list = vec![
        Subscription::new(first, QoS::AtLeastOnce),
        Subscription {
            no_local: true,
            retain_as_published: true,
            retain_handling: 2,
            ..Subscription::new(second, QoS::ExactlyOnce)
        },
    ];
    let lens = BOTH.map(|protocol| codec(protocol).subscribe_len(&list, None));
    assert_eq!(lens, [14, 15]);
    let packet = Outgoing::Subscribe(id(258), list, None);
    case(
        Protocol::V311,
        &packet,
        b"\x82\x0c\x01\x02\x00\x03a/+\x01\x00\x01#\x02",
    );
    case(
        Protocol::V5,
        &packet,
        b"\x82\x0d\x01\x02\x00\x00\x03a/+\x01\x00\x01#\x2e",
    );
    let lens = BOTH.map(|protocol| codec(protocol).unsubscribe_len(&filters, None));
    assert_eq!(lens, [12, 13]);
    let packet = Outgoing::Unsubscribe(id(258), filters.to_vec(), None);
    case(
        Protocol::V311,
        &packet,
        b"\xa2\x0a\x01\x02\x00\x03a/+\x00\x01#",
    );
    case(
        Protocol::V5,
        &packet,
        b"\xa2\x0b\x01\x02\x00\x00\x03a/+\x00\x01#",
    );
}

#[test]
fn subscribe_and_unsubscribe_with_properties() {
    let filters = [TopicFilter::new("a").unwrap()];
    let list = vec![Subscription::new(filters[0].clone(), QoS::AtLeastOnce)];
    let properties = Properties {
        subscription_identifiers: vec![300],
        ..all_properties()
    };
    let with = Some(Box::new(properties.clone()));
    let packet = Outgoing::Subscribe(id(258), list.clone(), with.clone());
    let user = b"\x26\x00\x01a\x00\x011\x26\x00\x01a\x00\x012";
    let expected = [
        b"\x82\x18\x01\x02\x11\x0b\xac\x02",
        &user[..],
        b"\x00\x01a\x01",
    ]
    .concat();
    case(Protocol::V5, &packet, &expected);
    case(Protocol::V311, &packet, b"\x82\x06\x01\x02\x00\x01a\x01");
    assert_eq!(
        codec(Protocol::V5).subscribe_len(&list, Some(&properties)),
        expected.len()
    );
    let packet = Outgoing::Unsubscribe(id(258), filters.to_vec(), with);
    let expected = [b"\xa2\x14\x01\x02\x0e", &user[..], b"\x00\x01a"].concat();
    case(Protocol::V5, &packet, &expected);
    case(Protocol::V311, &packet, b"\xa2\x05\x01\x02\x00\x01a");
    assert_eq!(
        codec(Protocol::V5).unsubscribe_len(&filters, Some(&properties)),
        expected.len()
    );
}

/// Only CONNECT differs from 3.1.1.
#[test]
fn other_packets_of_mqtt_3_1_equal_those_of_3_1_1() {
    let filters = vec![TopicFilter::new("a").unwrap()];
    let list = vec![Subscription::new(filters[0].clone(), QoS::AtLeastOnce)];
    for packet in [
        Outgoing::Publish(message(QoS::ExactlyOnce)),
        Outgoing::PubAck(Ack::success(id(1))),
        Outgoing::PubRel(Ack::with_reason(id(1), ReasonCode::PACKET_ID_NOT_FOUND)),
        Outgoing::Subscribe(id(1), list, None),
        Outgoing::Unsubscribe(id(1), filters, None),
        Outgoing::PingReq,
        Outgoing::Disconnect(Disconnect {
            reason: ReasonCode::MALFORMED_PACKET,
            properties: None,
        }),
    ] {
        assert_eq!(
            encode(Protocol::V31, &packet),
            encode(Protocol::V311, &packet)
        );
    }
}

#[test]
fn ping_and_disconnect() {
    let disconnect = |reason, properties| Outgoing::Disconnect(Disconnect { reason, properties });
    let plain = disconnect(ReasonCode::SUCCESS, None);
    let reason = disconnect(ReasonCode::MALFORMED_PACKET, None);
    for protocol in BOTH {
        case(protocol, &Outgoing::PingReq, b"\xc0\x00");
        case(protocol, &plain, b"\xe0\x00");
    }
    case(Protocol::V311, &reason, b"\xe0\x00");
    case(Protocol::V5, &reason, b"\xe0\x01\x81");
    let with_properties = disconnect(
        ReasonCode::SUCCESS,
        Some(Box::new(Properties {
            session_expiry_interval: Some(0),
            ..Properties::default()
        })),
    );
    case(
        Protocol::V5,
        &with_properties,
        b"\xe0\x07\x00\x05\x11\x00\x00\x00\x00",
    );
}
