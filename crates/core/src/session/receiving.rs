//! Messages from the broker: how the application acknowledges and releases them.

use super::event::Event;
use super::state::Session;
use super::tokens::{AckToken, ReleaseToken};
use crate::error::{ConfigError, Error};
use crate::message::Properties;
use crate::packet::{Ack, Oversized};
use crate::reason::ReasonCode;

impl Session {
    /// Acknowledges the messages that [`poll_event`](Self::poll_event) has returned, unless the
    /// application acknowledges them itself. To be called when it is done with them.
    pub fn acknowledge_taken(&mut self) {
        self.inbox.acknowledge_taken(&mut self.output);
    }

    /// Acknowledges a received message: PUBACK for QoS 1, PUBREC for QoS 2 (Paho's manual `ack` sends
    /// PUBCOMP there). Acknowledgements are sent in the order in which the messages arrived
    /// [MQTT-4.6.0-2], so a message that is not acknowledged holds up those after it. With QoS 1, a
    /// token of an earlier connection sends nothing: the broker will send that message again. With
    /// QoS 2 it answers the PUBLISH that arrives again, which is [`Event::Duplicate`].
    pub fn ack(&mut self, token: &AckToken) {
        self.inbox.ack(token, &mut self.output);
    }

    /// Acknowledges as [`ack`](Self::ack) does, with a reason code and properties (MQTT 5 §3.4, §3.5;
    /// the earlier versions have only success). A code of 128 or above refuses the message: the broker
    /// drops it, and does not release one with QoS 2. Properties are left out if the packet would be
    /// larger than the broker accepts [MQTT-3.4.2-2]. A refusal is forgotten if its connection is lost.
    ///
    /// # Errors
    /// [`Error::Config`] for a code that no PUBACK has, and for properties out of their range.
    pub fn ack_with(
        &mut self,
        token: &AckToken,
        reason: ReasonCode,
        properties: Option<Properties>,
    ) -> Result<(), Error> {
        if !self.config.protocol.is_v5() {
            self.ack(token);
            return Ok(());
        }
        let is_allowed = matches!(
            reason.0,
            0x00 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99
        );
        if !is_allowed {
            return Err(ConfigError::AckReason(reason).into());
        }
        if let Some(properties) = &properties {
            properties.check()?;
        }
        let reply = self.add_properties(Ack::with_reason(token.id(), reason), properties);
        self.inbox.ack_with(token, reply, &mut self.output);
        Ok(())
    }

    /// Forgets a released QoS 2 message and sends its PUBCOMP, unless the connection of the PUBREL is
    /// lost: the PUBREL arrives again on the next one.
    pub fn release(&mut self, token: &ReleaseToken) {
        self.inbox.release(token, None, &mut self.output);
    }

    /// Releases as [`release`](Self::release) does, with a reason string and user properties for an
    /// MQTT 5 broker (§3.7.2.2). They are left out if the packet would be larger than the broker
    /// accepts [MQTT-3.7.2-2].
    ///
    /// # Errors
    /// [`Error::Config`] for properties out of their range.
    pub fn release_with(
        &mut self,
        token: &ReleaseToken,
        properties: Properties,
    ) -> Result<(), Error> {
        properties.check()?;
        let reply = self.add_properties(Ack::success(token.id()), Some(properties));
        self.inbox
            .release(token, reply.properties, &mut self.output);
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
