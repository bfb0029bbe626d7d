//! Enhanced authentication (MQTT 5 §4.12).

use super::shared::Client;
use crate::error::Error;
use crate::message::Properties;

impl<U: Send + 'static> Client<U> {
    /// Answers the broker's AUTH with reason code 0x18 (MQTT 5 §3.15): `authentication_data` is the
    /// next step of the method that CONNECT has named; a reason string and user properties may be
    /// added.
    ///
    /// # Errors
    /// [`Error::NotConnected`]; [`Error::Unsupported`] if CONNECT named no method;
    /// [`Error::PacketTooLarge`]; [`Error::Config`] for properties out of range.
    pub fn auth(&self, properties: Properties) -> Result<(), Error> {
        self.inner.handle.auth(properties)
    }

    /// Authenticates again on the present connection, with AUTH and reason code 0x19 (MQTT 5
    /// §4.12.1); [`on_auth`](Self::on_auth) gets the broker's answer.
    ///
    /// # Errors
    /// As [`auth`](Self::auth).
    pub fn reauthenticate(&self, properties: Properties) -> Result<(), Error> {
        self.inner.handle.reauthenticate(properties)
    }
}
