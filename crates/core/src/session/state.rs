//! The session's state: how it begins, its settings, and what it says about itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::inbox::Inbox;
use super::keep_alive::KeepAlive;
use super::limits::Limits;
use super::output::Output;
use super::packet_ids::PacketIds;
use super::phase::Phase;
use super::publish_state::PublishState;
use super::unanswered::Unanswered;
use crate::config::ClientConfig;
use crate::message::PacketId;
use crate::packet::Codec;

/// The protocol's state for one client identifier.
///
/// It holds what waits to be sent, what is in flight, which packet identifiers are held, and what
/// the broker allows. It outlives connections. The [module](crate::session) says how it is driven.
#[derive(Debug)]
pub struct Session {
    pub(super) config: Arc<ClientConfig>,
    pub(super) codec: Codec,
    pub(super) phase: Phase,
    pub(super) limits: Limits,
    pub(super) ids: PacketIds,
    pub(super) publishing: PublishState,
    pub(super) requests: Unanswered,
    pub(super) inbox: Inbox,
    pub(super) output: Output,
    pub(super) keep_alive: KeepAlive,
    pub(super) authentication: Authentication,
    pub(super) assigned_client_id: Option<String>,
}

/// The state of enhanced authentication (MQTT 5 §4.12).
#[derive(Debug, Default)]
pub(super) struct Authentication {
    /// The application answers AUTH.
    pub(super) is_answered: bool,
    /// A re-authentication has begun and not ended.
    pub(super) is_repeating: bool,
}

impl Session {
    /// Returns a session without a connection. `config` comes from [`ClientConfig::checked`].
    pub fn new(config: Arc<ClientConfig>, now: Instant) -> Self {
        Self {
            codec: config.codec(),
            phase: Phase::Offline,
            limits: Limits::new(None, config.keep_alive),
            ids: PacketIds::default(),
            publishing: PublishState::default(),
            requests: Unanswered::default(),
            inbox: Inbox::new(config.manual_ack),
            output: Output::default(),
            keep_alive: KeepAlive::new(now),
            authentication: Authentication::default(),
            assigned_client_id: None,
            config,
        }
    }

    /// Sets whether [`Event::Log`](super::Event::Log) reports each packet, and why a connection
    /// ends. Default `false`.
    pub fn set_logging(&mut self, logging: bool) {
        self.output.logging = logging;
    }

    /// Sets whether the application acknowledges the messages that arrive from now on, by
    /// [`ack`](Self::ack), or the session, at [`acknowledge_taken`](Self::acknowledge_taken).
    /// Acknowledgements keep the order of arrival either way [MQTT-4.6.0-2].
    pub fn set_manual_ack(&mut self, manual: bool) {
        self.inbox.set_manual_ack(manual);
    }

    /// Sets whether the application answers the broker's AUTH, by [`auth`](Self::auth). Default
    /// `false`: if a broker asks for a next step of the authentication, the connection ends with
    /// reason code 0x83, because the broker would wait in vain.
    pub fn set_answers_auth(&mut self, answers: bool) {
        self.authentication.is_answered = answers;
    }

    /// Holds QoS 2 packet identifiers that an earlier process received and did not see released,
    /// each with its message's [`fingerprint`](crate::Message::fingerprint): the same message with
    /// one of them is a duplicate, as long as the broker has the session. To be called before the
    /// first connection.
    pub fn hold(&mut self, held: impl IntoIterator<Item = (PacketId, u64)>) {
        self.inbox.restore(held);
    }

    /// Returns the codec for this session's packets: its protocol version and largest packet.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn codec_protocol(&self) -> crate::protocol::Protocol {
        self.config.protocol
    }

    /// Returns the client identifier: the configured one, or the one that the broker has assigned
    /// (MQTT 5 §3.2.2.3.7).
    pub fn client_id(&self) -> &str {
        self.assigned_client_id
            .as_deref()
            .unwrap_or(&self.config.client_id)
    }

    /// Returns whether CONNACK has accepted the connection, and it has not ended and is not ending.
    pub fn is_connected(&self) -> bool {
        self.phase.is_online()
    }

    /// Returns whether [`disconnect`](Self::disconnect) was called on the present connection.
    pub fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending { .. })
    }

    /// Returns whether DISCONNECT is sent, or can't be because CONNECT never was.
    pub(crate) fn has_sent_disconnect(&self) -> bool {
        matches!(
            self.phase,
            Phase::Ending {
                disconnect: None,
                ..
            }
        )
    }

    /// Returns whether the session waits for CONNACK.
    pub(crate) fn is_connecting(&self) -> bool {
        matches!(self.phase, Phase::Connecting { .. })
    }

    /// Returns the shortest and the longest delay before the next try to connect.
    pub(crate) fn reconnect_delay(&self) -> (Duration, Duration) {
        self.config.reconnect_delay
    }

    /// Returns how many packets wait to be sent.
    pub(crate) fn backlog(&self) -> usize {
        self.output.packets.len()
    }

    /// Returns whether there is no packet to send and no event to report.
    pub(crate) fn is_idle(&self) -> bool {
        self.output.packets.is_empty() && self.output.events.is_empty()
    }

    /// Returns how many messages with QoS 1 and 2 are accepted and not yet acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.publishing.queue.len()
    }

    /// Returns how many messages with QoS 0 were accepted on the present or last connection, and
    /// may be lost with it: those that follow the last PINGREQ that was answered. None after the
    /// broker has closed the connection and had read what had arrived; messages on the way at that
    /// moment are not counted.
    pub fn unconfirmed(&self) -> u64 {
        self.publishing.unconfirmed.count()
    }

    /// The broker has closed the connection, and had read what had arrived.
    pub(crate) fn all_read(&mut self) {
        self.publishing.unconfirmed.all_read();
    }

    /// Returns how many messages with QoS 1 and 2 were sent on this connection and are not yet
    /// acknowledged.
    pub(crate) fn in_flight(&self) -> usize {
        self.publishing.queue.in_flight()
    }

    /// Returns whether a message was acknowledged or received on the present or last connection, or
    /// the cause of its end was found.
    pub(crate) fn has_progressed(&self) -> bool {
        self.publishing.refusals.has_progressed()
    }

    /// Returns how often an answer has advanced a message since the session's start.
    pub(crate) fn answers(&self) -> u64 {
        self.publishing.queue.answers()
    }
}
