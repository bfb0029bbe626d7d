//! The table of MQTT 5 §2.2.2.2: every property in every packet, both ways.

use super::*;

/// A property: its identifier, a value, and the value's bytes.
struct Known {
    id: u8,
    set: fn(&mut Properties),
    wire: &'static [u8],
    /// The packets that may have it, by first byte; `WILL` for the will's part of CONNECT.
    packets: &'static [u8],
}

const WILL: u8 = 0;
const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBREL: u8 = 0x62;
const PUBCOMP: u8 = 0x70;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;
const UNSUBSCRIBE: u8 = 0xa2;
const UNSUBACK: u8 = 0xb0;
const DISCONNECT: u8 = 0xe0;
const AUTH: u8 = 0xf0;

macro_rules! known {
    ($($id:literal $field:ident = $value:expr, $wire:literal in $packets:expr;)+) => {
        &[$(Known {
            id: $id,
            set: |properties| properties.$field = $value,
            wire: $wire,
            packets: $packets,
        }),+]
    };
}

/// As the standard lists them.
const ALL: &[Known] = known! {
    0x01 payload_format_indicator = Some(1), b"\x01\x01" in &[PUBLISH, WILL];
    0x02 message_expiry_interval = Some(258), b"\x02\x00\x00\x01\x02" in &[PUBLISH, WILL];
    0x03 content_type = Some("c".into()), b"\x03\x00\x01c" in &[PUBLISH, WILL];
    0x08 response_topic = Some("r".into()), b"\x08\x00\x01r" in &[PUBLISH, WILL];
    0x09 correlation_data = Some(Bytes::from_static(b"\xff")), b"\x09\x00\x01\xff" in &[PUBLISH, WILL];
    0x0b subscription_identifiers = vec![300], b"\x0b\xac\x02" in &[PUBLISH, SUBSCRIBE];
    0x11 session_expiry_interval = Some(258), b"\x11\x00\x00\x01\x02" in &[CONNECT, CONNACK, DISCONNECT];
    0x12 assigned_client_identifier = Some("i".into()), b"\x12\x00\x01i" in &[CONNACK];
    0x13 server_keep_alive = Some(258), b"\x13\x01\x02" in &[CONNACK];
    0x15 authentication_method = Some("m".into()), b"\x15\x00\x01m" in &[CONNECT, CONNACK, AUTH];
    0x16 authentication_data = Some(Bytes::from_static(b"\0")), b"\x16\x00\x01\0" in &[CONNECT, CONNACK, AUTH];
    0x17 request_problem_information = Some(0), b"\x17\x00" in &[CONNECT];
    0x18 will_delay_interval = Some(258), b"\x18\x00\x00\x01\x02" in &[WILL];
    0x19 request_response_information = Some(1), b"\x19\x01" in &[CONNECT];
    0x1a response_information = Some("b".into()), b"\x1a\x00\x01b" in &[CONNACK];
    0x1c server_reference = Some("s".into()), b"\x1c\x00\x01s" in &[CONNACK, DISCONNECT];
    0x1f reason_string = Some("w".into()), b"\x1f\x00\x01w" in
        &[CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH];
    0x21 receive_maximum = Some(258), b"\x21\x01\x02" in &[CONNECT, CONNACK];
    0x22 topic_alias_maximum = Some(258), b"\x22\x01\x02" in &[CONNECT, CONNACK];
    0x23 topic_alias = Some(258), b"\x23\x01\x02" in &[PUBLISH];
    0x24 maximum_qos = Some(1), b"\x24\x01" in &[CONNACK];
    0x25 retain_available = Some(0), b"\x25\x00" in &[CONNACK];
    0x26 user_properties = vec![("n".into(), "v".into()), ("n".into(), String::new())],
        b"\x26\x00\x01n\x00\x01v\x26\x00\x01n\x00\x00" in
        &[CONNECT, CONNACK, PUBLISH, WILL, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK,
          UNSUBSCRIBE, UNSUBACK, DISCONNECT, AUTH];
    0x27 maximum_packet_size = Some(258), b"\x27\x00\x00\x01\x02" in &[CONNECT, CONNACK];
    0x28 wildcard_subscription_available = Some(0), b"\x28\x00" in &[CONNACK];
    0x29 subscription_identifier_available = Some(1), b"\x29\x01" in &[CONNACK];
    0x2a shared_subscription_available = Some(0), b"\x2a\x00" in &[CONNACK];
};

fn everything() -> Properties {
    let mut all = Properties::default();
    for known in ALL {
        (known.set)(&mut all);
    }
    all
}

/// A packet of the client with all properties, and the bytes before and after them.
fn outgoing(packet: u8) -> (Outgoing, Vec<u8>, &'static [u8]) {
    let all = Some(Box::new(everything()));
    let ack = Ack {
        id: id(258),
        reason: ReasonCode::SUCCESS,
        properties: all.clone(),
    };
    let acknowledged = vec![1, 2, 0];
    let topic = TopicName::new("t").unwrap();
    let filter = TopicFilter::new("f").unwrap();
    match packet {
        PUBACK => (Outgoing::PubAck(ack), acknowledged, b""),
        PUBREC => (Outgoing::PubRec(ack), acknowledged, b""),
        PUBREL => (Outgoing::PubRel(ack), acknowledged, b""),
        PUBCOMP => (Outgoing::PubComp(ack), acknowledged, b""),
        PUBLISH => {
            let mut message = Message::new(topic, "p");
            message.properties = all;
            (Outgoing::Publish(message), b"\0\x01t".to_vec(), b"p")
        }
        SUBSCRIBE => {
            let list = vec![Subscription::new(filter, QoS::AtMostOnce)];
            let packet = Outgoing::Subscribe(id(258), list, all);
            (packet, vec![1, 2], b"\0\x01f\0")
        }
        UNSUBSCRIBE => {
            let packet = Outgoing::Unsubscribe(id(258), vec![filter], all);
            (packet, vec![1, 2], b"\0\x01f")
        }
        DISCONNECT => {
            let (reason, properties) = (ReasonCode(4), all);
            let packet = Outgoing::Disconnect(Disconnect { reason, properties });
            (packet, vec![4], b"")
        }
        AUTH => {
            let (reason, properties) = (ReasonCode(0x18), all);
            let packet = Outgoing::Auth(Auth { reason, properties });
            (packet, vec![0x18], b"")
        }
        other => panic!("{other:#x}"),
    }
}

/// The bytes of a packet's properties, their length first.
fn expected(packet: u8) -> Vec<u8> {
    let fields: Vec<u8> = ALL
        .iter()
        .filter(|known| known.packets.contains(&packet))
        // Only brokers send subscription identifiers in a PUBLISH [MQTT-3.3.4-6].
        .filter(|known| (known.id, packet) != (0x0b, PUBLISH))
        .flat_map(|known| known.wire)
        .copied()
        .collect();
    [&[u8::try_from(fields.len()).unwrap()], &fields[..]].concat()
}

#[test]
fn each_packet_of_the_client_has_only_its_own_properties() {
    for packet in [
        PUBLISH,
        PUBACK,
        PUBREC,
        PUBREL,
        PUBCOMP,
        SUBSCRIBE,
        UNSUBSCRIBE,
        DISCONNECT,
        AUTH,
    ] {
        let (outgoing, before, after) = outgoing(packet);
        let bytes = encode(Protocol::V5, &outgoing);
        let body = [&before, &expected(packet), after].concat();
        assert_eq!(bytes, frame(packet, &body), "{packet:#x}");
    }
    let connect = Connect {
        client_id: "c".into(),
        clean_start: true,
        keep_alive: 60,
        username: None,
        password: None,
        will: Some(Will {
            topic: TopicName::new("t").unwrap(),
            payload: Bytes::new(),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: Some(everything()),
        }),
        properties: everything(),
    };
    let bytes = encode(Protocol::V5, &Outgoing::Connect(Box::new(connect)));
    let body = [
        b"\0\x04MQTT\x05\x06\0\x3c",
        &expected(CONNECT)[..],
        b"\0\x01c",
        &expected(WILL),
        b"\0\x01t\0\0",
    ];
    assert_eq!(bytes, frame(0x10, &body.concat()));
}

#[test]
fn properties_are_sent_in_the_order_that_is_given_then_by_identifier() {
    let pair = |name: &str| (name.to_owned(), String::new());
    let properties = Properties {
        user_properties: vec![pair("a"), pair("b"), pair("c")],
        // Twice, unknown, absent, and of another packet: the first place counts, the rest is
        // nothing.
        order: vec![0x26, 0x03, 0x02, 0x03, 0x26, 0xff, 0x08, 0x21],
        payload_format_indicator: Some(1),
        message_expiry_interval: Some(1),
        content_type: Some("c".into()),
        receive_maximum: Some(1),
        ..Properties::default()
    };
    let mut message = Message::new(TopicName::new("t").unwrap(), "p");
    message.properties = Some(Box::new(properties));
    let bytes = encode(Protocol::V5, &Outgoing::Publish(message));
    let fields = b"\x26\0\x01a\0\0\x03\0\x01c\x02\0\0\0\x01\x26\0\x01b\0\0\x01\x01\x26\0\x01c\0\0";
    let length = u8::try_from(fields.len()).unwrap();
    let body = [&b"\0\x01t"[..], &[length], fields, b"p"].concat();
    assert_eq!(bytes, frame(PUBLISH, &body));
}

/// The properties of a packet of the broker.
fn properties_of(packet: Incoming) -> Option<Box<Properties>> {
    match packet {
        Incoming::ConnAck(ack) => ack.properties,
        Incoming::Publish(publish) => publish.properties,
        Incoming::PubAck(ack)
        | Incoming::PubRec(ack)
        | Incoming::PubRel(ack)
        | Incoming::PubComp(ack) => ack.properties,
        Incoming::SubAck(ack) | Incoming::UnsubAck(ack) => ack.properties,
        Incoming::Disconnect(disconnect) => disconnect.properties,
        Incoming::Auth(auth) => auth.properties,
        Incoming::PingResp | Incoming::Oversized(_) | Incoming::LongPublish(_) => None,
    }
}

#[test]
fn each_property_is_accepted_only_in_its_own_packets() {
    let codec = Codec::new(Protocol::V5, 1_000);
    for (packet, before, after) in [
        (CONNACK, &b"\0\0"[..], &b""[..]),
        (PUBLISH, b"\0\x01t", b"p"),
        (PUBACK, b"\x01\x02\0", b""),
        (PUBREC, b"\x01\x02\0", b""),
        (PUBREL, b"\x01\x02\0", b""),
        (PUBCOMP, b"\x01\x02\0", b""),
        (SUBACK, b"\x01\x02", b"\0"),
        (UNSUBACK, b"\x01\x02", b"\0"),
        (DISCONNECT, b"\x8b", b""),
        (AUTH, b"\x18", b""),
    ] {
        for known in ALL {
            let len = u8::try_from(known.wire.len()).unwrap();
            let body = [before, &[len], known.wire, after].concat();
            let mut buffer = BytesMut::from(&frame(packet, &body)[..]);
            let decoded = codec.decode(&mut buffer);
            let name = format!("property {:#04x} in packet {packet:#04x}", known.id);
            if known.packets.contains(&packet) {
                let decoded = decoded.expect(&name).expect(&name);
                let mut expected = Properties::default();
                (known.set)(&mut expected);
                assert_eq!(properties_of(decoded).as_deref(), Some(&expected), "{name}");
            } else {
                assert!(matches!(decoded, Err(DecodeError::Malformed(_))), "{name}");
            }
        }
    }
}

/// The properties that may appear only once [MQTT-2.2.2-2 and the sections of each].
#[test]
fn a_repeated_property_is_a_protocol_error() {
    let codec = Codec::new(Protocol::V5, 1_000);
    for known in ALL {
        let (before, after) = match known.packets {
            [PUBLISH, ..] => (&b"\0\x01t"[..], &b"p"[..]),
            [.., CONNACK] | [_, CONNACK, ..] | [CONNACK, ..] => (&b"\0\0"[..], &b""[..]),
            _ => continue,
        };
        let packet = if before.len() == 3 { PUBLISH } else { CONNACK };
        let twice = [known.wire, known.wire].concat();
        let len = u8::try_from(twice.len()).unwrap();
        let body = [before, &[len], &twice, after].concat();
        let mut buffer = BytesMut::from(&frame(packet, &body)[..]);
        let decoded = codec.decode(&mut buffer);
        if matches!(known.id, 0x0b | 0x26) {
            assert!(decoded.is_ok(), "{:#04x}", known.id);
        } else {
            let is_so = matches!(decoded, Err(DecodeError::Protocol(_)));
            assert!(is_so, "{:#04x}: {decoded:?}", known.id);
        }
    }
}
