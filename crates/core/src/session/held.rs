//! QoS 2 messages between their first PUBLISH and their PUBREL: their packet identifiers are held.

use std::collections::HashMap;

use super::tokens::AckToken;
use crate::message::PacketId;

/// A QoS 2 message between its first PUBLISH and its PUBREL.
#[derive(Debug)]
pub(super) struct Held {
    /// Its [`fingerprint`](crate::Message::fingerprint).
    pub(super) fingerprint: u64,
    /// Distinguishes it from a later message with the same packet identifier.
    pub(super) serial: u64,
    /// The token that acknowledges it; `None` once that is done.
    pub(super) waits_for: Option<AckToken>,
    /// The number of its PUBLISH on the present connection.
    pub(super) arrival: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct HeldMessages {
    messages: HashMap<PacketId, Held>,
    /// How many messages were ever held.
    serial: u64,
}

impl HeldMessages {
    pub(super) fn get(&self, id: PacketId) -> Option<&Held> {
        self.messages.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: PacketId) -> Option<&mut Held> {
        self.messages.get_mut(&id)
    }

    /// Holds a message that has arrived on this connection.
    pub(super) fn insert(&mut self, id: PacketId, fingerprint: u64, token: AckToken) {
        self.serial += 1;
        let held = Held {
            fingerprint,
            serial: self.serial,
            waits_for: Some(token),
            arrival: Some(token.number),
        };
        self.messages.insert(id, held);
    }

    /// Holds a message of an earlier process, unless its packet identifier is held already.
    pub(super) fn restore(&mut self, id: PacketId, fingerprint: u64) {
        self.serial += 1;
        self.messages.entry(id).or_insert(Held {
            fingerprint,
            serial: self.serial,
            waits_for: None,
            arrival: None,
        });
    }

    pub(super) fn remove(&mut self, id: PacketId) -> Option<Held> {
        self.messages.remove(&id)
    }

    /// The connection is over; the messages stay.
    pub(super) fn disconnected(&mut self) {
        for held in self.messages.values_mut() {
            held.arrival = None;
        }
    }

    pub(super) fn clear(&mut self) {
        self.messages.clear();
    }
}
