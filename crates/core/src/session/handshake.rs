//! The start of a connection: CONNECT and CONNACK (§3.1, §3.2).

use std::time::{Duration, Instant};

use super::event::Event;
use super::limits::Limits;
use super::packet_ids::Use;
use super::phase::Phase;
use super::protocol_error::{protocol_error, reason_string};
use super::publish_queue::BrokerSession;
use super::state::Session;
use crate::error::Error;
use crate::message::Properties;
use crate::packet::{ConnAck, Connect, Outgoing};
use crate::protocol::Protocol;

/// A timeout is cut to this, so that adding it to a moment can't overflow.
const LONGEST_TIMEOUT: Duration = Duration::from_hours(24 * 365);

impl Session {
    /// Starts a connection: CONNECT is the first packet to send [MQTT-3.1.0-1]. The connection
    /// before has been [closed](Self::close).
    pub fn open(&mut self, now: Instant) {
        self.phase = Phase::Connecting {
            deadline: now + self.config.connect_timeout.min(LONGEST_TIMEOUT),
        };
        self.output.packets.clear();
        self.publishing.unsent_bytes = 0;
        self.publishing.aliases.reset(0);
        self.publishing.refusals.opened();
        self.keep_alive.restart(now);
        self.publishing.unconfirmed.restart(now);
        self.authentication.is_repeating = false;
        self.inbox.connecting(self.config.topic_alias_maximum);
        let connect = self.connect_packet();
        self.output.send(Outgoing::Connect(Box::new(connect)));
    }

    fn connect_packet(&self) -> Connect {
        let config = &self.config;
        Connect {
            client_id: self.client_id().to_owned(),
            clean_start: config.clean_session,
            #[expect(
                clippy::cast_possible_truncation,
                reason = "checked by the configuration"
            )]
            keep_alive: config.keep_alive.as_secs() as u16,
            username: config.username.clone(),
            password: config.password.clone(),
            will: config.will.clone(),
            properties: match config.protocol {
                Protocol::V31 | Protocol::V311 => Properties::default(),
                Protocol::V5 => config.connect_properties(),
            },
        }
    }

    /// CONNACK has arrived.
    pub(super) fn connack(&mut self, ack: ConnAck) -> Result<(), Error> {
        if !ack.code.is_accepted() {
            let error = Error::Refused {
                code: ack.code,
                reason_string: reason_string(ack.properties.as_deref()),
                properties: ack.properties.clone(),
            };
            self.output.notify(Event::Refused(ack));
            return Err(error);
        }
        if ack.session_present && self.config.clean_session {
            return Err(protocol_error("a session is present after a clean start"));
        }
        let properties = ack.properties.as_deref();
        let method = properties.and_then(|properties| properties.authentication_method.as_ref());
        if self.config.protocol.is_v5() && method != self.config.authentication_method.as_ref() {
            // [MQTT-4.12.0-5], [MQTT-4.12.0-6]
            return Err(protocol_error(
                "CONNACK with another authentication method than CONNECT's",
            ));
        }
        self.phase = Phase::Online;
        self.apply_limits(&ack);
        self.resume(&ack);
        self.notify_writable();
        self.output.notify(Event::Connected(ack));
        self.send_queued();
        Ok(())
    }

    /// CONNACK has arrived after the application has ended the connection. It still matters whether
    /// the broker has the session: if a session began here, the next CONNACK will find it present,
    /// and its packet identifiers would be confused with those of the session before.
    pub(super) fn connack_while_ending(&mut self, ack: &ConnAck) {
        if ack.code.is_accepted() {
            self.apply_limits(ack);
            self.resume(ack);
        } else {
            self.output.packets.clear();
        }
    }

    /// Adopts the broker's limits for this connection.
    fn apply_limits(&mut self, ack: &ConnAck) {
        let properties = ack.properties.as_deref();
        self.limits = Limits::new(properties, self.config.keep_alive);
        let aliases = properties.and_then(|properties| properties.topic_alias_maximum);
        self.publishing.aliases.reset(aliases.unwrap_or(0));
        self.recheck_unsent();
    }

    /// Continues the session as the broker has it.
    fn resume(&mut self, ack: &ConnAck) {
        let properties = ack.properties.as_deref();
        if let Some(id) = properties.and_then(|p| p.assigned_client_identifier.as_ref()) {
            self.assigned_client_id = Some(id.clone());
        }
        let session = match (self.config.protocol, self.config.clean_session) {
            (Protocol::V31, false) => BrokerSession::Unknown,
            _ if ack.session_present => BrokerSession::Kept,
            _ => BrokerSession::Lost,
        };
        // In an unknown session the meaning of packet identifiers is unknown too: better to deliver
        // a message twice than to take a new one for an old one.
        if session != BrokerSession::Kept {
            self.inbox.session_lost();
        }
        self.publishing.queue.resume(session);
    }

    /// Gives up the QoS 0 messages, accepted before CONNACK, that break the broker's limits.
    fn recheck_unsent(&mut self) {
        let (limits, codec, ids) = (&self.limits, self.codec, &mut self.ids);
        let (unsent, events) = (&mut self.publishing.unsent_bytes, &mut self.output.events);
        self.output.packets.retain(|packet| {
            let Outgoing::Publish(message) = packet else {
                return true;
            };
            let size = codec.publish_len(message);
            let Err(error) = limits.check(message, size) else {
                return true;
            };
            *unsent -= size;
            if let Some(id) = message.packet_id
                && ids.free_if(id, Use::Sending)
            {
                events.push_back(Event::Published {
                    id,
                    result: Err(error),
                    properties: None,
                    pubrec: None,
                });
            }
            false
        });
    }
}
