//! Which messages iot-sub subscribes to, and what they look like to a subscriber.

use std::sync::atomic::{AtomicBool, Ordering};

use iot_core::{Message, QoS, Subscription, TopicName};

/// The subscriptions of iot-sub at its own broker.
pub(super) struct Wanted {
    subscriptions: Vec<Subscription>,
    /// Subscription identifiers that received messages get.
    identifiers: Vec<u32>,
    /// Whether it was reported that a topic matches none of them.
    reported_unmatched: AtomicBool,
}

impl Wanted {
    pub(super) fn new(subscriptions: Vec<Subscription>, identifiers: Vec<u32>) -> Self {
        Self {
            subscriptions,
            identifiers,
            reported_unmatched: AtomicBool::new(false),
        }
    }

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

    /// Returns a line about the first topic that no subscription matches.
    pub(super) fn first_unmatched(&self, topic: &TopicName) -> Option<String> {
        if self.reported_unmatched.swap(true, Ordering::Relaxed) {
            return None;
        }
        let filters: Vec<String> = { self.subscriptions.iter() }
            .map(|one| format!("-t '{}'", one.filter))
            .collect();
        Some(format!(
            "`{topic}` does not match {}: messages on other topics are passed on to subscribers and not received here (-t '#' receives all)",
            filters.join(" ")
        ))
    }

    /// Whether a subscription matches this topic.
    pub(super) fn matches(&self, topic: &TopicName) -> bool {
        let topic = topic.as_str();
        let mut subscriptions = self.subscriptions.iter();
        !topic.starts_with('$') && subscriptions.any(|one| one.filter.matches(topic))
    }
}
