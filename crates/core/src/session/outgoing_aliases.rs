//! Topic aliases of the messages that this client publishes: numbers that stand for topics on one
//! connection (MQTT 5 §3.3.2.3.4). When all are in use, the least recently used topic loses its
//! alias.

use std::collections::HashMap;

use crate::topic::TopicName;

/// How many aliases are used at most, even if the broker accepts more: each costs memory.
const MAX_ALIASES: usize = 256;

/// The alias of a PUBLISH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alias {
    pub(super) number: u16,
    /// The broker knows its topic, so the topic is left out.
    pub(super) known: bool,
}

#[derive(Debug, Default)]
pub(super) struct OutgoingAliases {
    /// How many are assigned at most.
    maximum: usize,
    /// How many the broker accepts.
    announced: u16,
    /// The aliases that the application has chosen. From the first of them on, none are assigned
    /// here, so that the two never collide.
    wanted: HashMap<u16, TopicName>,
    /// The index of a topic in `slots`; its alias is one more.
    slot_of: HashMap<TopicName, usize>,
    slots: Vec<(TopicName, u64)>,
    /// Counts the uses.
    uses: u64,
}

impl OutgoingAliases {
    /// A connection begins, or its CONNACK has arrived: the broker knows no alias.
    pub(super) fn reset(&mut self, maximum: u16) {
        self.maximum = MAX_ALIASES.min(maximum.into());
        self.announced = maximum;
        self.wanted.clear();
        self.slot_of.clear();
        self.slots.clear();
    }

    /// Whether the broker accepts any.
    pub(super) fn are_accepted(&self) -> bool {
        self.announced > 0
    }

    /// Returns the alias to send the topic with; `None` if that would save nothing.
    pub(super) fn assign(&mut self, topic: &TopicName) -> Option<Alias> {
        // The property itself takes three bytes.
        if self.maximum == 0 || topic.as_str().len() <= 3 {
            return None;
        }
        self.uses += 1;
        let (slot, known) = match self.slot_of.get(topic) {
            Some(slot) => {
                self.slots[*slot].1 = self.uses;
                (*slot, true)
            }
            None => (self.assign_new(topic), false),
        };
        let number = u16::try_from(slot + 1).ok()?;
        Some(Alias { number, known })
    }

    /// Returns the alias that the application wants; `None` if the broker doesn't accept it.
    pub(super) fn assign_wanted(&mut self, topic: &TopicName, number: u16) -> Option<Alias> {
        if number == 0 || number > self.announced {
            return None;
        }
        self.maximum = 0;
        self.slot_of.clear();
        self.slots.clear();
        let before = self.wanted.insert(number, topic.clone());
        Some(Alias {
            number,
            known: before.as_ref() == Some(topic),
        })
    }

    fn assign_new(&mut self, topic: &TopicName) -> usize {
        let entry = (topic.clone(), self.uses);
        let slot = if self.slots.len() < self.maximum {
            self.slots.push(entry);
            self.slots.len() - 1
        } else {
            let slots = self.slots.iter().enumerate();
            let (oldest, _) = slots
                .min_by_key(|(_, (_, used))| *used)
                .expect("the maximum is above 0");
            let (before, _) = std::mem::replace(&mut self.slots[oldest], entry);
            self.slot_of.remove(&before);
            oldest
        };
        self.slot_of.insert(topic.clone(), slot);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assign(aliases: &mut OutgoingAliases, topic: &str) -> Option<(u16, bool)> {
        let topic = TopicName::new(topic).unwrap();
        aliases.assign(&topic).map(|a| (a.number, a.known))
    }

    #[test]
    fn the_least_recently_used_topic_loses_its_alias() {
        let mut aliases = OutgoingAliases::default();
        assert_eq!(assign(&mut aliases, "long"), None);
        aliases.reset(2);
        for (topic, expected) in [
            ("aaaa", (1, false)),
            ("bbbb", (2, false)),
            ("aaaa", (1, true)),
            ("cccc", (2, false)),
            ("aaaa", (1, true)),
            ("bbbb", (2, false)),
            ("cccc", (1, false)),
            ("bbbb", (2, true)),
        ] {
            assert_eq!(assign(&mut aliases, topic), Some(expected), "{topic}");
        }
        aliases.reset(2);
        assert_eq!(assign(&mut aliases, "cccc"), Some((1, false)));
        assert_eq!(assign(&mut aliases, "abc"), None);
    }

    #[test]
    fn the_application_s_aliases_replace_assigned_ones() {
        let mut aliases = OutgoingAliases::default();
        aliases.reset(9);
        assert_eq!(assign(&mut aliases, "aaaa"), Some((1, false)));
        let mut wanted = |topic: &str, number| {
            let topic = TopicName::new(topic).unwrap();
            let alias = aliases.assign_wanted(&topic, number);
            alias.map(|alias| (alias.number, alias.known))
        };
        for (topic, number, expected) in [
            ("a", 0, None),
            ("a", 10, None),
            // The broker knows the topic by the assigned alias, and not yet by this one.
            ("aaaa", 1, Some((1, false))),
            ("aaaa", 1, Some((1, true))),
            ("b", 1, Some((1, false))),
            ("aaaa", 9, Some((9, false))),
            ("b", 1, Some((1, true))),
        ] {
            assert_eq!(wanted(topic, number), expected, "{topic} {number}");
        }
        assert_eq!(assign(&mut aliases, "cccc"), None);
        aliases.reset(9);
        assert_eq!(assign(&mut aliases, "cccc"), Some((1, false)));
    }

    #[test]
    fn memory_is_bounded_however_many_the_broker_accepts() {
        let mut aliases = OutgoingAliases::default();
        aliases.reset(u16::MAX);
        for number in 0..10_000 {
            assign(&mut aliases, &format!("topic/{number}"));
        }
        assert_eq!(
            (aliases.slots.len(), aliases.slot_of.len()),
            (MAX_ALIASES, MAX_ALIASES)
        );
    }
}
