//! Encoding and decoding of packets, in all protocol versions.

mod decode;
mod embedded_broker;
mod encode;
mod fuzz;
mod malformed;
mod properties;
mod reference;

use bytes::{BufMut, Bytes, BytesMut};

use super::*;
use crate::message::{Message, PacketId, Properties, QoS};
use crate::protocol::Protocol;
use crate::reason::{ConnectCode, ReasonCode};
use crate::topic::{TopicFilter, TopicName};
use crate::will::Will;

const ALL: [Protocol; 3] = [Protocol::V31, Protocol::V311, Protocol::V5];
/// Those with a session-present flag.
const BOTH: [Protocol; 2] = [Protocol::V311, Protocol::V5];

fn codec(protocol: Protocol) -> Codec {
    Codec::new(protocol, 268_435_460)
}

fn id(id: u16) -> PacketId {
    PacketId::new(id).expect("not 0")
}

fn encode(protocol: Protocol, packet: &Outgoing) -> Vec<u8> {
    // The buffer is not empty: no packet may rely on its start.
    let mut out = BytesMut::from(&b"before"[..]);
    codec(protocol).encode(packet, &mut out);
    out[6..].to_vec()
}

/// Decodes bytes that are one packet and nothing more.
#[track_caller]
fn decode(protocol: Protocol, bytes: &[u8]) -> Incoming {
    let mut buffer = BytesMut::from(bytes);
    let packet = codec(protocol).decode(&mut buffer);
    assert!(buffer.is_empty(), "{buffer:02x?} is left of {packet:?}");
    packet
        .unwrap_or_else(|error| panic!("{bytes:02x?}: {error}"))
        .unwrap_or_else(|| panic!("{bytes:02x?} is not whole"))
}

fn decode_error(protocol: Protocol, bytes: &[u8]) -> DecodeError {
    match codec(protocol).decode(&mut BytesMut::from(bytes)) {
        Err(error) => error,
        Ok(packet) => panic!("{bytes:02x?} is {packet:?}"),
    }
}

/// A frame of this type and flags around the body.
fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    out.put_u8(first);
    wire::put_varint(&mut out, body.len());
    out.put_slice(body);
    out.to_vec()
}

/// Every property that any packet may carry.
fn all_properties() -> Properties {
    Properties {
        payload_format_indicator: Some(1),
        message_expiry_interval: Some(2),
        content_type: Some("c".into()),
        response_topic: Some("r".into()),
        correlation_data: Some(Bytes::from_static(b"\0\xff")),
        session_expiry_interval: Some(3),
        reason_string: Some("w".into()),
        server_reference: Some("s".into()),
        topic_alias: Some(4),
        user_properties: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
        ..Properties::default()
    }
}
