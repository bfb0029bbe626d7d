//! `publish`.

use super::message_info::MessageInfo;
use super::shared::Client;
use crate::error::Error;
use crate::message::{Message, Payload, QoS};
use crate::topic::TopicName;

impl<U: Send + 'static> Client<U> {
    /// Publishes a message, without waiting for it.
    ///
    /// The payload is text, bytes, a number or nothing (`()` or `None`); the QoS is a [`QoS`] or 0,
    /// 1, 2. Messages with QoS 1 and 2 are queued while there is no connection, and kept until the
    /// broker has acknowledged them, however often the connection or the session is lost. A message
    /// with QoS 0 is lost with its connection. [`on_publish`](Self::on_publish) and [`MessageInfo`]
    /// report the outcome. The order of the calls is kept, except that QoS 0 overtakes messages
    /// that wait because too many are in flight.
    ///
    /// ```no_run
    /// # fn report(client: &iot_core::Client) -> Result<(), iot_core::Error> {
    /// use std::time::Duration;
    ///
    /// let reading = client.publish("iot/home2/temp", 25.5, 1, false)?;
    /// reading.wait_for_publish(Some(Duration::from_secs(5)))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Topic`] for an empty topic and for one with a wildcard, [`Error::Config`] for
    /// another QoS, [`Error::NotConnected`] (QoS 0 only), [`Error::QueueFull`] (see
    /// [`max_queued_messages_set`](Self::max_queued_messages_set)), [`Error::PacketTooLarge`]; and
    /// for what an MQTT 5 broker's CONNACK rules out [`Error::QosNotSupported`] and
    /// [`Error::RetainNotSupported`]. Nothing is published then. A message that was accepted before
    /// such a CONNACK is given up when it arrives, which `on_publish` reports.
    pub fn publish(
        &self,
        topic: impl TryInto<TopicName, Error: Into<Error>>,
        payload: impl Into<Payload>,
        qos: impl TryInto<QoS, Error: Into<Error>>,
        retain: bool,
    ) -> Result<MessageInfo, Error> {
        let topic = topic.try_into().map_err(Into::into)?;
        let qos = qos.try_into().map_err(Into::into)?;
        let message = Message::new(topic, payload)
            .with_qos(qos)
            .with_retain(retain);
        self.publish_message(message)
    }

    /// Publishes as [`publish`](Self::publish) does, with MQTT 5 properties (§3.3.2.3). The client
    /// chooses topic aliases by itself, as far as the broker allows them. `dup` and `packet_id` are
    /// ignored.
    ///
    /// ```no_run
    /// use iot_core::{Client, Message, Properties, TopicName};
    ///
    /// # fn ask(client: &Client) -> Result<(), iot_core::Error> {
    /// let request = Message::new(TopicName::new("pump/1/get")?,
    /// "pressure").with_properties(Properties {
    ///     response_topic: Some("answers/me".into()),
    ///     correlation_data: Some("17".into()),
    ///     ..Properties::default()
    /// });
    /// client.publish_message(request)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`publish`](Self::publish); [`Error::Config`], and [`Error::Topic`] for the response
    /// topic, if properties are out of range.
    pub fn publish_message(&self, message: Message) -> Result<MessageInfo, Error> {
        let inner = &self.inner;
        inner
            .deliveries
            .start(inner.number, || inner.handle.publish_tracked(message))
    }
}
