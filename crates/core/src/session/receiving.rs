//! Messages from the broker: how the application acknowledges and releases them.

use super::event::Event;
use super::skipped_message::SkippedMessage;
use super::state::Session;
use crate::error::Error;
use crate::packet::{Ack, LongPublish, Oversized};
use crate::request::{AckRequest, ReleaseRequest};

impl Session {
    /// Acknowledges the messages that [`poll_event`](Self::poll_event) has returned, unless the
    /// application acknowledges them itself. To be called when it is done with them.
    pub fn acknowledge_taken(&mut self) {
        self.inbox.acknowledge_taken(&mut self.output);
    }

    /// Acknowledges a received message: PUBACK for QoS 1, PUBREC for QoS 2 (Paho's manual `ack`
    /// sends PUBCOMP there).
    ///
    /// Acknowledgements are sent in the order in which the messages arrived [MQTT-4.6.0-2], so a
    /// message that is not acknowledged holds up those after it. With QoS 1, a token of an earlier
    /// connection sends nothing: the broker will send that message again. With QoS 2 it answers the
    /// PUBLISH that arrives again, which is [`Event::Duplicate`].
    ///
    /// A reason code of 128 or above refuses the message: the broker drops it, and does not release
    /// one with QoS 2. A refusal is forgotten if its connection is lost. Properties are left out if
    /// the packet would be larger than the broker accepts [MQTT-3.4.2-2]. Before MQTT 5 neither is
    /// sent.
    pub fn ack(&mut self, request: impl Into<AckRequest>) {
        let request = request.into();
        if request.is_plain() || !self.config.protocol.is_v5() {
            self.inbox.ack(&request.token, &mut self.output);
            return;
        }
        let AckRequest {
            token,
            reason,
            properties,
        } = request;
        let reply = self.add_properties(Ack::with_reason(token.id(), reason), properties);
        self.inbox.ack_with(&token, reply, &mut self.output);
    }

    /// Forgets a released QoS 2 message and sends its PUBCOMP, unless the connection of the PUBREL
    /// is lost: the PUBREL arrives again on the next one. Properties are left out if the packet
    /// would be larger than the broker accepts [MQTT-3.7.2-2]. Before MQTT 5 none are sent.
    pub fn release(&mut self, request: impl Into<ReleaseRequest>) {
        let ReleaseRequest { token, properties } = request.into();
        let pubcomp = self.add_properties(Ack::success(token.id()), properties);
        self.inbox
            .release(&token, pubcomp.properties, &mut self.output);
    }

    /// Reports a message whose payload was skipped. It is acknowledged like any other.
    pub(super) fn skipped(&mut self, long: LongPublish) -> Result<(), Error> {
        let LongPublish {
            publish,
            length,
            limit,
            fingerprint,
            hash,
            ..
        } = long;
        let output = &mut self.output;
        self.inbox
            .publish_known_by(Some(fingerprint), publish, output)?;
        match self.output.events.pop_back() {
            Some(Event::Received { message, token }) => {
                tracing::warn!(topic = %message.topic, length, limit, "a payload is skipped");
                self.output.notify(Event::Skipped(Box::new(SkippedMessage {
                    message,
                    token,
                    length,
                    limit,
                    fingerprint,
                    hash,
                })));
            }
            other => self.output.events.extend(other),
        }
        Ok(())
    }

    /// Acknowledges a message that is too large, and reports it without its payload.
    pub(super) fn pass_over(&mut self, oversized: Oversized) -> Result<(), Error> {
        let Oversized { size, limit, .. } = oversized;
        self.inbox.publish(oversized.publish, &mut self.output)?;
        match self.output.events.pop_back() {
            Some(Event::Received { message, token }) => {
                tracing::warn!(topic = %message.topic, size, limit, "a message is passed over");
                self.output.notify(Event::PassedOver {
                    message,
                    size,
                    limit,
                });
                if let Some(token) = token {
                    self.ack(&token);
                }
            }
            other => self.output.events.extend(other),
        }
        Ok(())
    }
}
