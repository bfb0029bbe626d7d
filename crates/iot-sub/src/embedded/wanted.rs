//! Which messages iot-sub subscribes to, and what they look like to a subscriber.

use iot_core::{Message, QoS, Subscription, TopicName};

/// The subscriptions of iot-sub at its own broker.
pub(super) struct Wanted {
    pub(super) subscriptions: Vec<Subscription>,
    /// Subscription identifiers that received messages get.
    pub(super) identifiers: Vec<u32>,
}

impl Wanted {
    /// Returns the message as a subscriber receives it, if a subscription matches its topic.
    pub(super) fn received(&self, mut message: Message) -> Option<Message> {
        let topic = message.topic.as_str();
        if topic.starts_with('$') {
            // The broker refuses it.
            return None;
        }
        let mut granted = None;
        let mut as_published = false;
        for subscription in &self.subscriptions {
            if subscription.filter.matches(topic) {
                granted = granted.max(Some(subscription.qos));
                as_published |= subscription.retain_as_published;
            }
        }
        let granted: QoS = granted?;
        message.qos = message.qos.min(granted);
        message.retain &= as_published;
        if !self.identifiers.is_empty() {
            let properties = message.properties.get_or_insert_default();
            properties
                .subscription_identifiers
                .clone_from(&self.identifiers);
        }
        Some(message)
    }

    /// Whether a subscription matches this topic.
    pub(super) fn matches(&self, topic: &TopicName) -> bool {
        let topic = topic.as_str();
        let mut subscriptions = self.subscriptions.iter();
        !topic.starts_with('$') && subscriptions.any(|one| one.filter.matches(topic))
    }
}
