//! Packets at which the broker closes the connection: how they are found, and dropped.

use super::event::Event;
use super::phase::Phase;
use super::refusals::may_be_refusal;
use super::refused_packet::RefusedPacket;
use super::state::Session;
use crate::error::Error;
use crate::message::PacketId;
use crate::packet::Outgoing;

impl Session {
    /// Drops a message with QoS 1 or 2 that is not acknowledged:
    /// [`Event::Published`] with [`Error::Discarded`] follows. Returns whether there is one. The
    /// broker may have it already.
    pub fn discard(&mut self, id: PacketId) -> bool {
        if !self.publishing.queue.finish(id) {
            return false;
        }
        self.output.packets.retain(
            |packet| !matches!(packet, Outgoing::Publish(message) if message.packet_id == Some(id)),
        );
        self.finish(id, Err(Error::Discarded), None);
        self.send_queued();
        true
    }

    /// How many packets were sent on this connection and wait for their answers.
    pub(crate) fn waiting(&self) -> usize {
        self.publishing.queue.in_flight() + self.requests.sent()
    }

    /// The broker has finished a message or a request.
    pub(super) fn finished(&mut self) {
        let unfinished = self.publishing.queue.len() + self.requests.len();
        self.publishing.refusals.finished(unfinished);
    }

    /// Before the connection is closed: reports the packet that makes the broker do so, if that is
    /// known.
    pub(super) fn look_for_refused(&mut self, result: &Result<(), Error>) {
        let Err(error) = result else {
            return;
        };
        if self.phase != Phase::Online || !may_be_refusal(error) {
            return;
        }
        let first = match self.requests.first_sent() {
            Some(request) => Some(request.clone()),
            None => self
                .publishing
                .queue
                .first_in_flight()
                .map(|(id, message, size)| RefusedPacket::Publish {
                    id,
                    topic: message.topic.clone(),
                    size,
                }),
        };
        let waiting = self.waiting();
        if let Some(first) = first
            && let Some(packet) = self.publishing.refusals.closed(first, waiting)
        {
            let error = error.clone();
            self.output.notify(Event::PacketRefused { packet, error });
        }
    }
}
