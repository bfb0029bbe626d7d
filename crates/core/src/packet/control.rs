//! CONNECT, SUBSCRIBE and UNSUBSCRIBE: what opens a connection, and what is asked for on it.

use bytes::{BufMut, BytesMut};

use super::properties::{self, PacketKind};
use super::{Connect, Subscription, wire};
use crate::config::{Protocol, Will};
use crate::message::{PacketId, Properties};
use crate::topic::TopicFilter;

const CONNECT: u8 = 0x10;
const SUBSCRIBE: u8 = 0x82;
const UNSUBSCRIBE: u8 = 0xa2;

/// Appends a packet whose body `write` writes.
fn packet(first: u8, out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
    let mut body = BytesMut::new();
    write(&mut body);
    out.put_u8(first);
    wire::put_varint(out, body.len());
    out.put_slice(&body);
}

pub(super) fn connect(protocol: Protocol, connect: &Connect, out: &mut BytesMut) {
    packet(CONNECT, out, |out| {
        let (name, level) = match protocol {
            Protocol::V31 => ("MQIsdp", 3),
            Protocol::V311 => ("MQTT", 4),
            Protocol::V5 => ("MQTT", 5),
        };
        wire::put_bytes(out, name.as_bytes());
        out.put_u8(level);
        out.put_u8(flags(connect));
        out.put_u16(connect.keep_alive);
        if protocol.is_v5() {
            properties::put(out, Some(&connect.properties), PacketKind::Connect);
        }
        wire::put_bytes(out, connect.client_id.as_bytes());
        if let Some(will) = &connect.will {
            if protocol.is_v5() {
                properties::put(out, will.properties.as_ref(), PacketKind::Will);
            }
            wire::put_bytes(out, will.topic.as_str().as_bytes());
            wire::put_bytes(out, &will.payload);
        }
        for text in [&connect.username, &connect.password].into_iter().flatten() {
            wire::put_bytes(out, text.as_bytes());
        }
    });
}

/// The byte of flags, which says which fields follow (MQTT 3.1.1 §3.1.2.3).
fn flags(connect: &Connect) -> u8 {
    let will = |will: &Will| 0x04 | ((will.qos as u8) << 3) | (u8::from(will.retain) << 5);
    (u8::from(connect.clean_start) << 1)
        | connect.will.as_ref().map_or(0, will)
        | (u8::from(connect.password.is_some()) << 6)
        | (u8::from(connect.username.is_some()) << 7)
}

pub(super) fn subscribe(
    protocol: Protocol,
    id: PacketId,
    subscriptions: &[Subscription],
    properties: Option<&Properties>,
    out: &mut BytesMut,
) {
    packet(SUBSCRIBE, out, |out| {
        out.put_u16(id.get());
        if protocol.is_v5() {
            properties::put(out, properties, PacketKind::Subscribe);
        }
        for subscription in subscriptions {
            wire::put_bytes(out, subscription.filter.as_str().as_bytes());
            let mut options = subscription.qos as u8;
            if protocol.is_v5() {
                options |= (u8::from(subscription.no_local) << 2)
                    | (u8::from(subscription.retain_as_published) << 3)
                    | (subscription.retain_handling.min(2) << 4);
            }
            out.put_u8(options);
        }
    });
}

pub(super) fn unsubscribe(
    protocol: Protocol,
    id: PacketId,
    filters: &[TopicFilter],
    properties: Option<&Properties>,
    out: &mut BytesMut,
) {
    packet(UNSUBSCRIBE, out, |out| {
        out.put_u16(id.get());
        if protocol.is_v5() {
            properties::put(out, properties, PacketKind::Unsubscribe);
        }
        for filter in filters {
            wire::put_bytes(out, filter.as_str().as_bytes());
        }
    });
}
