//! Random packets.

use mqtt5_protocol::{Properties as Theirs, PropertyId, PropertyValue};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::*;

fn text(rng: &mut StdRng) -> String {
    let len = [0, 1, 2, 10, 130][rng.random_range(0..5)];
    (0..len)
        .map(|_| ['a', '/', '7', 'ü', '漢', '🌡'][rng.random_range(0..6)])
        .collect()
}

fn data(rng: &mut StdRng) -> Bytes {
    let mut bytes = vec![0; [0, 1, 20, 200][rng.random_range(0..4)]];
    rng.fill_bytes(&mut bytes);
    bytes.into()
}

fn some<T>(rng: &mut StdRng, make: impl FnOnce(&mut StdRng) -> T) -> Option<T> {
    rng.random_ratio(1, 3).then(|| make(rng))
}

/// Any properties, each with a value in its range.
fn properties(rng: &mut StdRng) -> Properties {
    let r = rng;
    Properties {
        payload_format_indicator: some(r, |r| r.random_range(0..2)),
        message_expiry_interval: some(r, StdRng::random),
        content_type: some(r, text),
        response_topic: some(r, |r| format!("r{}", text(r))),
        correlation_data: some(r, data),
        subscription_identifiers: some(r, |r| r.random_range(1..=0x0fff_ffff))
            .into_iter()
            .collect(),
        session_expiry_interval: some(r, StdRng::random),
        authentication_method: some(r, text),
        authentication_data: some(r, data),
        request_problem_information: some(r, |r| r.random_range(0..2)),
        will_delay_interval: some(r, StdRng::random),
        request_response_information: some(r, |r| r.random_range(0..2)),
        server_reference: some(r, text),
        reason_string: some(r, text),
        receive_maximum: some(r, |r| r.random_range(1..=u16::MAX)),
        topic_alias_maximum: some(r, StdRng::random),
        topic_alias: some(r, |r| r.random_range(1..=u16::MAX)),
        user_properties: (0..r.random_range(0..3))
            .map(|_| (text(r), text(r)))
            .collect(),
        maximum_packet_size: some(r, |r| r.random_range(1..=u32::MAX)),
        ..Properties::default()
    }
}

pub(super) fn outgoing(rng: &mut StdRng) -> Outgoing {
    let r = rng;
    let number = id(r.random_range(1..=u16::MAX));
    let with = some(r, |r| Box::new(properties(r)));
    let topic = TopicName::new(format!("t{}", text(r))).unwrap();
    let filter = TopicFilter::new(format!("{}/#", text(r))).unwrap();
    let qos = QoS::try_from(r.random_range(0..3_u8)).unwrap();
    let mut ack = |reasons: &[u8]| Ack {
        id: number,
        reason: ReasonCode(reasons[r.random_range(0..reasons.len())]),
        properties: with.clone(),
    };
    let received = ack(&[0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);
    let released = ack(&[0, 0x92]);
    let mut message = Message::new(topic.clone(), data(r)).with_qos(qos);
    message.properties.clone_from(&with);
    message.packet_id = Some(number);
    message.dup = qos != QoS::AtMostOnce && r.random();
    message.retain = r.random();
    match r.random_range(0..13) {
        0 => Outgoing::Connect(Box::new(Connect {
            client_id: text(r),
            clean_start: r.random(),
            keep_alive: r.random(),
            username: Some(text(r)),
            password: some(r, text),
            will: some(r, |r| Will {
                topic,
                payload: data(r),
                qos,
                retain: r.random(),
                properties: some(r, properties),
            }),
            properties: properties(r),
        })),
        1 => Outgoing::PubAck(received),
        2 => Outgoing::PubRec(received),
        3 => Outgoing::PubRel(released),
        4 => Outgoing::PubComp(released),
        5 => {
            let one = Subscription {
                no_local: r.random(),
                retain_as_published: r.random(),
                retain_handling: r.random_range(0..3),
                ..Subscription::new(filter, qos)
            };
            Outgoing::Subscribe(number, vec![one; r.random_range(1..4)], with)
        }
        6 => Outgoing::Unsubscribe(number, vec![filter; r.random_range(1..4)], with),
        7 => Outgoing::PingReq,
        8 => Outgoing::Disconnect(Disconnect {
            reason: ReasonCode([0, 4, 0x80, 0x81, 0x82, 0x93, 0x94, 0x95][r.random_range(0..8)]),
            properties: with,
        }),
        // The session always sets the method.
        9 => Outgoing::Auth(Auth {
            reason: ReasonCode([0x18, 0x19][r.random_range(0..2)]),
            properties: Some(Box::new(Properties {
                authentication_method: Some(text(r)),
                ..properties(r)
            })),
        }),
        10 => Outgoing::PublishAliased {
            message,
            alias: r.random_range(1..=u16::MAX),
            known: r.random(),
        },
        _ => Outgoing::Publish(message),
    }
}

/// Adds one of these properties, with a random value.
fn their_property(rng: &mut StdRng, ids: &[u8], into: &mut Theirs) {
    use mqtt5_protocol::PropertyValueType as Type;

    let number = ids[rng.random_range(0..ids.len())];
    let property = PropertyId::from_u8(number).unwrap();
    let value = match property.value_type() {
        Type::Byte => PropertyValue::Byte(rng.random_range(0..2)),
        Type::TwoByteInteger => PropertyValue::TwoByteInteger(rng.random_range(1..=u16::MAX)),
        Type::FourByteInteger => PropertyValue::FourByteInteger(rng.random_range(1..=u32::MAX)),
        Type::VariableByteInteger => {
            PropertyValue::VariableByteInteger(rng.random_range(1..=0x0fff_ffff))
        }
        Type::BinaryData => PropertyValue::BinaryData(data(rng)),
        Type::Utf8String => PropertyValue::Utf8String(text(rng)),
        Type::Utf8StringPair => PropertyValue::Utf8StringPair(text(rng), text(rng)),
    };
    // It refuses a property that is set already.
    let _ = into.add(property, value);
}

/// A packet that a broker sends, its properties written by the second codec.
pub(super) fn incoming(rng: &mut StdRng) -> Vec<u8> {
    const REASON: &[u8] = &[0x1f, 0x26];
    let number = rng.random_range(1..=u16::MAX).to_be_bytes();
    let kinds: [(u8, &[u8]); 10] = [
        (
            0x20,
            &[
                0x11, 0x12, 0x13, 0x15, 0x16, 0x1a, 0x1c, 0x1f, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27,
                0x28, 0x29, 0x2a,
            ],
        ),
        (0x30, &[1, 2, 3, 8, 9, 0x0b, 0x23, 0x26]),
        (0x40, REASON),
        (0x50, REASON),
        (0x62, REASON),
        (0x70, REASON),
        (0x90, REASON),
        (0xb0, REASON),
        (0xe0, &[0x1c, 0x1f, 0x26]),
        (0xf0, &[0x15, 0x16, 0x1f, 0x26]),
    ];
    let (kind, ids) = kinds[rng.random_range(0..kinds.len())];
    let mut properties = Theirs::new();
    if kind == 0xf0 {
        properties.set_authentication_method(text(rng));
    }
    for _ in 0..rng.random_range(0..6) {
        their_property(rng, ids, &mut properties);
    }
    let mut encoded = BytesMut::new();
    properties.encode(&mut encoded).unwrap();
    let received = [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
    let mut one_of = |codes: &[u8]| codes[rng.random_range(0..codes.len())];
    match kind {
        0x20 => {
            let code = one_of(&[0, 0x80, 0x84, 0x87, 0x9d]);
            let present = if code == 0 { one_of(&[0, 1]) } else { 0 };
            frame(kind, &[&[present, code], &encoded[..]].concat())
        }
        0x30 => {
            let first = one_of(&[0x30, 0x31, 0x32, 0x33, 0x34, 0x3a, 0x3d]);
            let topic = format!("t{}", text(rng));
            let length = u16::try_from(topic.len()).unwrap().to_be_bytes();
            let id = if first & 6 == 0 { &[][..] } else { &number };
            let payload = data(rng);
            let parts = [&length[..], topic.as_bytes(), id, &encoded, &payload];
            frame(first, &parts.concat())
        }
        0x40 | 0x50 => frame(
            kind,
            &[&number[..], &[one_of(&received)], &encoded].concat(),
        ),
        0x62 | 0x70 => frame(
            kind,
            &[&number[..], &[one_of(&[0, 0x92])], &encoded].concat(),
        ),
        0x90 => {
            let codes = [
                one_of(&[0, 1, 2]),
                one_of(&[0x80, 0x83, 0x87, 0x8f, 0x97, 0x9e, 0xa1, 0xa2]),
            ];
            frame(kind, &[&number[..], &encoded, &codes].concat())
        }
        0xb0 => {
            let codes = [one_of(&[0, 0x11]), one_of(&[0x80, 0x83, 0x87, 0x8f, 0x91])];
            frame(kind, &[&number[..], &encoded, &codes].concat())
        }
        0xe0 => frame(
            kind,
            &[&[one_of(&[0, 0x80, 0x8b, 0x8e, 0x9c, 0x9d])], &encoded[..]].concat(),
        ),
        _ => frame(kind, &[&[one_of(&[0, 0x18])], &encoded[..]].concat()),
    }
}
