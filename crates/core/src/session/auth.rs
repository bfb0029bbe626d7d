//! Enhanced authentication (MQTT 5 §4.12).

use super::event::Event;
use super::limits::check_size;
use super::phase::Phase;
use super::protocol_error::protocol_error;
use super::state::Session;
use crate::error::Error;
use crate::message::Properties;
use crate::packet::{Auth, Outgoing};
use crate::reason::ReasonCode;

/// Why AUTH may not arrive [MQTT-4.12.0-6].
const NO_METHOD: &str = "AUTH, though no authentication method was named";

impl Session {
    /// Answers the broker's AUTH with the next data of CONNECT's method, reason code 0x18
    /// (MQTT 5 §4.12). A reason string and user properties may be added.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::Unsupported`] if CONNECT named no method,
    /// [`Error::Config`] for properties out of their range, and [`Error::PacketTooLarge`].
    pub fn auth(&mut self, properties: Properties) -> Result<(), Error> {
        self.send_auth(ReasonCode::CONTINUE_AUTHENTICATION, properties)
    }

    /// Authenticates again on the present connection, with CONNECT's method (MQTT 5 §4.12.1);
    /// [`Event::Auth`] reports the broker's answers.
    ///
    /// # Errors
    /// As [`auth`](Self::auth).
    pub fn reauthenticate(&mut self, properties: Properties) -> Result<(), Error> {
        if !self.phase.is_online() {
            return Err(Error::NotConnected);
        }
        self.send_auth(ReasonCode::REAUTHENTICATE, properties)?;
        self.authentication.is_repeating = true;
        Ok(())
    }

    fn send_auth(&mut self, reason: ReasonCode, mut properties: Properties) -> Result<(), Error> {
        if !self.phase.is_up() {
            return Err(Error::NotConnected);
        }
        let method = self.config.authentication_method.clone();
        if method.is_none() || !self.config.protocol.is_v5() {
            return Err(Error::Unsupported("AUTH where CONNECT named no method"));
        }
        properties.authentication_method = method;
        properties.check()?;
        let auth = Outgoing::Auth(Auth {
            reason,
            properties: Some(Box::new(properties)),
        });
        check_size(self.encoded_len(&auth), self.limits.maximum_packet_size)?;
        match self.phase {
            // Before CONNACK the other packets wait, but not AUTH.
            Phase::Connecting { .. } => {
                let first = self.output.packets.front();
                let at = usize::from(matches!(first, Some(Outgoing::Connect(_))));
                self.output.packets.insert(at, auth);
            }
            _ => self.output.send(auth),
        }
        Ok(())
    }

    /// AUTH has arrived after CONNACK: only a re-authentication may go on.
    pub(super) fn reauthentication(&mut self, auth: Auth) -> Result<(), Error> {
        if self.authentication.is_repeating {
            if auth.reason == ReasonCode::SUCCESS {
                self.authentication.is_repeating = false;
            }
            let allowed = [ReasonCode::SUCCESS, ReasonCode::CONTINUE_AUTHENTICATION];
            self.auth_received(auth, &allowed)
        } else if self.config.authentication_method.is_some() {
            Err(protocol_error(
                "AUTH, though nobody has asked to authenticate again",
            ))
        } else {
            Err(protocol_error(NO_METHOD))
        }
    }

    /// AUTH has arrived. Its reason code must be one of those allowed.
    pub(super) fn auth_received(
        &mut self,
        auth: Auth,
        allowed: &[ReasonCode],
    ) -> Result<(), Error> {
        let Some(method) = &self.config.authentication_method else {
            return Err(protocol_error(NO_METHOD));
        };
        let properties = auth.properties.as_deref();
        if properties.and_then(|properties| properties.authentication_method.as_ref())
            != Some(method)
        {
            // [MQTT-4.12.0-5]
            return Err(protocol_error("AUTH with another method than CONNECT's"));
        }
        if !allowed.contains(&auth.reason) {
            return Err(protocol_error("AUTH with a reason that may not come now"));
        }
        if auth.reason == ReasonCode::CONTINUE_AUTHENTICATION && !self.authentication.is_answered {
            return Err(Error::AuthUnanswered {
                method: method.clone(),
            });
        }
        self.output.notify(Event::Auth(auth));
        Ok(())
    }
}
