//! `ack` and `manual_ack_set`.

use super::shared::Client;
use crate::error::Error;
use crate::message::{PacketId, Properties, QoS};
use crate::reason::ReasonCode;
use crate::request::AckRequest;
use crate::session::AckToken;

impl<U: Send + 'static> Client<U> {
    /// Chooses who acknowledges what arrives from now on: the application by [`ack`](Self::ack), or
    /// the client, once `on_message` has returned for all the messages that have come together (the
    /// default, [`ClientConfig::manual_ack`]).
    pub fn manual_ack_set(&self, manual: bool) {
        self.change(|config| config.manual_ack = manual)
            .expect("either is right");
        self.inner.acks.set_manual(manual);
        self.inner.handle.set_manual_ack(manual);
    }

    /// Acknowledges a received message, after [`manual_ack_set`](Self::manual_ack_set); `mid` and
    /// `qos` are the message's [`packet_id`](Message::packet_id) and [`qos`](Message::qos), 1 or 2.
    /// QoS 1 is answered with PUBACK, QoS 2 with PUBREC, by which the client takes the message over
    /// (Paho's sends the PUBCOMP here; ours follows by itself). They are sent in the order in which the
    /// messages arrived [MQTT-4.6.0-2], so one that is withheld holds up those after it. May be called
    /// from any thread, inside the callback or later.
    ///
    /// ```no_run
    /// # fn store(_: &iot_core::Message) {}
    /// # fn run(client: &iot_core::Client) {
    /// client.manual_ack_set(true);
    /// client.on_message(|client, _userdata, message| {
    ///     store(message);
    ///     if let Some(mid) = message.packet_id {
    ///         client.ack(mid, message.qos).expect("it waits for that");
    ///     }
    /// });
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownMessage`] where no such message waits: one that is acknowledged already, one
    /// with QoS 1 whose connection is lost, for the broker then sends it again, one with QoS 2 whose
    /// session is lost, and any with QoS 0. [`Error::Config`] for another QoS.
    pub fn ack(
        &self,
        mid: PacketId,
        qos: impl TryInto<QoS, Error: Into<Error>>,
    ) -> Result<(), Error> {
        let token = self.waiting(mid, qos)?;
        self.inner.handle.ack([&token]);
        Ok(())
    }

    /// Acknowledges as [`ack`](Self::ack) does, with a reason code and properties for an MQTT 5
    /// broker (§3.4.2, §3.5.2). A code of 128 or above refuses the message: the broker drops it. The
    /// earlier versions know success only.
    ///
    /// # Errors
    /// As [`ack`](Self::ack), and [`Error::Config`] for a code that is none of an acknowledgement's
    /// and for properties out of their range; the message waits on then.
    pub fn ack_with(
        &self,
        mid: PacketId,
        qos: impl TryInto<QoS, Error: Into<Error>>,
        reason: ReasonCode,
        properties: Option<Properties>,
    ) -> Result<(), Error> {
        let token = self.waiting(mid, qos)?;
        match AckRequest::new(&token, reason, properties) {
            Ok(request) => {
                self.inner.handle.ack([request]);
                Ok(())
            }
            Err(error) => {
                self.inner.acks.arrived(token);
                Err(error)
            }
        }
    }

    fn waiting(
        &self,
        mid: PacketId,
        qos: impl TryInto<QoS, Error: Into<Error>>,
    ) -> Result<AckToken, Error> {
        let qos = qos.try_into().map_err(Into::into)?;
        let token = self.inner.acks.take(mid, qos);
        token.ok_or(Error::UnknownMessage(mid))
    }
}
