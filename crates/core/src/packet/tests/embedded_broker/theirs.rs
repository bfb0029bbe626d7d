//! Bytes and packets of the embedded broker's codec as text.

use std::collections::BTreeMap;

use mqtt5_protocol::packet::connect::ConnectPacket;
use mqtt5_protocol::packet::subscribe::SubscribePacket;
use mqtt5_protocol::packet::{FixedHeader, Packet};
use mqtt5_protocol::{Properties as Theirs, PropertyValue};

use super::*;

/// Decodes bytes that are one packet with the embedded broker's codec, and returns its text.
pub(super) fn theirs(protocol: Protocol, bytes: &[u8]) -> Result<String, String> {
    let level = if protocol == Protocol::V5 { 5 } else { 4 };
    let mut rest = Bytes::copy_from_slice(bytes);
    let text = |error: mqtt5_protocol::MqttError| error.to_string();
    let header = FixedHeader::decode(&mut rest).map_err(text)?;
    let length = header.remaining_length as usize;
    if length != rest.len() {
        return Err("another length".into());
    }
    let kind = header.packet_type;
    let packet = Packet::decode_from_body_with_version(kind, &header, &mut rest, level);
    let packet = packet.map_err(text)?;
    if rest.has_remaining() {
        return Err("bytes are left over".into());
    }
    Ok(packet_text(packet))
}

/// The text of a packet.
fn packet_text(packet: Packet) -> String {
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
    match packet {
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
        Packet::Connect(of) => connect_text(*of),
        Packet::Subscribe(of) => subscribe_text(&of),
        Packet::Unsubscribe(of) => {
            let (id, filters) = (of.packet_id, &of.filters);
            format!(
                "UNSUBSCRIBE {id} {filters:?} {}",
                their_properties(&of.properties)
            )
        }
    }
}

fn connect_text(of: ConnectPacket) -> String {
    format!(
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
    )
}

fn subscribe_text(of: &SubscribePacket) -> String {
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

fn their_properties(properties: &Theirs) -> String {
    let mut all = BTreeMap::<u8, Vec<String>>::new();
    for (id, one) in properties.iter() {
        all.entry(id as u8).or_default().push(value(one));
    }
    format!("{all:?}")
}

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
