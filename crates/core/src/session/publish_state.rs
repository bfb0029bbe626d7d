//! The state of publishing.

use std::collections::BTreeMap;

use super::outgoing_aliases::OutgoingAliases;
use super::publish_queue::PublishQueue;
use super::refusals::Refusals;
use super::unconfirmed::Unconfirmed;
use crate::error::Error;
use crate::message::PacketId;
use crate::packet::Ack;

#[derive(Debug, Default)]
pub(super) struct PublishState {
    /// Messages with QoS 1 and 2.
    pub(super) queue: PublishQueue,
    /// Bytes of the PUBLISH packets with QoS 0 that wait in the output.
    pub(super) unsent_bytes: usize,
    /// A message was refused because the queue is full: [`Writable`](super::Event::Writable)
    /// follows.
    pub(super) was_refused: bool,
    /// QoS 2 messages that are given up although the broker may have them, until PUBCOMP.
    pub(super) given_up: BTreeMap<PacketId, Error>,
    /// PUBRECs that said more than success, until their messages are finished.
    pub(super) pubrecs: BTreeMap<PacketId, Box<Ack>>,
    pub(super) aliases: OutgoingAliases,
    pub(super) refusals: Refusals,
    pub(super) unconfirmed: Unconfirmed,
}
