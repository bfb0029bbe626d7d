//! Messages to the broker: how they are accepted, sent, given up and finished.

use std::sync::Arc;

use super::event::Event;
use super::limits::check_size;
use super::packet_ids::Use;
use super::state::Session;
use crate::config::ClientConfig;
use crate::error::Error;
use crate::message::{Message, PacketId, Properties, QoS};
use crate::packet::{Ack, MAX_PACKET, Outgoing};
use crate::reason::ReasonCode;
use crate::will::Will;

/// How many bytes of QoS 0 messages wait to be written at most. A single message may be larger.
const MAX_UNSENT_BYTES: usize = 1024 * 1024;

impl Session {
    /// Accepts a message: QoS 0 to be sent at once, QoS 1 and 2 to be delivered even if the
    /// connection or the session is lost meanwhile. Returns the packet identifier of a message with
    /// QoS 1 or 2, and of one with QoS 0 if `tracked` asks for [`Event::Published`].
    ///
    /// # Errors
    /// [`Error::NotConnected`] (QoS 0 only), [`Error::QueueFull`] ([`Event::Writable`] follows),
    /// [`Error::Config`] and [`Error::Topic`] for a property out of its range, and what the
    /// broker's CONNACK forbids: [`Error::PacketTooLarge`], [`Error::QosNotSupported`],
    /// [`Error::RetainNotSupported`]. A message that is accepted before such a CONNACK is given up
    /// when CONNACK arrives.
    pub fn publish(
        &mut self,
        mut message: Message,
        tracked: bool,
    ) -> Result<Option<PacketId>, Error> {
        message.dup = false;
        message.packet_id = None;
        if self.config.protocol.is_v5()
            && let Some(properties) = &mut message.properties
        {
            properties.check()?;
        }
        let size = self.codec.publish_len(&message);
        if self.phase.is_online() {
            self.limits.check(&message, size)?;
        } else {
            check_size(size, MAX_PACKET)?;
        }
        if message.qos == QoS::AtMostOnce {
            return self.publish_unacknowledged(message, size, tracked);
        }
        if !self.has_room(size) {
            return Err(self.refuse());
        }
        let Some(id) = self.ids.take(Use::Publish) else {
            return Err(self.refuse());
        };
        message.packet_id = Some(id);
        self.publishing.queue.accept(id, message, size);
        self.send_queued();
        Ok(Some(id))
    }

    /// Accepts a message with QoS 0.
    fn publish_unacknowledged(
        &mut self,
        mut message: Message,
        size: usize,
        tracked: bool,
    ) -> Result<Option<PacketId>, Error> {
        if !self.phase.is_up() {
            return Err(Error::NotConnected);
        }
        let unsent = self.publishing.unsent_bytes;
        if unsent > 0 && unsent + size > MAX_UNSENT_BYTES {
            return Err(self.refuse());
        }
        if tracked {
            message.packet_id = self.ids.take(Use::Sending);
            if message.packet_id.is_none() {
                return Err(self.refuse());
            }
        }
        let id = message.packet_id;
        self.publishing.unsent_bytes += size;
        self.publishing.unconfirmed.accepted();
        self.output.send(Outgoing::Publish(message));
        Ok(id)
    }

    fn has_room(&self, size: usize) -> bool {
        let queue = &self.publishing.queue;
        queue.len() < usize::from(self.config.max_queued)
            && (queue.len() == 0 || queue.bytes() + size <= self.config.max_queued_bytes)
    }

    pub(super) fn refuse(&mut self) -> Error {
        self.publishing.was_refused = true;
        Error::QueueFull {
            messages: self.publishing.queue.len(),
            bytes: self.publishing.unsent_bytes + self.publishing.queue.bytes(),
        }
    }

    /// After a refusal, reports when half of the queue is free again.
    pub(super) fn notify_writable(&mut self) {
        let publishing = &mut self.publishing;
        if publishing.was_refused
            && !self.ids.is_full()
            && publishing.unsent_bytes <= MAX_UNSENT_BYTES / 2
            && publishing.queue.len() <= usize::from(self.config.max_queued) / 2
            && publishing.queue.bytes() <= self.config.max_queued_bytes / 2
        {
            publishing.was_refused = false;
            self.output.notify(Event::Writable);
        }
    }

    /// Adopts another configuration: the limits of the queue and of messages in flight and the
    /// delays at once, the rest for the next connection.
    pub(crate) fn configure(&mut self, config: Arc<ClientConfig>) {
        if config.protocol != self.config.protocol {
            self.codec = config.codec();
        }
        self.config = config;
        self.notify_writable();
        self.send_queued();
    }

    /// Sets the will of the next connection.
    pub(crate) fn set_will(&mut self, will: Option<Will>) -> Result<(), Error> {
        let config = ClientConfig {
            will,
            ..(*self.config).clone()
        };
        self.config = Arc::new(config.checked()?);
        Ok(())
    }

    /// How many messages may be in flight.
    fn window(&self) -> usize {
        let window = self.config.max_inflight.min(self.limits.receive_maximum);
        if self.publishing.refusals.is_one_at_a_time() {
            return usize::from(self.requests.sent() == 0).min(window.into());
        }
        window.into()
    }

    /// Returns how many messages are in flight if others wait because the window is full.
    pub(crate) fn held_back(&self) -> Option<usize> {
        let in_flight = self.in_flight();
        let is_full = self.phase.is_online()
            && in_flight >= self.window()
            && in_flight < self.unacknowledged();
        is_full.then_some(in_flight)
    }

    /// Sends queued messages as far as the window allows.
    pub(super) fn send_queued(&mut self) {
        if !self.phase.is_online() {
            return;
        }
        self.send_requests();
        while let Some(packet) = self.publishing.queue.next(self.window()) {
            let packet = match packet {
                Outgoing::PubRel(ack) => self.pubrel_packet(ack),
                packet => packet,
            };
            if let Outgoing::Publish(message) = &packet {
                let size = self.codec.publish_len(message);
                if let Err(error) = self.limits.check(message, size) {
                    if let Some(id) = message.packet_id {
                        self.give_up(id, message.dup, error);
                    }
                    continue;
                }
            }
            self.output.send(packet);
        }
    }

    /// The broker no longer accepts the message. If it has QoS 2 and was sent before, the broker
    /// may have it: its packet identifier is released first, or the next message with that
    /// identifier would be taken for this one.
    fn give_up(&mut self, id: PacketId, was_sent: bool, error: Error) {
        if was_sent && self.publishing.queue.received(id) {
            self.publishing.given_up.insert(id, error);
            let release = self.pubrel_packet(Ack::success(id));
            self.output.send(release);
        } else {
            self.publishing.queue.finish(id);
            self.finish(id, Err(error), None);
        }
    }

    /// Frees the packet identifier of a finished message, and reports its end.
    pub(super) fn finish(
        &mut self,
        id: PacketId,
        result: Result<ReasonCode, Error>,
        properties: Option<Box<Properties>>,
    ) {
        self.publishing.given_up.remove(&id);
        let pubrec = self.publishing.pubrecs.remove(&id);
        self.ids.free_if(id, Use::Publish);
        self.output.notify(Event::Published {
            id,
            result,
            properties,
            pubrec,
        });
        self.notify_writable();
    }
}
