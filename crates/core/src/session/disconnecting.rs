//! The end of a connection (§3.14).

use super::event::Event;
use super::log::LogLevel;
use super::phase::Phase;
use super::state::Session;
use crate::error::{ConfigError, Error};
use crate::message::Properties;
use crate::packet::{Disconnect, Outgoing};
use crate::reason::ReasonCode;
use crate::request::DisconnectRequest;

impl Session {
    /// Ends the connection cleanly (§3.14). Returns whether there is one to end.
    ///
    /// The packets that [`poll_transmit`](Self::poll_transmit) has ready are sent, DISCONNECT last,
    /// so that the broker publishes no will unless the reason is
    /// [`ReasonCode::DISCONNECT_WITH_WILL`]. Messages with QoS 1 and 2 that wait for the window
    /// stay for the next connection. Until DISCONNECT is sent, received messages can be
    /// acknowledged, and no more are received.
    ///
    /// The properties of MQTT 5 are another session expiry interval, a reason string and user
    /// properties; the strings are left out if the packet would be larger than the broker accepts.
    /// Before MQTT 5 neither properties nor a reason are sent. A connection that is already ending
    /// does not change.
    ///
    /// # Errors
    /// [`Error::Config`] for a code that only brokers send, for properties out of their range, and
    /// for a session that is to outlive the connection although CONNECT said that it doesn't (MQTT
    /// 5 §3.14.2.2.2).
    pub fn disconnect(&mut self, request: impl Into<DisconnectRequest>) -> Result<bool, Error> {
        let DisconnectRequest { reason, properties } = request.into();
        let is_allowed = matches!(
            reason.0,
            0x00 | 0x04 | 0x80..=0x83 | 0x90 | 0x93..=0x99
        );
        if !is_allowed {
            return Err(ConfigError::DisconnectReason(reason).into());
        }
        let properties = match properties {
            Some(properties) if self.config.protocol.is_v5() => {
                Some(self.disconnect_properties(reason, properties)?)
            }
            _ => None,
        };
        Ok(self.end(Disconnect { reason, properties }))
    }

    /// Ends the connection cleanly, without properties and with reason code 0x00.
    pub(crate) fn disconnect_normally(&mut self) -> bool {
        self.end(Disconnect {
            reason: ReasonCode::SUCCESS,
            properties: None,
        })
    }

    fn disconnect_properties(
        &self,
        reason: ReasonCode,
        mut properties: Properties,
    ) -> Result<Box<Properties>, Error> {
        properties.check()?;
        // Only brokers send one.
        properties.server_reference = None;
        let connect = self.config.connect_properties();
        if connect.session_expiry_interval.unwrap_or(0) == 0
            && properties.session_expiry_interval.unwrap_or(0) > 0
        {
            return Err(ConfigError::SessionExpiry.into());
        }
        let mut properties = Box::new(properties);
        let packet = Outgoing::Disconnect(Disconnect {
            reason,
            properties: Some(properties.clone()),
        });
        if self.is_too_large(&packet) {
            properties.reason_string = None;
            properties.user_properties.clear();
        }
        Ok(properties)
    }

    /// Ends the connection with this packet, unless it is ending already.
    fn end(&mut self, disconnect: Disconnect) -> bool {
        let (disconnect, has_connack) = match self.phase {
            Phase::Offline => return false,
            Phase::Ending { .. } => return true,
            Phase::Online => (Some(disconnect), true),
            // A client need not wait for CONNACK [MQTT 3.1.1 §3.1.4]; but DISCONNECT without
            // CONNECT makes no sense.
            Phase::Connecting { .. } => {
                let connect_is_unsent =
                    matches!(self.output.packets.front(), Some(Outgoing::Connect(_)));
                if connect_is_unsent {
                    self.output.packets.clear();
                    (None, false)
                } else {
                    (Some(disconnect), false)
                }
            }
        };
        self.phase = Phase::Ending {
            disconnect,
            has_connack,
        };
        true
    }

    /// Returns the DISCONNECT with which a connection ends after an error (MQTT 5 §4.13.2): a
    /// packet that the broker may not send, or an AUTH that the application doesn't answer. `None`
    /// for other errors and before MQTT 5.
    pub fn disconnect_after(&self, error: &Error) -> Option<Outgoing> {
        let reason = match error {
            Error::Decode(error) | Error::BadMessage { reason: error, .. } => error.reason(),
            Error::Protocol(reason) => *reason,
            Error::NoQos2 => ReasonCode::PROTOCOL_ERROR,
            Error::AuthUnanswered { .. } => ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR,
            _ => return None,
        };
        self.config
            .protocol
            .is_v5()
            .then_some(Outgoing::Disconnect(Disconnect {
                reason,
                properties: None,
            }))
    }

    /// Ends the connection, for the reason that [`Event::Disconnected`] then reports. Messages with
    /// QoS 1 and 2 stay for the next connection; unsent messages with QoS 0 are lost.
    pub fn close(&mut self, result: Result<(), Error>) {
        self.look_for_refused(&result);
        self.requests.clear();
        self.phase = Phase::Offline;
        for packet in self.output.packets.drain(..) {
            if let Outgoing::Publish(message) = packet
                && !message.dup
                && let Some(id) = message.packet_id
            {
                self.publishing.queue.not_sent(id);
            }
        }
        self.publishing.unsent_bytes = 0;
        self.publishing.queue.disconnected();
        self.inbox.disconnected();
        for id in self.ids.free_unsent() {
            let error = result.clone().err().unwrap_or(Error::Closed);
            self.output.notify(Event::Published {
                id,
                result: Err(error),
                properties: None,
                pubrec: None,
            });
        }
        self.notify_writable();
        let level = match result {
            Ok(()) => LogLevel::Info,
            Err(_) => LogLevel::Error,
        };
        self.output.log(level, || match &result {
            Ok(()) => "disconnected".into(),
            Err(error) => error.to_string(),
        });
        self.output.notify(Event::Disconnected(result));
    }
}
