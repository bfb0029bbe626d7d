//! The session's output: the next packet to send, the next event to report.

use std::time::Instant;

use super::event::Event;
use super::log::{self, LogLevel};
use super::packet_ids::Use;
use super::phase::Phase;
use super::state::Session;
use crate::message::{PacketId, QoS};
use crate::packet::Outgoing;
use crate::reason::ReasonCode;

impl Session {
    /// Returns the next packet to send, or `None` if there is nothing at present. Before CONNACK
    /// that is only CONNECT and AUTH.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Outgoing> {
        // Messages accepted since CONNECT wait for CONNACK, which has the broker's limits.
        let waits_for_connack = match self.phase {
            Phase::Connecting { .. } => true,
            // Before MQTT 5 CONNACK has none.
            Phase::Ending { has_connack, .. } => {
                !has_connack && self.config.protocol.is_v5() && !self.output.packets.is_empty()
            }
            _ => false,
        };
        let first = self.output.packets.front();
        if waits_for_connack && !matches!(first, Some(Outgoing::Connect(_) | Outgoing::Auth(_))) {
            return None;
        }
        let packet = match &mut self.phase {
            Phase::Ending {
                disconnect: None, ..
            } => return None,
            Phase::Ending { disconnect, .. } if self.output.packets.is_empty() => {
                Outgoing::Disconnect(disconnect.take()?)
            }
            _ => self.output.packets.pop_front()?,
        };
        self.keep_alive.packet_sent(now);
        if let Outgoing::Publish(message) = &packet
            && message.qos == QoS::AtMostOnce
        {
            let size = self.codec.publish_len(message);
            self.publishing.unsent_bytes = self.publishing.unsent_bytes.saturating_sub(size);
            self.publishing.refusals.sent_unacknowledged();
            self.notify_writable();
        }
        let packet = self.add_alias(packet);
        self.output.log(LogLevel::Debug, || log::sending(&packet));
        Some(packet)
    }

    /// Gives a PUBLISH an alias for its topic, if the broker accepts one and the packet has room
    /// for it.
    fn add_alias(&mut self, packet: Outgoing) -> Outgoing {
        /// How many bytes an alias adds at most: the property, and one for each of two lengths.
        const ALIAS_LEN: usize = 5;
        let Outgoing::Publish(mut message) = packet else {
            return packet;
        };
        // The application's choice; the alias that is sent is decided here.
        let properties = message.properties.as_mut();
        let wanted = properties.and_then(|properties| properties.topic_alias.take());
        if !self.publishing.aliases.are_accepted()
            || self.codec.publish_len(&message) + ALIAS_LEN > self.limits.maximum_packet_size
        {
            return Outgoing::Publish(message);
        }
        let alias = match wanted {
            Some(number) => self
                .publishing
                .aliases
                .assign_wanted(&message.topic, number),
            None if self.config.assigns_topic_aliases => {
                self.publishing.aliases.assign(&message.topic)
            }
            None => None,
        };
        match alias {
            None => Outgoing::Publish(message),
            Some(alias) => Outgoing::PublishAliased {
                message,
                alias: alias.number,
                known: alias.known,
            },
        }
    }

    /// Reports that a QoS 0 message with a packet identifier was written to the socket:
    /// [`Event::Published`] follows.
    pub fn sent(&mut self, id: PacketId) {
        if self.ids.free_if(id, Use::Sending) {
            self.output.notify(Event::Published {
                id,
                result: Ok(ReasonCode::SUCCESS),
                properties: None,
                pubrec: None,
            });
            self.notify_writable();
        }
    }

    /// Returns the next event, if there is one. With automatic acknowledgement, a message that is
    /// returned counts as received at the next [`acknowledge_taken`](Self::acknowledge_taken).
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.output.events.pop_front()?;
        let token = match &event {
            Event::Received { token, .. } => *token,
            Event::Skipped(skipped) => skipped.token,
            _ => None,
        };
        if let Some(token) = token {
            self.inbox.taken(token);
        }
        Some(event)
    }
}
