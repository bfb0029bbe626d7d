//! SUBSCRIBE and UNSUBSCRIBE packets that the broker has not answered.

use super::refused_packet::RefusedPacket;
use crate::message::PacketId;
use crate::packet::Outgoing;

#[derive(Debug)]
struct Request {
    id: PacketId,
    packet: RefusedPacket,
    /// It is not sent yet: one packet is sent at a time.
    held: Option<Outgoing>,
}

/// SUBSCRIBE and UNSUBSCRIBE packets that the broker has not answered, oldest first.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    requests: Vec<Request>,
}

impl Unanswered {
    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    /// How many of them are sent.
    pub(super) fn sent(&self) -> usize {
        self.requests.iter().filter(|it| it.held.is_none()).count()
    }

    /// The first that is sent.
    pub(super) fn first_sent(&self) -> Option<&RefusedPacket> {
        let request = self.requests.iter().find(|it| it.held.is_none())?;
        Some(&request.packet)
    }

    /// Adds a packet that is still to be sent.
    pub(super) fn add(&mut self, id: PacketId, packet: RefusedPacket, held: Outgoing) {
        self.requests.push(Request {
            id,
            packet,
            held: Some(held),
        });
    }

    /// Takes the next packet to send.
    pub(super) fn next(&mut self) -> Option<Outgoing> {
        self.requests.iter_mut().find_map(|it| it.held.take())
    }

    /// Removes the one with this packet identifier.
    pub(super) fn remove(&mut self, id: PacketId) {
        self.requests.retain(|request| request.id != id);
    }

    /// Returns how many filters a SUBSCRIBE has; `None` if there is none with this identifier.
    pub(super) fn subscribed_filters(&self, id: PacketId) -> Option<usize> {
        let request = self.requests.iter().find(|request| request.id == id)?;
        match &request.packet {
            RefusedPacket::Subscribe(filters) => Some(filters.len()),
            _ => None,
        }
    }

    pub(super) fn clear(&mut self) {
        self.requests.clear();
    }
}
