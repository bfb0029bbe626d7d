//! `ack` and `manual_ack_set`.

use super::shared::Client;
use crate::error::Error;
use crate::message::{PacketId, Properties, QoS};
use crate::reason::ReasonCode;
use crate::request::AckRequest;
use crate::session::AckToken;

impl<U: Send + 'static> Client<U> {
    /// Selects whether the application acknowledges the messages that arrive from now on, by
    /// [`ack`](Self::ack).
    ///
    /// The default is that of [`ClientConfig::manual_ack`](crate::ClientConfig::manual_ack): the
    /// client acknowledges, once `on_message` has returned for all messages that have arrived
    /// together.
    pub fn manual_ack_set(&self, manual: bool) {
        self.change(|config| config.manual_ack = manual)
            .expect("either is right");
        self.inner.acks.set_manual(manual);
        self.inner.handle.set_manual_ack(manual);
    }

    /// Acknowledges a received message, after [`manual_ack_set`](Self::manual_ack_set); `mid` and
    /// `qos` are the message's [`packet_id`](crate::Message::packet_id) and [`qos`](crate::Message::qos), 1 or 2.
    /// QoS 1 is acknowledged with PUBACK, QoS 2 with PUBREC. (Paho sends the PUBCOMP here; ours
    /// follows by itself.) They are sent in the order in which the messages arrived [MQTT-4.6.0-2],
    /// so one that is missing holds up the later ones. May be called from any thread, inside the
    /// callback or later.
    ///
    /// ```no_run
    /// # fn store(_: &iot_core::Message) {}
    /// # fn run(client: &iot_core::Client) {
    /// client.manual_ack_set(true);
    /// client.on_message(|client, _userdata, message| {
    ///     store(message);
    ///     if let Some(mid) = message.packet_id {
    ///         client.ack(mid, message.qos).expect("it waits for its acknowledgement");
    ///     }
    /// });
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownMessage`] if no such message waits: it is acknowledged already; it has QoS 1
    /// and its connection is lost (the broker sends it again); it has QoS 2 and its session is
    /// lost; it has QoS 0. [`Error::Config`] for another QoS.
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
    /// broker (§3.4.2, §3.5.2). A code of 128 or above refuses the message: the broker drops it.
    /// The earlier versions know success only.
    ///
    /// # Errors
    /// As [`ack`](Self::ack), and [`Error::Config`] for a code that no acknowledgement has and for
    /// properties out of range; the message still waits then.
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
