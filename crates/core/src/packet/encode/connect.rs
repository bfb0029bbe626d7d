//! CONNECT to bytes (§3.1).

use bytes::{BufMut, BytesMut};

use crate::packet::connect::Connect;
use crate::packet::packet_type::CONNECT;
use crate::packet::properties::{self, PacketKind};
use crate::packet::wire;
use crate::protocol::Protocol;
use crate::will::Will;

pub(super) fn encode(protocol: Protocol, connect: &Connect, out: &mut BytesMut) {
    wire::put_packet(CONNECT, out, |out| {
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

/// The connect flags, which say which fields follow (MQTT 3.1.1 §3.1.2.3).
fn flags(connect: &Connect) -> u8 {
    let will = |will: &Will| 0x04 | ((will.qos as u8) << 3) | (u8::from(will.retain) << 5);
    (u8::from(connect.clean_start) << 1)
        | connect.will.as_ref().map_or(0, will)
        | (u8::from(connect.password.is_some()) << 6)
        | (u8::from(connect.username.is_some()) << 7)
}
