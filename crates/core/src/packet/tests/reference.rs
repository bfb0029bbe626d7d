//! Our codec compared with rumqttc's, where that one is right.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rumqttc::mqttbytes::v4 as theirs3;
use rumqttc::v5::mqttbytes::v5 as theirs5;

use super::*;

const MAX: usize = 300_000;

/// What rumqttc reads of these bytes, written again by rumqttc.
fn round_trip(protocol: Protocol, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut stream = BytesMut::from(bytes);
    let mut out = BytesMut::new();
    match protocol {
        Protocol::V31 | Protocol::V311 => theirs3::Packet::read(&mut stream, MAX)
            .and_then(|packet| packet.write(&mut out, MAX))
            .map_err(|error| error.to_string())?,
        Protocol::V5 => theirs5::Packet::read(&mut stream, None)
            .and_then(|packet| packet.write(&mut out, None))
            .map_err(|error| error.to_string())?,
    };
    assert!(stream.is_empty(), "{stream:02x?} is left of {bytes:02x?}");
    Ok(out.to_vec())
}

fn text(rng: &mut StdRng) -> String {
    let len = [1, 2, 10, 200][rng.random_range(0..4)];
    (0..len)
        .map(|_| ['a', '/', '7', 'ü', '漢', '🌡'][rng.random_range(0..6)])
        .collect()
}

fn maybe<T>(rng: &mut StdRng, make: impl FnOnce(&mut StdRng) -> T) -> Option<T> {
    rng.random::<bool>().then(|| make(rng))
}

fn user_properties(rng: &mut StdRng) -> Vec<(String, String)> {
    let count = rng.random_range(0..3);
    (0..count).map(|_| (text(rng), text(rng))).collect()
}

fn payload(rng: &mut StdRng) -> Bytes {
    let len = [0, 1, 100, 128, 16_384, 100_000][rng.random_range(0..6)];
    vec![rng.random(); len].into()
}

fn publish_properties(rng: &mut StdRng) -> Properties {
    Properties {
        payload_format_indicator: maybe(rng, |rng| rng.random_range(0..2)),
        message_expiry_interval: maybe(rng, StdRng::random),
        content_type: maybe(rng, text),
        response_topic: maybe(rng, text),
        correlation_data: maybe(rng, |rng| Bytes::from(text(rng))),
        topic_alias: maybe(rng, |rng| rng.random_range(1..=u16::MAX)),
        user_properties: user_properties(rng),
        ..Properties::default()
    }
}

fn message(rng: &mut StdRng) -> Message {
    let qos = QoS::try_from(rng.random_range(0..3_u8)).unwrap();
    Message {
        topic: TopicName::new(text(rng)).unwrap(),
        payload: payload(rng),
        qos,
        retain: rng.random(),
        dup: qos != QoS::AtMostOnce && rng.random(),
        packet_id: Some(id(rng.random_range(1..=u16::MAX))).filter(|_| qos != QoS::AtMostOnce),
        properties: maybe(rng, |rng| Box::new(publish_properties(rng))),
    }
}

fn ack(rng: &mut StdRng, reasons: &[u8]) -> Ack {
    let mut ack = Ack::with_reason(
        id(rng.random_range(1..=u16::MAX)),
        ReasonCode(reasons[rng.random_range(0..reasons.len())]),
    );
    // Its encoder writes empty properties, ours leaves them out.
    if rng.random() {
        ack.properties = Some(Box::new(Properties {
            reason_string: Some(text(rng)),
            user_properties: user_properties(rng),
            ..Properties::default()
        }));
    }
    ack
}

#[test]
fn rumqttc_reads_our_packets_and_writes_the_same_bytes() {
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..3_000 {
        let received = [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
        let rng = &mut rng;
        let packet = match rng.random_range(0..8) {
            0 => Outgoing::PubAck(ack(rng, &received)),
            1 => Outgoing::PubRec(ack(rng, &received)),
            2 => Outgoing::PubRel(ack(rng, &[0, 0x92])),
            3 => Outgoing::PubComp(ack(rng, &[0, 0x92])),
            4 => Outgoing::Disconnect(Disconnect {
                reason: ReasonCode([0x80, 0x81, 0x82, 0x93, 0x94, 0x95][rng.random_range(0..6)]),
                properties: Some(Box::new(Properties {
                    session_expiry_interval: maybe(rng, StdRng::random),
                    reason_string: Some(text(rng)),
                    user_properties: user_properties(rng),
                    ..Properties::default()
                })),
            }),
            5 => Outgoing::PingReq,
            _ => Outgoing::Publish(message(rng)),
        };
        for protocol in BOTH {
            let ours = encode(protocol, &packet);
            let theirs = round_trip(protocol, &ours);
            // It has its own order of properties: without properties the bytes are compared,
            // otherwise the decoded packets.
            match (&packet, theirs) {
                (_, Err(error)) => panic!("{error}: {packet:?}"),
                (Outgoing::Publish(_), Ok(theirs)) => {
                    assert_eq!(decode(protocol, &theirs), decode(protocol, &ours));
                    assert_eq!(theirs.len(), ours.len());
                }
                (_, Ok(theirs)) => assert_eq!(theirs.len(), ours.len(), "{packet:?}"),
            }
            if let Outgoing::Publish(message) = &packet
                && (message.properties.is_none() || protocol == Protocol::V311)
            {
                assert_eq!(round_trip(protocol, &ours).unwrap(), ours);
            }
        }
    }
}

#[test]
fn our_codec_reads_rumqttc_s_publish() {
    let mut rng = StdRng::seed_from_u64(2);
    for _ in 0..3_000 {
        let wanted = message(&mut rng);
        let mut out = BytesMut::new();
        let properties = wanted.properties.as_deref().cloned().unwrap_or_default();
        let packet = theirs5::Publish {
            dup: wanted.dup,
            qos: [
                rumqttc::v5::mqttbytes::QoS::AtMostOnce,
                rumqttc::v5::mqttbytes::QoS::AtLeastOnce,
                rumqttc::v5::mqttbytes::QoS::ExactlyOnce,
            ][wanted.qos as usize],
            retain: wanted.retain,
            topic: wanted.topic.to_string().into(),
            pkid: wanted.packet_id.map_or(0, PacketId::get),
            payload: wanted.payload.clone(),
            properties: Some(theirs5::PublishProperties {
                payload_format_indicator: properties.payload_format_indicator,
                message_expiry_interval: properties.message_expiry_interval,
                topic_alias: properties.topic_alias,
                response_topic: properties.response_topic.clone(),
                correlation_data: properties.correlation_data.clone(),
                user_properties: properties.user_properties.clone(),
                subscription_identifiers: Vec::new(),
                content_type: properties.content_type.clone(),
            }),
        };
        packet.write(&mut out).unwrap();
        assert_eq!(
            decode(Protocol::V5, &out),
            Incoming::Publish(Publish {
                topic: Some(wanted.topic),
                payload: wanted.payload,
                qos: wanted.qos,
                retain: wanted.retain,
                dup: wanted.dup,
                packet_id: wanted.packet_id,
                properties: Some(Box::new(properties)).filter(|p| **p != Properties::default()),
            })
        );
    }
}

#[test]
fn our_codec_reads_rumqttc_s_broker_packets() {
    let mut rng = StdRng::seed_from_u64(3);
    for _ in 0..500 {
        let number = rng.random_range(1..=u16::MAX);
        let reason_string = text(&mut rng);
        let user = user_properties(&mut rng);
        let properties = Some(Box::new(Properties {
            reason_string: Some(reason_string.clone()),
            user_properties: user.clone(),
            ..Properties::default()
        }));
        let mut out = BytesMut::new();
        theirs5::SubAck {
            pkid: number,
            return_codes: vec![
                theirs5::SubscribeReasonCode::Success(rumqttc::v5::mqttbytes::QoS::ExactlyOnce),
                theirs5::SubscribeReasonCode::NotAuthorized,
            ],
            properties: Some(theirs5::SubAckProperties {
                reason_string: Some(reason_string.clone()),
                user_properties: user.clone(),
            }),
        }
        .write(&mut out)
        .unwrap();
        let answer = SubscribeAck {
            id: id(number),
            reasons: vec![ReasonCode(2), ReasonCode(0x87)],
            properties,
        };
        assert_eq!(decode(Protocol::V5, &out), Incoming::SubAck(answer.clone()));

        let mut out = BytesMut::new();
        theirs5::UnsubAck {
            pkid: number,
            reasons: vec![
                theirs5::UnsubAckReason::Success,
                theirs5::UnsubAckReason::NoSubscriptionExisted,
            ],
            properties: Some(theirs5::UnsubAckProperties {
                reason_string: Some(reason_string.clone()),
                user_properties: user,
            }),
        }
        .write(&mut out)
        .unwrap();
        let answer = SubscribeAck {
            reasons: vec![ReasonCode(0), ReasonCode(0x11)],
            ..answer
        };
        assert_eq!(decode(Protocol::V5, &out), Incoming::UnsubAck(answer));
    }
    for (code, theirs) in [
        (0, theirs3::ConnectReturnCode::Success),
        (1, theirs3::ConnectReturnCode::RefusedProtocolVersion),
        (2, theirs3::ConnectReturnCode::BadClientId),
        (3, theirs3::ConnectReturnCode::ServiceUnavailable),
        (4, theirs3::ConnectReturnCode::BadUserNamePassword),
        (5, theirs3::ConnectReturnCode::NotAuthorized),
    ] {
        let mut out = BytesMut::new();
        theirs3::ConnAck::new(theirs, false)
            .write(&mut out)
            .unwrap();
        assert_eq!(
            decode(Protocol::V311, &out),
            Incoming::ConnAck(ConnAck {
                session_present: false,
                code: ConnectCode(code),
                properties: None
            })
        );
    }
}

#[test]
fn rumqttc_reads_our_connect() {
    let connect = Connect {
        client_id: "client".into(),
        clean_start: false,
        keep_alive: 17,
        username: Some("ada".into()),
        password: Some("s3cret".into()),
        will: Some(Will {
            topic: TopicName::new("will/topic").unwrap(),
            payload: Bytes::from_static(b"gone"),
            qos: QoS::ExactlyOnce,
            retain: true,
            properties: Some(Properties {
                will_delay_interval: Some(9),
                content_type: Some("text/plain".into()),
                ..Properties::default()
            }),
        }),
        properties: Properties {
            session_expiry_interval: Some(1),
            receive_maximum: Some(2),
            maximum_packet_size: Some(3),
            topic_alias_maximum: Some(4),
            request_problem_information: Some(1),
            user_properties: vec![("k".into(), "v".into())],
            ..Properties::default()
        },
    };
    let packet = Outgoing::Connect(connect.into());
    let mut bytes = BytesMut::from(&encode(Protocol::V311, &packet)[..]);
    let theirs3::Packet::Connect(read) = theirs3::Packet::read(&mut bytes, MAX).unwrap() else {
        panic!("no CONNECT");
    };
    assert_eq!((read.client_id.as_str(), read.keep_alive), ("client", 17));
    assert!(!read.clean_session);
    let will = read.last_will.unwrap();
    assert_eq!(
        (will.topic.as_str(), &will.message[..]),
        ("will/topic", &b"gone"[..])
    );
    assert!(will.retain && will.qos == rumqttc::mqttbytes::QoS::ExactlyOnce);
    assert_eq!(read.login.unwrap().password, "s3cret");

    let mut bytes = BytesMut::from(&encode(Protocol::V5, &packet)[..]);
    let theirs5::Packet::Connect(read, will, login) =
        theirs5::Packet::read(&mut bytes, None).unwrap()
    else {
        panic!("no CONNECT");
    };
    assert_eq!((read.client_id.as_str(), read.keep_alive), ("client", 17));
    let properties = read.properties.unwrap();
    assert_eq!(properties.session_expiry_interval, Some(1));
    assert_eq!(properties.receive_maximum, Some(2));
    assert_eq!(properties.max_packet_size, Some(3));
    assert_eq!(properties.topic_alias_max, Some(4));
    let will = will.unwrap();
    assert_eq!(will.properties.unwrap().delay_interval, Some(9));
    assert_eq!(login.unwrap().username, "ada");
}
