//! Packets to bytes: which packet is written by which function, and the small packets.

mod connect;
mod publish;
mod request;

use bytes::{BufMut, BytesMut};

use super::ack::Ack;
use super::codec::Codec;
use super::disconnect::{Auth, Disconnect};
use super::outgoing::Outgoing;
use super::packet_type::{AUTH, DISCONNECT, PINGREQ, PUBACK, PUBCOMP, PUBREC, PUBREL};
use super::properties::{self, PacketKind};
use super::wire;
use crate::reason::ReasonCode;

impl Codec {
    /// Appends the packet's bytes to `out`. Fields that the protocol version doesn't have are left
    /// out, and so are properties that don't belong to the packet.
    pub fn encode(self, packet: &Outgoing, out: &mut BytesMut) {
        match packet {
            Outgoing::Connect(connect) => connect::encode(self.protocol, connect, out),
            Outgoing::Publish(message) => self.encode_publish(message, out),
            Outgoing::PublishAliased {
                message,
                alias,
                known,
            } => publish::encode_aliased(message, *alias, *known, out),
            Outgoing::PubAck(ack) => self.encode_ack(PUBACK, ack, out),
            Outgoing::PubRec(ack) => self.encode_ack(PUBREC, ack, out),
            Outgoing::PubRel(ack) => self.encode_ack(PUBREL, ack, out),
            Outgoing::PubComp(ack) => self.encode_ack(PUBCOMP, ack, out),
            Outgoing::Subscribe(id, list, properties) => {
                request::encode_subscribe(self.protocol, *id, list, properties.as_deref(), out);
            }
            Outgoing::Unsubscribe(id, list, properties) => {
                request::encode_unsubscribe(self.protocol, *id, list, properties.as_deref(), out);
            }
            Outgoing::PingReq => out.put_slice(&[PINGREQ, 0]),
            Outgoing::Disconnect(disconnect) => self.encode_disconnect(disconnect, out),
            Outgoing::Auth(auth) => encode_auth(auth, out),
        }
    }

    fn encode_ack(self, first: u8, ack: &Ack, out: &mut BytesMut) {
        let id = ack.id.get().to_be_bytes();
        // Success without properties is two bytes in both protocols (MQTT 5 §3.4.2.1).
        if !self.protocol.is_v5() || (ack.reason == ReasonCode::SUCCESS && ack.properties.is_none())
        {
            out.put_slice(&[first, 2, id[0], id[1]]);
            return;
        }
        let properties = ack.properties.as_deref();
        out.put_u8(first);
        wire::put_varint(out, 3 + properties::len(properties, PacketKind::Ack));
        out.put_slice(&[id[0], id[1], ack.reason.0]);
        properties::put(out, properties, PacketKind::Ack);
    }

    fn encode_disconnect(self, disconnect: &Disconnect, out: &mut BytesMut) {
        let properties = disconnect.properties.as_deref();
        if !self.protocol.is_v5()
            || (disconnect.reason == ReasonCode::SUCCESS && properties.is_none())
        {
            out.put_slice(&[DISCONNECT, 0]);
        } else if properties.is_none() {
            out.put_slice(&[DISCONNECT, 1, disconnect.reason.0]);
        } else {
            out.put_u8(DISCONNECT);
            wire::put_varint(out, 1 + properties::len(properties, PacketKind::Disconnect));
            out.put_u8(disconnect.reason.0);
            properties::put(out, properties, PacketKind::Disconnect);
        }
    }
}

fn encode_auth(auth: &Auth, out: &mut BytesMut) {
    let properties = auth.properties.as_deref();
    out.put_u8(AUTH);
    wire::put_varint(out, 1 + properties::len(properties, PacketKind::Auth));
    out.put_u8(auth.reason.0);
    properties::put(out, properties, PacketKind::Auth);
}
