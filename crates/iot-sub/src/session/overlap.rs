//! Topic filters that overlap: one copy of each message is used.
//!
//! A broker may send a message once for each filter that it matches. Subscription identifiers
//! (MQTT 5 §3.8.2.1.2) tell the copies apart. Filters are subscribed to in the order of their
//! precedence, and the identifier of each says which filters precede it: those existed before, so
//! a message with this identifier also arrives for each of them, and this copy is left out.
//!
//! Precedence is the higher QoS, then the text of the filter. So it does not depend on the order
//! of `-t`, and a session that outlives this process keeps its identifiers. A shared subscription
//! precedes no other, because another member of its group may receive the message; of one with a
//! higher QoS than the others, both copies are used.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use iot_core::{QoS, Subscription, TopicFilter};

/// The largest subscription identifier (MQTT 5 §3.8.2.1.2).
const MAX_IDENTIFIER: u64 = 268_435_455;

/// The identifier of a subscription, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identifier {
    pub(crate) number: u32,
    /// The overlapping filters that precede this one.
    pub(crate) preceding: Vec<TopicFilter>,
}

/// A subscription, with an identifier if its filter overlaps another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) subscription: Subscription,
    pub(crate) identifier: Option<Identifier>,
}

impl From<Subscription> for Planned {
    fn from(subscription: Subscription) -> Self {
        Self {
            subscription,
            identifier: None,
        }
    }
}

impl Planned {
    /// Returns it for a session that has the subscription, and in which only its identifier
    /// changes: retained messages are not sent again (MQTT 5 §3.8.3.1).
    pub(crate) fn without_retained(&self) -> Self {
        let mut planned = self.clone();
        let handling = &mut planned.subscription.retain_handling;
        *handling = (*handling).max(1);
        planned
    }
}

/// Returns the first two filters for which a broker may send two copies of a message.
pub(crate) fn first_pair(subscriptions: &[Subscription]) -> Option<(&TopicFilter, &TopicFilter)> {
    let filters = || subscriptions.iter().map(|one| &one.filter);
    filters().enumerate().find_map(|(at, first)| {
        let mut rest = filters().skip(at + 1);
        let second = rest.find(|second| sends_copies(first, second))?;
        Some((first, second))
    })
}

/// Returns the first two filters of one group for which a broker sends two copies of a message,
/// maybe to two of its members. Nothing tells these copies apart.
pub(crate) fn first_pair_in_group(
    subscriptions: &[Subscription],
) -> Option<(&TopicFilter, &TopicFilter)> {
    let filters = || subscriptions.iter().map(|one| &one.filter);
    let shared = || filters().filter(|filter| filter.is_shared());
    shared().enumerate().find_map(|(at, first)| {
        let mut rest = shared().skip(at + 1);
        let is_copy = |second: &&TopicFilter| {
            first != *second && group(first) == group(second) && first.overlaps(second)
        };
        Some((first, rest.find(is_copy)?))
    })
}

/// Returns the group of a shared subscription.
fn group(filter: &TopicFilter) -> Option<&str> {
    filter.as_str().split('/').nth(1)
}

/// Whether a message can arrive for both filters. Of two shared subscriptions, each has its own
/// group of receivers.
fn sends_copies(first: &TopicFilter, second: &TopicFilter) -> bool {
    first != second && !(first.is_shared() && second.is_shared()) && first.overlaps(second)
}

/// Returns the subscriptions in the order in which they have to be made: those without an
/// identifier first. Of a filter that is given twice, the last one counts, as at the broker.
/// `granted` has the QoS where it is known already; `leaving` are filters that do not count,
/// because they are unsubscribed from.
pub(crate) fn plan(
    subscriptions: &[Subscription],
    granted: &HashMap<TopicFilter, QoS>,
    leaving: &[TopicFilter],
) -> Vec<Planned> {
    let mut distinct: Vec<&Subscription> = Vec::new();
    for subscription in subscriptions {
        distinct.retain(|other| other.filter != subscription.filter);
        distinct.push(subscription);
    }
    let (mut overlapping, alone): (Vec<&Subscription>, Vec<_>) = distinct.iter().partition(|one| {
        let mut others = distinct.iter();
        others.any(|other| sends_copies(&one.filter, &other.filter))
    });
    let qos = |one: &Subscription| granted.get(&one.filter).copied().unwrap_or(one.qos);
    overlapping.sort_by_cached_key(|one| {
        let filter = one.filter.clone();
        (filter.is_shared(), Reverse(qos(one)), filter)
    });
    let mut numbers = HashSet::new();
    let with_identifier = overlapping.iter().enumerate().map(|(at, one)| {
        let before = overlapping[..at].iter();
        let before = before.filter(|other| !other.filter.is_shared() && qos(other) >= qos(one));
        let preceding: Vec<_> = before
            .map(|other| &other.filter)
            .filter(|other| !leaving.contains(other) && sends_copies(&one.filter, other))
            .cloned()
            .collect();
        let mut number = number(&one.filter, &preceding);
        while !numbers.insert(number) {
            number = in_range(u64::from(number));
        }
        Planned {
            subscription: (*one).clone(),
            identifier: Some(Identifier { number, preceding }),
        }
    });
    let alone = alone.into_iter().map(|one| Planned::from(one.clone()));
    alone.chain(with_identifier).collect()
}

/// Returns an identifier that depends on these filters only: FNV-1a, as the next version of this
/// program has to find the same one.
fn number(filter: &TopicFilter, preceding: &[TopicFilter]) -> u32 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for filter in std::iter::once(filter).chain(preceding) {
        // No filter has the byte 0, which ends each here.
        for byte in filter.as_str().bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    in_range(hash)
}

/// Returns a subscription identifier for any number.
fn in_range(number: u64) -> u32 {
    u32::try_from(number % MAX_IDENTIFIER + 1).unwrap_or(1)
}

/// Decides which copies of a message are left out.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    /// The filters that precede the one with this identifier.
    preceding: HashMap<u32, Vec<TopicFilter>>,
    /// Those of subscriptions that the session had before, for messages that wait at the broker.
    earlier: HashMap<u32, Vec<TopicFilter>>,
    granted: HashMap<TopicFilter, QoS>,
}

impl Copies {
    /// Sets the subscriptions that are made now, and the identifiers that the session had before.
    pub(crate) fn set(
        &mut self,
        planned: &[Planned],
        earlier: impl IntoIterator<Item = (u32, Vec<TopicFilter>)>,
    ) {
        for (number, mut preceding) in std::mem::take(&mut self.preceding) {
            preceding.retain(|filter| self.granted.contains_key(filter));
            if !preceding.is_empty() {
                self.earlier.insert(number, preceding);
            }
        }
        let identifiers = planned.iter().filter_map(|one| one.identifier.clone());
        self.preceding = identifiers.map(|it| (it.number, it.preceding)).collect();
        self.earlier.extend(earlier);
    }

    /// Notes that the session has this subscription.
    pub(crate) fn grant(&mut self, filter: TopicFilter, qos: QoS) {
        self.granted.insert(filter, qos);
    }

    /// Notes that the session does not have this subscription.
    pub(crate) fn refuse(&mut self, filter: &TopicFilter) {
        self.granted.remove(filter);
    }

    /// The session is new.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the subscriptions of the session, with the QoS that was granted.
    pub(crate) fn granted(&self) -> &HashMap<TopicFilter, QoS> {
        &self.granted
    }

    /// Returns the filters that the session has, among those that precede this identifier.
    pub(crate) fn granted_before(&self, identifier: &Identifier) -> Vec<TopicFilter> {
        let preceding = identifier.preceding.iter();
        let granted = preceding.filter(|filter| self.granted.contains_key(*filter));
        granted.cloned().collect()
    }

    /// Whether a message has identifiers of this program.
    pub(crate) fn is_on(&self) -> bool {
        !self.preceding.is_empty() || !self.earlier.is_empty()
    }

    /// Whether this copy of a message is left out: each of its identifiers says that the message
    /// also arrives for another filter. A copy with an unknown identifier, or none, is used.
    pub(crate) fn leaves_out(&self, topic: &str, identifiers: &[u32]) -> bool {
        !identifiers.is_empty() && identifiers.iter().all(|id| self.is_preceded(topic, *id))
    }

    fn is_preceded(&self, topic: &str, identifier: u32) -> bool {
        let precedes = |filter: &&TopicFilter| filter.matches(topic);
        if let Some(preceding) = self.preceding.get(&identifier) {
            let mut preceding = preceding.iter().filter(precedes);
            return preceding.any(|filter| self.granted.contains_key(filter));
        }
        let earlier = self.earlier.get(&identifier);
        earlier.is_some_and(|preceding| preceding.iter().any(|filter| precedes(&filter)))
    }
}
