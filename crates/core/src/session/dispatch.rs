//! Packets from the broker: which may arrive when, and what handles them.

use std::time::Instant;

use super::log::{self, LogLevel};
use super::phase::Phase;
use super::protocol_error::{protocol_error, server_disconnect};
use super::state::Session;
use crate::error::Error;
use crate::message::QoS;
use crate::packet::{Incoming, LongPublish, Skip};
use crate::reason::ReasonCode;

impl Session {
    /// Handles a packet that has arrived.
    ///
    /// # Errors
    /// The connection must end. Send the packet of [`disconnect_after`](Self::disconnect_after),
    /// and [close](Self::close) the connection with the error:
    /// - [`Error::Decode`] or [`Error::Protocol`] if the broker may not send the packet now,
    /// - [`Error::ServerDisconnect`] and [`Error::Refused`] if the packet ends the connection,
    /// - [`Error::AuthUnanswered`] if it asks for an authentication that the application doesn't
    ///   answer,
    /// - [`Error::Closed`] if there is no connection.
    pub fn handle(&mut self, packet: Incoming, now: Instant) -> Result<(), Error> {
        self.keep_alive.packet_received(now);
        self.output.log(LogLevel::Debug, || log::received(&packet));
        if !self.config.request_problem_information && has_problem_information(&packet) {
            // [MQTT-3.1.2-29]
            return Err(protocol_error(
                "a reason string or user properties, though they are not wanted",
            ));
        }
        match self.phase {
            Phase::Offline => Err(Error::Closed),
            Phase::Connecting { .. } => self.handle_before_connack(packet),
            Phase::Online => self.handle_online(packet),
            Phase::Ending { .. } => self.handle_while_ending(packet),
        }
    }

    /// A part of a long packet has arrived: the broker is alive.
    pub fn part_received(&mut self, now: Instant) {
        self.keep_alive.packet_received(now);
    }

    /// Returns what measures the payload of a packet that [`handle`](Self::handle) takes when the
    /// payload is complete.
    pub fn skip(&self, publish: LongPublish) -> Skip {
        let limit = self.config.payload_limit;
        let hasher = limit.and_then(|limit| limit.hasher);
        let kept = limit.map_or(0, |limit| limit.kept_bytes);
        Skip::new(publish, kept, hasher.map(|new| new()))
    }

    fn handle_before_connack(&mut self, packet: Incoming) -> Result<(), Error> {
        match packet {
            Incoming::ConnAck(ack) => self.connack(ack),
            Incoming::Disconnect(disconnect) => Err(server_disconnect(disconnect)),
            Incoming::Auth(auth) => {
                self.auth_received(auth, &[ReasonCode::CONTINUE_AUTHENTICATION])
            }
            _ => Err(protocol_error("a packet before CONNACK")),
        }
    }

    fn handle_online(&mut self, packet: Incoming) -> Result<(), Error> {
        match packet {
            Incoming::Publish(publish) => {
                if !publish.retain {
                    self.publishing.refusals.received();
                }
                self.inbox.publish(publish, &mut self.output)?;
            }
            Incoming::Oversized(oversized) => self.pass_over(*oversized)?,
            Incoming::LongPublish(long) => self.skipped(*long)?,
            Incoming::PubAck(ack) => self.puback(ack)?,
            Incoming::PubRec(ack) => self.pubrec(ack),
            Incoming::PubRel(ack) => self.inbox.pubrel(ack, &mut self.output),
            Incoming::PubComp(ack) => self.acknowledged(ack, QoS::ExactlyOnce),
            Incoming::SubAck(ack) => self.suback(ack)?,
            Incoming::UnsubAck(ack) => self.unsuback(ack),
            Incoming::PingResp => self.publishing.unconfirmed.ping_answered(),
            Incoming::Auth(auth) => self.reauthentication(auth)?,
            Incoming::ConnAck(_) => return Err(protocol_error("a second CONNACK")),
            Incoming::Disconnect(disconnect) => return Err(server_disconnect(disconnect)),
        }
        Ok(())
    }

    /// Answers count until the end; nothing else does.
    fn handle_while_ending(&mut self, packet: Incoming) -> Result<(), Error> {
        match (&mut self.phase, packet) {
            (
                _,
                packet @ (Incoming::PubAck(_)
                | Incoming::PubRec(_)
                | Incoming::PubComp(_)
                | Incoming::SubAck(_)
                | Incoming::UnsubAck(_)),
            ) => self.handle_online(packet),
            (Phase::Ending { has_connack, .. }, Incoming::ConnAck(ack)) if !*has_connack => {
                *has_connack = true;
                self.connack_while_ending(&ack);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Whether a packet has what CONNECT may have asked not to get.
fn has_problem_information(packet: &Incoming) -> bool {
    let properties = match packet {
        Incoming::PubAck(ack)
        | Incoming::PubRec(ack)
        | Incoming::PubRel(ack)
        | Incoming::PubComp(ack) => &ack.properties,
        Incoming::SubAck(ack) | Incoming::UnsubAck(ack) => &ack.properties,
        Incoming::Auth(auth) => &auth.properties,
        _ => return false,
    };
    properties.as_deref().is_some_and(|properties| {
        properties.reason_string.is_some() || !properties.user_properties.is_empty()
    })
}
