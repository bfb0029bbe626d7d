//! Every packet that a broker sends, byte by byte.

use super::*;

#[track_caller]
fn case(protocols: &[Protocol], bytes: &[u8], expected: &Incoming) {
    for protocol in protocols {
        assert_eq!(&decode(*protocol, bytes), expected, "{protocol}");
    }
}

const V311: &[Protocol] = &[Protocol::V311];
const V5: &[Protocol] = &[Protocol::V5];

fn connack(session_present: bool, code: u8) -> ConnAck {
    ConnAck {
        session_present,
        code: ConnectCode(code),
        properties: None,
    }
}

#[test]
fn connack_of_every_code() {
    case(
        V311,
        b"\x20\x02\x01\x00",
        &Incoming::ConnAck(connack(true, 0)),
    );
    case(
        V5,
        b"\x20\x03\x01\x00\x00",
        &Incoming::ConnAck(connack(true, 0)),
    );
    for code in 0..=255 {
        let expected = Incoming::ConnAck(connack(false, code));
        case(&BOTH, &[0x20, 2, 0, code], &expected);
        case(V5, &[0x20, 3, 0, code, 0], &expected);
    }
}

/// Byte 1 is reserved on MQTT 3.1, and ignored.
#[test]
fn connack_of_mqtt_3_1_has_no_session_present_flag() {
    for flags in 0..=255 {
        for code in [0, 2] {
            let expected = Incoming::ConnAck(connack(false, code));
            case(&[Protocol::V31], &[0x20, 2, flags, code], &expected);
        }
    }
}

/// On MQTT 3.1 a PUBREL that is sent again has DUP.
#[test]
fn pubrel_of_mqtt_3_1_may_have_dup() {
    let expected = Incoming::PubRel(Ack::success(id(258)));
    for first in [0x62, 0x6a] {
        case(&[Protocol::V31], &[first, 2, 1, 2], &expected);
    }
    decode_error(Protocol::V311, b"\x6a\x02\x01\x02");
}

#[test]
fn connack_with_every_property() {
    let body = b"\x00\x00\x3f\x11\x00\x00\x00\x01\x21\x00\x02\x24\x01\x25\x00\x27\x00\x00\x00\x03\
                 \x12\x00\x02id\x22\x00\x04\x1f\x00\x03why\x26\x00\x01k\x00\x01v\x28\x01\x29\x00\
                 \x2a\x01\x13\x00\x05\x1a\x00\x01r\x1c\x00\x01s\x15\x00\x01m\x16\x00\x01d";
    let Incoming::ConnAck(ack) = decode(Protocol::V5, &frame(0x20, body)) else {
        panic!("no CONNACK");
    };
    assert_eq!(
        *ack.properties.unwrap(),
        Properties {
            session_expiry_interval: Some(1),
            receive_maximum: Some(2),
            maximum_qos: Some(1),
            retain_available: Some(0),
            maximum_packet_size: Some(3),
            assigned_client_identifier: Some("id".into()),
            topic_alias_maximum: Some(4),
            reason_string: Some("why".into()),
            user_properties: vec![("k".into(), "v".into())],
            wildcard_subscription_available: Some(1),
            subscription_identifier_available: Some(0),
            shared_subscription_available: Some(1),
            server_keep_alive: Some(5),
            response_information: Some("r".into()),
            server_reference: Some("s".into()),
            authentication_method: Some("m".into()),
            authentication_data: Some(Bytes::from_static(b"d")),
            ..Properties::default()
        }
    );
}

fn publish() -> Publish {
    Publish {
        topic: Some(TopicName::new("a/b").unwrap()),
        payload: Bytes::from_static(b"25.5"),
        qos: QoS::AtMostOnce,
        retain: false,
        dup: false,
        packet_id: None,
        properties: None,
    }
}

#[test]
fn publish_of_every_kind() {
    let plain = Incoming::Publish(publish());
    case(V311, b"\x30\x09\x00\x03a/b25.5", &plain);
    case(V5, b"\x30\x0a\x00\x03a/b\x0025.5", &plain);
    let full = Incoming::Publish(Publish {
        qos: QoS::ExactlyOnce,
        retain: true,
        dup: true,
        packet_id: Some(id(258)),
        ..publish()
    });
    case(V311, b"\x3d\x0b\x00\x03a/b\x01\x0225.5", &full);
    case(V5, b"\x3d\x0c\x00\x03a/b\x01\x02\x0025.5", &full);
    let empty = Incoming::Publish(Publish {
        payload: Bytes::new(),
        ..publish()
    });
    case(V311, b"\x30\x05\x00\x03a/b", &empty);
}

#[test]
fn publish_with_a_topic_alias_instead_of_a_topic() {
    let Incoming::Publish(publish) = decode(Protocol::V5, b"\x30\x07\x00\x00\x03\x23\x00\x01x")
    else {
        panic!("no PUBLISH");
    };
    assert_eq!(publish.topic, None);
    assert_eq!(publish.properties.unwrap().topic_alias, Some(1));
    assert_eq!(publish.payload, "x");
}

/// rumqttc's decoder puts property bytes into the payload here.
#[test]
fn publish_with_three_subscription_identifiers_and_what_follows_them() {
    let body = b"\x00\x01t\x0c\x0b\x01\x0b\x80\x01\x0b\x02\x02\x00\x00\x00\x09payload";
    let Incoming::Publish(publish) = decode(Protocol::V5, &frame(0x30, body)) else {
        panic!("no PUBLISH");
    };
    assert_eq!(publish.payload, "payload");
    let properties = publish.properties.unwrap();
    assert_eq!(properties.subscription_identifiers, [1, 128, 2]);
    assert_eq!(properties.message_expiry_interval, Some(9));
}

#[test]
fn a_received_topic_may_hold_control_characters_of_a_lenient_broker() {
    let Incoming::Publish(publish) = decode(Protocol::V311, b"\x30\x05\x00\x03a\x01b") else {
        panic!("no PUBLISH");
    };
    assert_eq!(publish.topic.unwrap().as_str(), "a\u{1}b");
}

#[test]
fn acknowledgements() {
    for (first, make) in [
        (0x40, Incoming::PubAck as fn(Ack) -> Incoming),
        (0x50, Incoming::PubRec),
        (0x62, Incoming::PubRel),
        (0x70, Incoming::PubComp),
    ] {
        let success = make(Ack::success(id(258)));
        case(&BOTH, &[first, 2, 1, 2], &success);
        case(V5, &[first, 3, 1, 2, 0], &success);
        case(V5, &[first, 4, 1, 2, 0, 0], &success);
        let failure = make(Ack::with_reason(id(258), ReasonCode(0x97)));
        case(V5, &[first, 3, 1, 2, 0x97], &failure);
        let with_properties = make(Ack {
            properties: Some(Box::new(Properties {
                reason_string: Some("w".into()),
                ..Properties::default()
            })),
            ..Ack::with_reason(id(258), ReasonCode(0x97))
        });
        case(
            V5,
            &frame(first, b"\x01\x02\x97\x04\x1f\x00\x01w"),
            &with_properties,
        );
    }
}

#[test]
fn answers_to_requests() {
    let answer = |reasons: &[u8]| SubscribeAck {
        id: id(258),
        reasons: reasons.iter().copied().map(ReasonCode).collect(),
        properties: None,
    };
    let suback = Incoming::SubAck(answer(&[0, 1, 2, 0x80]));
    case(V311, b"\x90\x06\x01\x02\x00\x01\x02\x80", &suback);
    case(V5, b"\x90\x07\x01\x02\x00\x00\x01\x02\x80", &suback);
    case(V311, b"\xb0\x02\x01\x02", &Incoming::UnsubAck(answer(&[])));
    let unsuback = Incoming::UnsubAck(answer(&[0, 0x11]));
    case(V5, b"\xb0\x05\x01\x02\x00\x00\x11", &unsuback);
}

#[test]
fn an_acknowledgement_of_3_1_1_may_have_a_reason_code() {
    let unknown = Ack::with_reason(id(0x0102), ReasonCode::PACKET_ID_NOT_FOUND);
    // The embedded broker's answer to a PUBREL that is repeated after its PUBCOMP was lost.
    let bytes = b"\x70\x04\x01\x02\x92\x00";
    case(&BOTH, bytes, &Incoming::PubComp(unknown.clone()));
    case(V311, b"\x70\x03\x01\x02\x92", &Incoming::PubComp(unknown));
}

#[test]
fn ping_disconnect_and_auth() {
    case(&BOTH, b"\xd0\x00", &Incoming::PingResp);
    let disconnect = |reason, properties| Incoming::Disconnect(Disconnect { reason, properties });
    case(V5, b"\xe0\x00", &disconnect(ReasonCode::SUCCESS, None));
    // mosquitto sends this, and rumqttc's decoder drops it.
    let taken_over = disconnect(ReasonCode::SESSION_TAKEN_OVER, None);
    case(V5, b"\xe0\x01\x8e", &taken_over);
    case(V5, b"\xe0\x02\x8e\x00", &taken_over);
    let with_properties = disconnect(
        ReasonCode(0x9d),
        Some(Box::new(Properties {
            server_reference: Some("s".into()),
            ..Properties::default()
        })),
    );
    case(V5, b"\xe0\x06\x9d\x04\x1c\x00\x01s", &with_properties);
    let auth = |reason, properties| Incoming::Auth(Auth { reason, properties });
    case(V5, b"\xf0\x00", &auth(ReasonCode::SUCCESS, None));
    let step = Properties {
        authentication_method: Some("m".into()),
        authentication_data: Some(Bytes::from_static(b"\0")),
        ..Properties::default()
    };
    case(
        V5,
        b"\xf0\x0a\x18\x08\x15\x00\x01m\x16\x00\x01\x00",
        &auth(ReasonCode(0x18), Some(Box::new(step))),
    );
}

#[test]
fn input_byte_by_byte_gives_the_same_packets() {
    for protocol in BOTH {
        let mut stream = vec![0x20, 2, 0, 0];
        let mut expected = vec![Incoming::ConnAck(connack(false, 0))];
        for len in [0, 1, 100, 127, 128, 300, 20_000] {
            let message = Message {
                packet_id: Some(id(7)),
                ..Message::new(TopicName::new("a/b").unwrap(), vec![b'x'; len])
                    .with_qos(QoS::AtLeastOnce)
            };
            stream.extend(encode(protocol, &Outgoing::Publish(message)));
            expected.push(Incoming::Publish(Publish {
                payload: vec![b'x'; len].into(),
                qos: QoS::AtLeastOnce,
                packet_id: Some(id(7)),
                ..publish()
            }));
            stream.extend([0xd0, 0, 0x40, 2, 0, 1]);
            expected.push(Incoming::PingResp);
            expected.push(Incoming::PubAck(Ack::success(id(1))));
        }
        for step in [1, 2, 3, 1000, stream.len()] {
            let mut buffer = BytesMut::new();
            let mut packets = Vec::new();
            for chunk in stream.chunks(step) {
                buffer.extend_from_slice(chunk);
                while let Some(packet) = codec(protocol).decode(&mut buffer).unwrap() {
                    packets.push(packet);
                }
            }
            assert_eq!(packets, expected, "{protocol}, {step} at a time");
            assert!(buffer.is_empty());
        }
    }
}

#[test]
fn a_header_with_a_large_length_allocates_little() {
    let mut buffer = BytesMut::from(&b"\x30\xff\xff\xff\x7f\x00"[..]);
    assert_eq!(codec(Protocol::V5).decode(&mut buffer), Ok(None));
    assert!(buffer.capacity() < 128 * 1024, "{}", buffer.capacity());
}
