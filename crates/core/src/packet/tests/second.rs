//! Our codec beside a second one, that of the embedded broker: every kind of packet, both ways, and any bytes.
//!
//! Both are brought to one text: the packet's name and fields, and its properties by their ids.

use std::collections::BTreeMap;

use mqtt5_protocol::packet::{FixedHeader, Packet};
use mqtt5_protocol::{Properties as Theirs, PropertyId, PropertyValue};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::*;

// The text of a packet.

fn value(value: &PropertyValue) -> String {
    match value {
        PropertyValue::Byte(n) => n.to_string(),
        PropertyValue::TwoByteInteger(n) => n.to_string(),
        PropertyValue::FourByteInteger(n) | PropertyValue::VariableByteInteger(n) => n.to_string(),
        PropertyValue::BinaryData(data) => format!("{:?}", &data[..]),
        PropertyValue::Utf8String(text) => format!("{text:?}"),
        PropertyValue::Utf8StringPair(name, value) => format!("{name:?}={value:?}"),
    }
}

fn their_properties(properties: &Theirs) -> String {
    let mut all = BTreeMap::<u8, Vec<String>>::new();
    for (id, one) in properties.iter() {
        all.entry(id as u8).or_default().push(value(one));
    }
    format!("{all:?}")
}

fn our_properties(properties: Option<&Properties>, may_have: fn(u8) -> bool) -> String {
    let mut all = BTreeMap::<u8, Vec<String>>::new();
    let Some(p) = properties else {
        return format!("{all:?}");
    };
    let text = |text: &Option<String>| text.as_ref().map(|text| format!("{text:?}"));
    let data = |data: &Option<Bytes>| data.as_ref().map(|data| format!("{:?}", &data[..]));
    for (id, one) in [
        (0x01, p.payload_format_indicator.map(|n| n.to_string())),
        (0x02, p.message_expiry_interval.map(|n| n.to_string())),
        (0x03, text(&p.content_type)),
        (0x08, text(&p.response_topic)),
        (0x09, data(&p.correlation_data)),
        (0x11, p.session_expiry_interval.map(|n| n.to_string())),
        (0x12, text(&p.assigned_client_identifier)),
        (0x13, p.server_keep_alive.map(|n| n.to_string())),
        (0x15, text(&p.authentication_method)),
        (0x16, data(&p.authentication_data)),
        (0x17, p.request_problem_information.map(|n| n.to_string())),
        (0x18, p.will_delay_interval.map(|n| n.to_string())),
        (0x19, p.request_response_information.map(|n| n.to_string())),
        (0x1a, text(&p.response_information)),
        (0x1c, text(&p.server_reference)),
        (0x1f, text(&p.reason_string)),
        (0x21, p.receive_maximum.map(|n| n.to_string())),
        (0x22, p.topic_alias_maximum.map(|n| n.to_string())),
        (0x23, p.topic_alias.map(|n| n.to_string())),
        (0x24, p.maximum_qos.map(|n| n.to_string())),
        (0x25, p.retain_available.map(|n| n.to_string())),
        (0x27, p.maximum_packet_size.map(|n| n.to_string())),
        (
            0x28,
            p.wildcard_subscription_available.map(|n| n.to_string()),
        ),
        (
            0x29,
            p.subscription_identifier_available.map(|n| n.to_string()),
        ),
        (0x2a, p.shared_subscription_available.map(|n| n.to_string())),
    ] {
        all.extend(one.filter(|_| may_have(id)).map(|one| (id, vec![one])));
    }
    let identifiers = p.subscription_identifiers.iter();
    let users = p.user_properties.iter();
    for (id, many) in [
        (0x0b, identifiers.map(u32::to_string).collect::<Vec<_>>()),
        (
            0x26,
            users
                .map(|(name, value)| format!("{name:?}={value:?}"))
                .collect(),
        ),
    ] {
        if !many.is_empty() && may_have(id) {
            all.insert(id, many);
        }
    }
    format!("{all:?}")
}

/// Whatever was read may be there.
fn any(_: u8) -> bool {
    true
}

fn ours(packet: &Incoming) -> String {
    let ack = |name, ack: &Ack| {
        let said = our_properties(ack.properties.as_deref(), any);
        format!("{name} {} {} {said}", ack.id, ack.reason.0)
    };
    let answer = |name, answer: &SubscribeAck| {
        let codes: Vec<u8> = answer.reasons.iter().map(|reason| reason.0).collect();
        let said = our_properties(answer.properties.as_deref(), any);
        format!("{name} {} {codes:?} {said}", answer.id)
    };
    match packet {
        Incoming::ConnAck(ack) => format!(
            "CONNACK {} {} {}",
            ack.session_present,
            ack.code.0,
            our_properties(ack.properties.as_deref(), any)
        ),
        Incoming::Publish(publish) => format!(
            "PUBLISH {:?} {:?} {} {} {} {:?} {}",
            publish.topic.as_ref().map_or("", |topic| topic.as_str()),
            publish.packet_id.map(PacketId::get),
            publish.qos as u8,
            publish.retain,
            publish.dup,
            &publish.payload[..],
            our_properties(publish.properties.as_deref(), any)
        ),
        Incoming::PubAck(of) => ack("PUBACK", of),
        Incoming::PubRec(of) => ack("PUBREC", of),
        Incoming::PubRel(of) => ack("PUBREL", of),
        Incoming::PubComp(of) => ack("PUBCOMP", of),
        Incoming::SubAck(of) => answer("SUBACK", of),
        Incoming::UnsubAck(of) => answer("UNSUBACK", of),
        Incoming::PingResp => "PINGRESP".into(),
        Incoming::Disconnect(Disconnect { reason, properties }) => {
            format!(
                "DISCONNECT {} {}",
                reason.0,
                our_properties(properties.as_deref(), any)
            )
        }
        Incoming::Auth(Auth { reason, properties }) => {
            format!(
                "AUTH {} {}",
                reason.0,
                our_properties(properties.as_deref(), any)
            )
        }
        Incoming::Oversized(_) => panic!("there is no limit"),
    }
}

/// What the second codec makes of bytes that are one packet.
#[expect(clippy::too_many_lines, reason = "an arm for each packet")]
fn theirs(protocol: Protocol, bytes: &[u8]) -> Result<String, String> {
    let level = if protocol == Protocol::V5 { 5 } else { 4 };
    let mut rest = Bytes::copy_from_slice(bytes);
    let told = |error: mqtt5_protocol::MqttError| error.to_string();
    let header = FixedHeader::decode(&mut rest).map_err(told)?;
    let length = header.remaining_length as usize;
    if length != rest.len() {
        return Err("another length".into());
    }
    let kind = header.packet_type;
    let packet = Packet::decode_from_body_with_version(kind, &header, &mut rest, level);
    let packet = packet.map_err(told)?;
    if rest.has_remaining() {
        return Err("bytes are left over".into());
    }
    macro_rules! ack {
        ($name:literal, $of:expr) => {
            format!(
                "{} {} {} {}",
                $name,
                $of.packet_id,
                $of.reason_code as u8,
                their_properties(&$of.properties)
            )
        };
    }
    macro_rules! answer {
        ($name:literal, $of:expr) => {{
            let codes: Vec<u8> = $of.reason_codes.iter().map(|code| *code as u8).collect();
            format!(
                "{} {} {codes:?} {}",
                $name,
                $of.packet_id,
                their_properties(&$of.properties)
            )
        }};
    }
    Ok(match packet {
        Packet::ConnAck(of) => format!(
            "CONNACK {} {} {}",
            of.session_present,
            of.reason_code as u8,
            their_properties(&of.properties)
        ),
        Packet::Publish(of) => format!(
            "PUBLISH {:?} {:?} {} {} {} {:?} {}",
            of.topic_name,
            of.packet_id,
            of.qos as u8,
            of.retain,
            of.dup,
            &of.payload[..],
            their_properties(&of.properties)
        ),
        Packet::PubAck(of) => ack!("PUBACK", of),
        Packet::PubRec(of) => ack!("PUBREC", of),
        Packet::PubRel(of) => ack!("PUBREL", of),
        Packet::PubComp(of) => ack!("PUBCOMP", of),
        Packet::SubAck(of) => answer!("SUBACK", of),
        Packet::UnsubAck(of) => answer!("UNSUBACK", of),
        Packet::PingReq => "PINGREQ".into(),
        Packet::PingResp => "PINGRESP".into(),
        Packet::Disconnect(of) => {
            format!(
                "DISCONNECT {} {}",
                of.reason_code as u8,
                their_properties(&of.properties)
            )
        }
        Packet::Auth(of) => {
            format!(
                "AUTH {} {}",
                of.reason_code as u8,
                their_properties(&of.properties)
            )
        }
        Packet::Connect(of) => format!(
            "CONNECT {} {} {} {:?} {:?} {:?} {:?} {} {}",
            of.protocol_version,
            of.clean_start,
            of.keep_alive,
            of.client_id,
            of.username,
            of.password,
            of.will
                .map(|will| (will.topic, will.payload, will.qos as u8, will.retain)),
            their_properties(&of.properties),
            their_properties(&of.will_properties)
        ),
        Packet::Subscribe(of) => {
            let list: Vec<_> = of
                .filters
                .iter()
                .map(|one| {
                    let options = one.options;
                    let flags = (options.no_local, options.retain_as_published);
                    let handling = options.retain_handling as u8;
                    (&one.filter, options.qos as u8, flags, handling)
                })
                .collect();
            format!(
                "SUBSCRIBE {} {list:?} {}",
                of.packet_id,
                their_properties(&of.properties)
            )
        }
        Packet::Unsubscribe(of) => {
            let (id, filters) = (of.packet_id, &of.filters);
            format!(
                "UNSUBSCRIBE {id} {filters:?} {}",
                their_properties(&of.properties)
            )
        }
    })
}

/// What an MQTT 5 packet of ours means; the earlier versions have neither reasons nor properties.
#[expect(clippy::too_many_lines, reason = "an arm for each packet")]
fn meant(protocol: Protocol, packet: &Outgoing) -> String {
    let is_v5 = protocol == Protocol::V5;
    let said = |properties: Option<&Properties>, may_have| {
        our_properties(properties.filter(|_| is_v5), may_have)
    };
    let ack = |name, ack: &Ack| {
        let reason = if is_v5 { ack.reason.0 } else { 0 };
        let words: fn(u8) -> bool = |id| matches!(id, 0x1f | 0x26);
        format!(
            "{name} {} {reason} {}",
            ack.id,
            said(ack.properties.as_deref(), words)
        )
    };
    let of_publish: fn(u8) -> bool = |id| matches!(id, 1..=3 | 8 | 9 | 0x23 | 0x26);
    let publish = |message: &Message, topic: &str, properties: Option<&Properties>| {
        let id = message.packet_id.filter(|_| message.qos != QoS::AtMostOnce);
        format!(
            "PUBLISH {topic:?} {:?} {} {} {} {:?} {}",
            id.map(PacketId::get),
            message.qos as u8,
            message.retain,
            message.dup,
            &message.payload[..],
            said(properties, of_publish)
        )
    };
    match packet {
        Outgoing::Connect(of) => {
            let will = of.will.as_ref();
            format!(
                "CONNECT {} {} {} {:?} {:?} {:?} {:?} {} {}",
                if is_v5 { 5 } else { 4 },
                of.clean_start,
                of.keep_alive,
                of.client_id,
                of.username,
                of.password.as_ref().map(String::as_bytes),
                will.map(|will| (
                    will.topic.as_str(),
                    &will.payload[..],
                    will.qos as u8,
                    will.retain
                )),
                said(Some(&of.properties), |id| matches!(
                    id,
                    0x11 | 0x15..=0x17 | 0x19 | 0x21 | 0x22 | 0x26 | 0x27
                )),
                said(
                    will.and_then(|will| will.properties.as_ref()),
                    |id| matches!(id, 1..=3 | 8 | 9 | 0x18 | 0x26)
                )
            )
        }
        Outgoing::Publish(message) => publish(
            message,
            message.topic.as_str(),
            message.properties.as_deref(),
        ),
        Outgoing::PublishAliased {
            message,
            alias,
            known,
        } => {
            let mut properties = message.properties.as_deref().cloned().unwrap_or_default();
            properties.topic_alias = Some(*alias);
            let topic = if *known { "" } else { message.topic.as_str() };
            publish(message, topic, Some(&properties))
        }
        Outgoing::PubAck(of) => ack("PUBACK", of),
        Outgoing::PubRec(of) => ack("PUBREC", of),
        Outgoing::PubRel(of) => ack("PUBREL", of),
        Outgoing::PubComp(of) => ack("PUBCOMP", of),
        Outgoing::Subscribe(id, list, properties) => {
            let list: Vec<_> = list
                .iter()
                .map(|one| {
                    let flags = (one.no_local && is_v5, one.retain_as_published && is_v5);
                    let handling = if is_v5 { one.retain_handling } else { 0 };
                    (one.filter.as_str(), one.qos as u8, flags, handling)
                })
                .collect();
            let said = said(properties.as_deref(), |id| matches!(id, 0x0b | 0x26));
            format!("SUBSCRIBE {id} {list:?} {said}")
        }
        Outgoing::Unsubscribe(id, filters, properties) => {
            let filters: Vec<_> = filters.iter().map(TopicFilter::as_str).collect();
            let said = said(properties.as_deref(), |id| id == 0x26);
            format!("UNSUBSCRIBE {id} {filters:?} {said}")
        }
        Outgoing::PingReq => "PINGREQ".into(),
        Outgoing::Disconnect(of) => {
            let reason = if is_v5 { of.reason.0 } else { 0 };
            let words: fn(u8) -> bool = |id| matches!(id, 0x11 | 0x1c | 0x1f | 0x26);
            format!(
                "DISCONNECT {reason} {}",
                said(of.properties.as_deref(), words)
            )
        }
        Outgoing::Auth(of) => {
            let words: fn(u8) -> bool = |id| matches!(id, 0x15 | 0x16 | 0x1f | 0x26);
            format!(
                "AUTH {} {}",
                of.reason.0,
                said(of.properties.as_deref(), words)
            )
        }
    }
}

// Packets at random.

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

/// Any of all there are, each in its range.
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

fn outgoing(rng: &mut StdRng) -> Outgoing {
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
        // The method is never missing: the session sees to that.
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

#[test]
fn what_we_write_the_second_codec_reads_as_it_was_meant() {
    let mut rng = StdRng::seed_from_u64(11);
    for _ in 0..20_000 {
        let packet = outgoing(&mut rng);
        for protocol in BOTH {
            let only_5 = matches!(packet, Outgoing::Auth(_) | Outgoing::PublishAliased { .. });
            if only_5 && protocol != Protocol::V5 {
                continue;
            }
            let bytes = encode(protocol, &packet);
            let read = theirs(protocol, &bytes);
            assert_eq!(read.as_ref(), Ok(&meant(protocol, &packet)), "{bytes:02x?}");
        }
    }
}

/// A property of theirs with a value at random, of one of these ids.
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
    // Refused where it stands already.
    let _ = into.add(property, value);
}

/// A packet that a broker sends, its properties written by the second codec.
fn incoming(rng: &mut StdRng) -> Vec<u8> {
    const WORDS: &[u8] = &[0x1f, 0x26];
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
        (0x40, WORDS),
        (0x50, WORDS),
        (0x62, WORDS),
        (0x70, WORDS),
        (0x90, WORDS),
        (0xb0, WORDS),
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
    let mut said = BytesMut::new();
    properties.encode(&mut said).unwrap();
    let received = [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
    let mut one_of = |codes: &[u8]| codes[rng.random_range(0..codes.len())];
    match kind {
        0x20 => {
            let code = one_of(&[0, 0x80, 0x84, 0x87, 0x9d]);
            let present = if code == 0 { one_of(&[0, 1]) } else { 0 };
            frame(kind, &[&[present, code], &said[..]].concat())
        }
        0x30 => {
            let first = one_of(&[0x30, 0x31, 0x32, 0x33, 0x34, 0x3a, 0x3d]);
            let topic = format!("t{}", text(rng));
            let length = u16::try_from(topic.len()).unwrap().to_be_bytes();
            let id = if first & 6 == 0 { &[][..] } else { &number };
            let payload = data(rng);
            let parts = [&length[..], topic.as_bytes(), id, &said, &payload];
            frame(first, &parts.concat())
        }
        0x40 | 0x50 => frame(kind, &[&number[..], &[one_of(&received)], &said].concat()),
        0x62 | 0x70 => frame(kind, &[&number[..], &[one_of(&[0, 0x92])], &said].concat()),
        0x90 => {
            let codes = [
                one_of(&[0, 1, 2]),
                one_of(&[0x80, 0x83, 0x87, 0x8f, 0x97, 0x9e, 0xa1, 0xa2]),
            ];
            frame(kind, &[&number[..], &said, &codes].concat())
        }
        0xb0 => {
            let codes = [one_of(&[0, 0x11]), one_of(&[0x80, 0x83, 0x87, 0x8f, 0x91])];
            frame(kind, &[&number[..], &said, &codes].concat())
        }
        0xe0 => frame(
            kind,
            &[&[one_of(&[0, 0x80, 0x8b, 0x8e, 0x9c, 0x9d])], &said[..]].concat(),
        ),
        _ => frame(kind, &[&[one_of(&[0, 0x18])], &said[..]].concat()),
    }
}

#[test]
fn what_a_broker_says_both_codecs_read_alike() {
    let mut rng = StdRng::seed_from_u64(12);
    for _ in 0..20_000 {
        let bytes = incoming(&mut rng);
        let read = ours(&decode(Protocol::V5, &bytes));
        assert_eq!(theirs(Protocol::V5, &bytes), Ok(read), "{bytes:02x?}");
    }
    for (bytes, expected) in [
        (&b"\x20\x02\x01\x00"[..], "CONNACK true 0 {}"),
        (
            b"\x90\x06\x00\x07\x00\x01\x02\x80",
            "SUBACK 7 [0, 1, 2, 128] {}",
        ),
        (b"\xb0\x02\x00\x07", "UNSUBACK 7 [] {}"),
        (b"\xd0\x00", "PINGRESP"),
        (b"\x62\x02\x00\x07", "PUBREL 7 0 {}"),
    ] {
        assert_eq!(ours(&decode(Protocol::V311, bytes)), expected);
        assert_eq!(theirs(Protocol::V311, bytes).unwrap(), expected);
    }
}

/// What both take means the same to both. What one alone takes is a difference that is known.
#[test]
fn any_bytes_mean_the_same_to_both_codecs() {
    let mut rng = StdRng::seed_from_u64(13);
    let mut both = 0;
    for round in 0..60_000 {
        let mut bytes = incoming(&mut rng);
        for _ in 0..rng.random_range(1..3) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..4) {
                0 => bytes[at] = rng.random(),
                1 => bytes[at] ^= 1 << rng.random_range(0..8),
                2 => bytes.insert(at, rng.random()),
                _ => bytes.truncate(at.max(2)),
            }
        }
        // The length as it has become, mostly: else nothing but that would be found.
        if round % 8 > 0 {
            let header = wire::fixed_header(&bytes)
                .ok()
                .flatten()
                .map_or(2, |(header, _)| header);
            bytes = frame(bytes[0], &bytes[header.min(bytes.len())..]);
        }
        let mut buffer = BytesMut::from(&bytes[..]);
        let decoded = codec(Protocol::V5).decode(&mut buffer);
        let second = theirs(Protocol::V5, &bytes);
        match (decoded, second) {
            // It makes an MQTT 5 code of a refusal of 3.1.1.
            (Ok(Some(Incoming::ConnAck(ack))), Ok(_)) if matches!(ack.code.0, 1..=5) => {}
            (Ok(Some(packet)), Ok(second)) if buffer.is_empty() => {
                assert_eq!(ours(&packet), second, "{bytes:02x?}");
                both += 1;
            }
            // A reason that the standard doesn't list is told by its number; who says which method AUTH has
            // is the session's to check.
            (Ok(Some(_)), Err(why)) if buffer.is_empty() => {
                let known = why.contains("eason code") || why.contains("Authentication method");
                assert!(known, "we alone take {bytes:02x?}: {why}");
            }
            (Err(why), Ok(_)) => {
                let known = [
                    "a property that doesn't belong to the packet",
                    "a property that is neither 0 nor 1",
                    "a packet that only clients send",
                    "packet id 0",
                    "PUBLISH with an invalid topic name",
                    "CONNACK refuses the connection and claims a session",
                    "subscription identifier 0",
                    "topic alias 0",
                    "receive maximum 0",
                    "maximum packet size 0",
                    "PUBLISH with DUP and QoS 0",
                    "a string holds a NUL character",
                ];
                let why = why.to_string();
                let known = known.iter().any(|known| why.ends_with(known));
                assert!(known, "they alone take {bytes:02x?}: {why}");
            }
            _ => {}
        }
    }
    assert!(both > 10_000, "{both}");
}
