//! The broker's answers to a PUBLISH: PUBACK, PUBREC, PUBCOMP (§3.4, §3.5, §3.7).

use super::log::LogLevel;
use super::protocol_error::reason_string;
use super::state::Session;
use crate::error::{Error, Rejection};
use crate::message::QoS;
use crate::packet::Ack;
use crate::reason::ReasonCode;

impl Session {
    /// PUBACK has arrived.
    pub(super) fn puback(&mut self, ack: Ack) -> Result<(), Error> {
        if self.publishing.queue.waits_for_pubrec(ack.id) {
            return Err(Error::NoQos2);
        }
        self.acknowledged(ack, QoS::AtLeastOnce);
        Ok(())
    }

    /// PUBACK (QoS 1) or PUBCOMP (QoS 2) has arrived.
    pub(super) fn acknowledged(&mut self, ack: Ack, qos: QoS) {
        let Ack { id, reason, .. } = ack;
        if !self.publishing.queue.acknowledge(id, qos) {
            tracing::debug!(%id, "an acknowledgement that nobody waits for");
            self.output.log(LogLevel::Warning, || {
                format!("nobody waits for an acknowledgement of m{id}")
            });
            return;
        }
        self.publishing.refusals.acknowledged();
        self.finished();
        let given_up = self.publishing.given_up.remove(&id);
        if reason.is_error() && reason != ReasonCode::PACKET_ID_NOT_FOUND {
            self.rejected(ack);
        } else if let (Some(error), true) = (given_up, reason.is_error()) {
            self.finish(id, Err(error), ack.properties);
        } else {
            self.finish(id, Ok(reason), ack.properties);
        }
        self.send_queued();
    }

    /// PUBREC has arrived.
    pub(super) fn pubrec(&mut self, ack: Ack) {
        if ack.reason.is_error() {
            if self.publishing.queue.refused(ack.id) {
                self.publishing.refusals.acknowledged();
                self.finished();
                self.rejected(ack);
                self.send_queued();
            }
            return;
        }
        // An unknown packet identifier is answered too: otherwise the broker would wait for ever.
        let id = ack.id;
        let answer = if self.publishing.queue.received(id) {
            self.publishing.refusals.acknowledged();
            if ack.reason != ReasonCode::SUCCESS || ack.properties.is_some() {
                self.publishing.pubrecs.insert(id, Box::new(ack));
            } else {
                self.publishing.pubrecs.remove(&id);
            }
            Ack::success(id)
        } else {
            Ack::with_reason(id, ReasonCode::PACKET_ID_NOT_FOUND)
        };
        let answer = self.pubrel_packet(answer);
        self.output.send(answer);
    }

    fn rejected(&mut self, ack: Ack) {
        let rejection = Rejection {
            reason: ack.reason,
            reason_string: reason_string(ack.properties.as_deref()),
            properties: ack.properties.clone(),
        };
        self.finish(ack.id, Err(Error::Rejected(rejection)), ack.properties);
    }
}
