//! `subscribe` and `unsubscribe`.

use super::shared::Client;
use crate::error::Error;
use crate::message::{PacketId, Properties, QoS};
use crate::packet::Subscription;
use crate::request::{SubscribeRequest, UnsubscribeRequest};
use crate::topic::TopicFilter;

impl<U: Send + 'static> Client<U> {
    /// Subscribes to a topic filter, with the highest QoS to receive with.
    ///
    /// Returns the packet identifier, with which [`on_subscribe`](Self::on_subscribe) gets the
    /// broker's answer. Call it in `on_connect`: the client does not renew subscriptions by itself.
    /// If the connection is lost before the answer, none arrives.
    ///
    /// # Errors
    /// [`Error::Topic`] for a bad filter, [`Error::Config`] for another QoS than 0, 1, 2,
    /// [`Error::NotConnected`], [`Error::Unsupported`] for wildcards and shared subscriptions that
    /// the broker's CONNACK rules out (MQTT 5), [`Error::PacketTooLarge`], and [`Error::QueueFull`]
    /// if no packet identifier is free.
    pub fn subscribe(
        &self,
        filter: impl TryInto<TopicFilter, Error: Into<Error>>,
        qos: impl TryInto<QoS, Error: Into<Error>>,
    ) -> Result<PacketId, Error> {
        self.subscribe_many([(filter, qos)])
    }

    /// Subscribes to several topic filters in one packet, each with its QoS, as
    /// [`subscribe`](Self::subscribe) does. The answers have the order of the filters.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe), and [`Error::NoFilter`] for none.
    pub fn subscribe_many<F, Q>(
        &self,
        filters: impl IntoIterator<Item = (F, Q)>,
    ) -> Result<PacketId, Error>
    where
        F: TryInto<TopicFilter, Error: Into<Error>>,
        Q: TryInto<QoS, Error: Into<Error>>,
    {
        let subscriptions = filters
            .into_iter()
            .map(|(filter, qos)| {
                let filter = filter.try_into().map_err(Into::into)?;
                let qos = qos.try_into().map_err(Into::into)?;
                Ok(Subscription::new(filter, qos))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        self.inner.handle.subscribe(subscriptions)
    }

    /// Subscribes as [`subscribe`](Self::subscribe) does, with MQTT 5 options (no local, retain as
    /// published, retain handling, §3.8.3.1) and properties (one subscription identifier, which
    /// arrives with each message; user properties). The earlier versions send neither.
    ///
    /// ```no_run
    /// use iot_core::{Client, Properties, QoS, Subscription, TopicFilter};
    ///
    /// # fn run(client: &Client) -> Result<(), iot_core::Error> {
    /// let subscription = Subscription {
    ///     no_local: true,
    ///     ..Subscription::new(TopicFilter::new("iot/#")?, QoS::AtLeastOnce)
    /// };
    /// let properties = Properties {
    ///     subscription_identifiers: vec![7],
    ///     ..Properties::default()
    /// };
    /// client.subscribe_with([subscription], properties)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe), [`Error::NoFilter`] for none, [`Error::Config`] for
    /// options that exclude each other ([MQTT-3.8.3-4]) and for values out of range, and
    /// [`Error::Unsupported`] for a subscription identifier that the broker's CONNACK rules out.
    pub fn subscribe_with(
        &self,
        subscriptions: impl IntoIterator<Item = impl Into<Subscription>>,
        properties: Properties,
    ) -> Result<PacketId, Error> {
        let request = SubscribeRequest::from(subscriptions).with_properties(properties);
        self.inner.handle.subscribe(request)
    }

    /// Unsubscribes from a topic filter: the same text that was subscribed to.
    ///
    /// Returns the packet identifier, with which [`on_unsubscribe`](Self::on_unsubscribe) gets the
    /// broker's answer. If the connection is lost before the answer, none arrives.
    ///
    /// # Errors
    /// [`Error::Topic`] for a bad filter, [`Error::NotConnected`], [`Error::PacketTooLarge`], and
    /// [`Error::QueueFull`] if no packet identifier is free.
    pub fn unsubscribe(
        &self,
        filter: impl TryInto<TopicFilter, Error: Into<Error>>,
    ) -> Result<PacketId, Error> {
        self.unsubscribe_many([filter])
    }

    /// Unsubscribes from several topic filters in one packet.
    ///
    /// # Errors
    /// As [`unsubscribe`](Self::unsubscribe), and [`Error::NoFilter`] for none.
    pub fn unsubscribe_many(
        &self,
        filters: impl IntoIterator<Item = impl TryInto<TopicFilter, Error: Into<Error>>>,
    ) -> Result<PacketId, Error> {
        let filters = filters
            .into_iter()
            .map(|filter| filter.try_into().map_err(Into::into))
            .collect::<Result<Vec<_>, Error>>()?;
        self.inner.handle.unsubscribe(filters)
    }

    /// Unsubscribes as [`unsubscribe`](Self::unsubscribe) does, with MQTT 5 user properties.
    ///
    /// # Errors
    /// As [`unsubscribe_many`](Self::unsubscribe_many), and [`Error::Config`] for properties out of
    /// range.
    pub fn unsubscribe_with(
        &self,
        filters: impl IntoIterator<Item = TopicFilter>,
        properties: Properties,
    ) -> Result<PacketId, Error> {
        let request = UnsubscribeRequest::from(filters).with_properties(properties);
        self.inner.handle.unsubscribe(request)
    }
}
