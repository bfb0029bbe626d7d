//! The broker's maximum packet size: what is left out of a packet to keep it.

use bytes::BytesMut;

use super::state::Session;
use crate::message::Properties;
use crate::packet::{Ack, Outgoing};

impl Session {
    /// How many bytes a packet takes.
    pub(super) fn encoded_len(&self, packet: &Outgoing) -> usize {
        let mut bytes = BytesMut::new();
        self.codec.encode(packet, &mut bytes);
        bytes.len()
    }

    /// Whether the packet is larger than the broker accepts.
    pub(super) fn is_too_large(&self, packet: &Outgoing) -> bool {
        self.encoded_len(packet) > self.limits.maximum_packet_size
    }

    /// Adds properties to an acknowledgement, unless the protocol version has none or the packet
    /// would be larger than the broker accepts.
    pub(super) fn add_properties(&self, mut ack: Ack, properties: Option<Box<Properties>>) -> Ack {
        if properties.is_none() || !self.config.protocol.is_v5() {
            return ack;
        }
        ack.properties = properties;
        if self.is_too_large(&Outgoing::PubAck(ack.clone())) {
            ack.properties = None;
        }
        ack
    }

    /// The PUBREL with the configured properties.
    pub(super) fn pubrel_packet(&self, ack: Ack) -> Outgoing {
        let properties = self.config.release_properties.clone().map(Box::new);
        Outgoing::PubRel(self.add_properties(ack, properties))
    }
}
