//! SUBSCRIBE and UNSUBSCRIBE to bytes (§3.8, §3.10), and how many bytes they take.

use bytes::{BufMut, BytesMut};

use crate::message::{PacketId, Properties};
use crate::packet::codec::Codec;
use crate::packet::packet_type::{SUBSCRIBE, UNSUBSCRIBE};
use crate::packet::properties::{self, PacketKind};
use crate::packet::subscription::Subscription;
use crate::packet::wire;
use crate::protocol::Protocol;
use crate::topic::TopicFilter;

impl Codec {
    /// Returns how many bytes a SUBSCRIBE takes, including the fixed header.
    pub fn subscribe_len(self, list: &[Subscription], properties: Option<&Properties>) -> usize {
        let entries = list.iter().map(|s| s.filter.as_str().len() + 3).sum();
        self.request_len(entries, properties, PacketKind::Subscribe)
    }

    /// Returns how many bytes an UNSUBSCRIBE takes, including the fixed header.
    pub fn unsubscribe_len(
        self,
        filters: &[TopicFilter],
        properties: Option<&Properties>,
    ) -> usize {
        let entries = filters.iter().map(|filter| filter.as_str().len() + 2).sum();
        self.request_len(entries, properties, PacketKind::Unsubscribe)
    }

    fn request_len(
        self,
        entries: usize,
        properties: Option<&Properties>,
        kind: PacketKind,
    ) -> usize {
        let properties = match self.protocol {
            Protocol::V31 | Protocol::V311 => 0,
            Protocol::V5 => properties::len(properties, kind),
        };
        let remaining = 2 + properties + entries;
        1 + wire::varint_len(remaining) + remaining
    }
}

pub(super) fn encode_subscribe(
    protocol: Protocol,
    id: PacketId,
    subscriptions: &[Subscription],
    properties: Option<&Properties>,
    out: &mut BytesMut,
) {
    wire::put_packet(SUBSCRIBE, out, |out| {
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

pub(super) fn encode_unsubscribe(
    protocol: Protocol,
    id: PacketId,
    filters: &[TopicFilter],
    properties: Option<&Properties>,
    out: &mut BytesMut,
) {
    wire::put_packet(UNSUBSCRIBE, out, |out| {
        out.put_u16(id.get());
        if protocol.is_v5() {
            properties::put(out, properties, PacketKind::Unsubscribe);
        }
        for filter in filters {
            wire::put_bytes(out, filter.as_str().as_bytes());
        }
    });
}
