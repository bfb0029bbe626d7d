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

/// How a message is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    qos: QoS,
    /// The retain flag is kept.
    as_published: bool,
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
        let grant = self.grant(&message.topic)?;
        self.deliver(&mut message, grant);
        Some(message)
    }

    /// Returns how a message of this topic is received, if a subscription matches it.
    pub(super) fn grant(&self, topic: &TopicName) -> Option<Grant> {
        if is_refused(topic) {
            return None;
        }
        let topic = topic.as_str();
        let matching = { self.subscriptions.iter() }.filter(|one| one.filter.matches(topic));
        matching
            .map(|one| Grant {
                qos: one.qos,
                as_published: one.retain_as_published,
            })
            .reduce(|one, other| Grant {
                qos: one.qos.max(other.qos),
                as_published: one.as_published | other.as_published,
            })
    }

    /// Makes the message what a subscriber receives.
    pub(super) fn deliver(&self, message: &mut Message, grant: Grant) {
        message.qos = message.qos.min(grant.qos);
        message.retain &= grant.as_published;
        if !self.identifiers.is_empty() {
            let properties = message.properties.get_or_insert_default();
            properties
                .subscription_identifiers
                .clone_from(&self.identifiers);
        }
    }

    /// Returns a line about the first topic that no subscription matches. A topic that the broker
    /// refuses is none.
    pub(super) fn first_unmatched(&self, topic: &TopicName) -> Option<String> {
        if is_refused(topic) || self.reported_unmatched.swap(true, Ordering::Relaxed) {
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
}

/// Whether the broker refuses messages of this topic.
fn is_refused(topic: &TopicName) -> bool {
    topic.as_str().starts_with('$')
}

#[cfg(test)]
mod tests {
    use iot_core::TopicFilter;

    use super::*;

    fn subscription(filter: &str, qos: QoS, retain_as_published: bool) -> Subscription {
        let mut subscription = Subscription::new(TopicFilter::new(filter).unwrap(), qos);
        subscription.retain_as_published = retain_as_published;
        subscription
    }

    fn topic(name: &str) -> TopicName {
        TopicName::new(name).unwrap()
    }

    #[test]
    fn overlapping_subscriptions_grant_what_any_of_them_grants() {
        let subscriptions = vec![
            subscription("iot/#", QoS::AtMostOnce, true),
            subscription("iot/+", QoS::AtLeastOnce, false),
        ];
        let wanted = Wanted::new(subscriptions, vec![7]);
        let message = Message::new(topic("iot/a"), "1")
            .with_qos(QoS::ExactlyOnce)
            .with_retain(true);
        let received = wanted.received(message).unwrap();
        assert_eq!((received.qos, received.retain), (QoS::AtLeastOnce, true));
        let properties = received.properties.unwrap();
        assert_eq!(properties.subscription_identifiers, [7]);
        assert_eq!(wanted.grant(&topic("other")), None);
    }

    #[test]
    fn a_refused_topic_is_neither_received_nor_the_first_that_is_unmatched() {
        let all = vec![subscription("#", QoS::AtMostOnce, false)];
        assert_eq!(Wanted::new(all, Vec::new()).grant(&topic("$SYS/a")), None);
        let some = vec![subscription("iot/#", QoS::AtMostOnce, false)];
        let wanted = Wanted::new(some, Vec::new());
        assert_eq!(wanted.first_unmatched(&topic("$SYS/a")), None);
        let line = wanted.first_unmatched(&topic("other/a")).unwrap();
        assert!(
            line.starts_with("`other/a` does not match -t 'iot/#'"),
            "{line}"
        );
        assert_eq!(wanted.first_unmatched(&topic("other/b")), None);
    }
}
