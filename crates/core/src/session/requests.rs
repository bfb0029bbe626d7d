//! SUBSCRIBE and UNSUBSCRIBE (§3.8, §3.10).

use super::event::Event;
use super::limits::check_size;
use super::packet_ids::Use;
use super::protocol_error::protocol_error;
use super::refused_packet::RefusedPacket;
use super::state::Session;
use crate::error::{ConfigError, Error};
use crate::message::{PacketId, Properties};
use crate::packet::{Outgoing, SubscribeAck, Subscription};
use crate::request::{SubscribeRequest, UnsubscribeRequest};
use crate::topic::TopicFilter;

impl Session {
    /// Subscribes (§3.8); [`Event::Subscribed`](super::Event::Subscribed) reports the broker's
    /// answer, unless the connection is lost before.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::NoFilter`] for an empty list, [`Error::PacketTooLarge`],
    /// [`Error::QueueFull`] if no packet identifier is free
    /// ([`Event::Writable`](super::Event::Writable) follows); and on MQTT 5 [`Error::Config`] for
    /// properties out of their range and options that can't be combined, [`Error::Unsupported`] for
    /// what the broker's CONNACK rules out.
    pub fn subscribe(&mut self, request: impl Into<SubscribeRequest>) -> Result<PacketId, Error> {
        let SubscribeRequest {
            subscriptions,
            properties,
        } = request.into();
        if subscriptions.is_empty() {
            return Err(Error::NoFilter);
        }
        if self.config.protocol.is_v5() {
            check_subscriptions(&subscriptions, properties.as_ref())?;
            // Before CONNACK the limits are unknown: the broker itself answers.
            if self.phase.is_online() {
                self.check_available(&subscriptions, properties.as_ref())?;
            }
        }
        let size = self
            .codec
            .subscribe_len(&subscriptions, properties.as_ref());
        let id = self.request(Use::Subscribe, size)?;
        let properties = properties.map(Box::new);
        let filters = subscriptions.iter().map(|it| it.filter.clone()).collect();
        let packet = Outgoing::Subscribe(id, subscriptions, properties);
        self.requests
            .add(id, RefusedPacket::Subscribe(filters), packet);
        self.send_requests();
        Ok(id)
    }

    /// Checks a SUBSCRIBE against CONNACK.
    fn check_available(
        &self,
        subscriptions: &[Subscription],
        properties: Option<&Properties>,
    ) -> Result<(), Error> {
        let limits = &self.limits;
        let has_identifier = properties.is_some_and(|p| !p.subscription_identifiers.is_empty());
        let filters = || subscriptions.iter().map(|s| &s.filter);
        if !limits.subscription_identifiers && has_identifier {
            Err(Error::Unsupported("subscription identifiers"))
        } else if !limits.shared_subscriptions && filters().any(TopicFilter::is_shared) {
            Err(Error::Unsupported("shared subscriptions"))
        } else if !limits.wildcards && filters().any(TopicFilter::has_wildcard) {
            Err(Error::Unsupported("wildcards in topic filters"))
        } else {
            Ok(())
        }
    }

    /// Unsubscribes (§3.10); [`Event::Unsubscribed`](super::Event::Unsubscribed) reports the
    /// broker's answer, unless the connection is lost before.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::NoFilter`] for an empty list, [`Error::PacketTooLarge`],
    /// [`Error::QueueFull`] if no packet identifier is free
    /// ([`Event::Writable`](super::Event::Writable) follows), and on MQTT 5 [`Error::Config`] for
    /// properties out of their range.
    pub fn unsubscribe(
        &mut self,
        request: impl Into<UnsubscribeRequest>,
    ) -> Result<PacketId, Error> {
        let UnsubscribeRequest {
            filters,
            properties,
        } = request.into();
        if filters.is_empty() {
            return Err(Error::NoFilter);
        }
        if let Some(properties) = &properties
            && self.config.protocol.is_v5()
        {
            properties.check()?;
        }
        let size = self.codec.unsubscribe_len(&filters, properties.as_ref());
        let id = self.request(Use::Unsubscribe, size)?;
        let properties = properties.map(Box::new);
        let refused = RefusedPacket::Unsubscribe(filters.clone());
        let packet = Outgoing::Unsubscribe(id, filters, properties);
        self.requests.add(id, refused, packet);
        self.send_requests();
        Ok(id)
    }

    /// SUBACK has arrived.
    pub(super) fn suback(&mut self, ack: SubscribeAck) -> Result<(), Error> {
        let filters = self.requests.subscribed_filters(ack.id);
        if filters.is_some_and(|filters| filters != ack.reasons.len()) {
            // [MQTT-3.8.4-6]
            return Err(protocol_error(
                "a SUBACK with another number of codes than SUBSCRIBE has filters",
            ));
        }
        if self.ids.free_if(ack.id, Use::Subscribe) {
            self.request_answered(ack.id, Event::Subscribed(ack));
        }
        Ok(())
    }

    /// UNSUBACK has arrived.
    pub(super) fn unsuback(&mut self, ack: SubscribeAck) {
        if self.ids.free_if(ack.id, Use::Unsubscribe) {
            self.request_answered(ack.id, Event::Unsubscribed(ack));
        }
    }

    fn request_answered(&mut self, id: PacketId, event: Event) {
        self.requests.remove(id);
        self.finished();
        self.output.notify(event);
        self.notify_writable();
        self.send_queued();
    }

    /// Sends requests that are held, as far as they may be sent.
    pub(super) fn send_requests(&mut self) {
        let is_one_at_a_time = self.publishing.refusals.is_one_at_a_time();
        while !(is_one_at_a_time && self.waiting() > 0)
            && let Some(packet) = self.requests.next()
        {
            self.output.send(packet);
        }
    }

    fn request(&mut self, used_for: Use, size: usize) -> Result<PacketId, Error> {
        if !self.phase.is_up() {
            return Err(Error::NotConnected);
        }
        check_size(size, self.limits.maximum_packet_size)?;
        self.ids.take(used_for).ok_or_else(|| self.refuse())
    }
}

/// Checks what MQTT 5 brokers would end the connection for.
fn check_subscriptions(
    subscriptions: &[Subscription],
    properties: Option<&Properties>,
) -> Result<(), Error> {
    let identifiers = properties.map_or(&[][..], |p| &p.subscription_identifiers);
    if let Some(properties) = properties {
        properties.check()?;
    }
    match identifiers {
        [] | [1..=0x0fff_ffff] => {}
        [other] => {
            return Err(ConfigError::SubscriptionIdentifier(*other).into());
        }
        many => {
            return Err(ConfigError::SubscriptionIdentifiers(many.len()).into());
        }
    }
    for subscription in subscriptions {
        let filter = &subscription.filter;
        if subscription.retain_handling > 2 {
            return Err(ConfigError::RetainHandling {
                filter: filter.to_string(),
                value: subscription.retain_handling,
            }
            .into());
        }
        if subscription.no_local && filter.is_shared() {
            return Err(ConfigError::SharedNoLocal(filter.to_string()).into());
        }
    }
    Ok(())
}
