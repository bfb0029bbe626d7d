//! The series that are watched, each with a number.

use std::hash::{BuildHasher, Hasher, RandomState};

use hashbrown::HashTable;

use crate::interval::Interval;

/// What separates topic and metric in a key: no topic holds it [MQTT-1.5.4-2].
const SEPARATOR: char = '\0';

/// What is known of a series: 40 bytes beside its name.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Topic, and after a separator the metric.
    key: Box<str>,
    /// Time of its newest reading in milliseconds since 1970; `i64::MIN` before the first.
    pub(crate) newest: i64,
    pub(crate) interval: Interval,
    /// The first of its alerts.
    pub(crate) first_instance: u32,
    /// How many there are.
    pub(crate) instances: u16,
    /// Which rule of silence is for it.
    pub(crate) silence: Option<std::num::NonZeroU8>,
    pub(crate) silent: bool,
}

impl Slot {
    pub(crate) fn topic(&self) -> &str {
        self.key.split(SEPARATOR).next().unwrap_or_default()
    }

    pub(crate) fn metric(&self) -> Option<&str> {
        self.key.split_once(SEPARATOR).map(|(_, metric)| metric)
    }

    fn is(&self, topic: &str, metric: Option<&str>) -> bool {
        let Some(rest) = self.key.strip_prefix(topic) else {
            return false;
        };
        match metric {
            None => rest.is_empty(),
            Some(metric) => rest.strip_prefix(SEPARATOR) == Some(metric),
        }
    }
}

/// All series that are watched, limited in bytes. A series beyond the limit is not watched, and
/// counted: dropping the one without a reading for the longest time would drop the silent one.
#[derive(Debug)]
pub(crate) struct SeriesTable {
    slots: Vec<Slot>,
    numbers: HashTable<u32>,
    hasher: RandomState,
    bytes: usize,
    limit: usize,
    unwatched: u64,
}

impl SeriesTable {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            slots: Vec::new(),
            numbers: HashTable::new(),
            hasher: RandomState::new(),
            bytes: 0,
            limit,
            unwatched: 0,
        }
    }

    /// Returns the number of a series.
    pub(crate) fn find(&self, topic: &str, metric: Option<&str>) -> Option<u32> {
        let hash = self.hash(topic, metric);
        let is = |number: &u32| self.slots[*number as usize].is(topic, metric);
        self.numbers.find(hash, is).copied()
    }

    /// Adds a series that is not there yet; `None` if there is no memory for it.
    pub(crate) fn add(&mut self, topic: &str, metric: Option<&str>) -> Option<u32> {
        let length = topic.len() + metric.map_or(0, |metric| metric.len() + 1);
        let bytes = self.bytes + length + size_of::<Slot>() + size_of::<u32>();
        let number = u32::try_from(self.slots.len()).ok();
        let Some(number) = number.filter(|_| bytes <= self.limit) else {
            self.unwatched += 1;
            return None;
        };
        self.bytes = bytes;
        let mut key = String::with_capacity(length);
        key.push_str(topic);
        if let Some(metric) = metric {
            key.push(SEPARATOR);
            key.push_str(metric);
        }
        let hash = self.hash(topic, metric);
        self.slots.push(Slot {
            key: key.into_boxed_str(),
            newest: i64::MIN,
            interval: Interval::default(),
            first_instance: 0,
            instances: 0,
            silence: None,
            silent: false,
        });
        let Self {
            slots,
            numbers,
            hasher,
            ..
        } = self;
        numbers.insert_unique(hash, number, |number| {
            let slot = &slots[*number as usize];
            hash_key(hasher, slot.topic(), slot.metric())
        });
        Some(number)
    }

    pub(crate) fn get(&self, number: u32) -> &Slot {
        &self.slots[number as usize]
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> &mut Slot {
        &mut self.slots[number as usize]
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Slot)> {
        (0..).zip(&mut self.slots)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Returns how many readings were of series that are not watched for lack of memory.
    pub(crate) fn unwatched(&self) -> u64 {
        self.unwatched
    }

    fn hash(&self, topic: &str, metric: Option<&str>) -> u64 {
        hash_key(&self.hasher, topic, metric)
    }
}

fn hash_key(state: &RandomState, topic: &str, metric: Option<&str>) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write(topic.as_bytes());
    hasher.write_u8(0);
    hasher.write(metric.unwrap_or_default().as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_and_metric_together_name_a_series() {
        let mut table = SeriesTable::new(1 << 20);
        let keys = [
            ("a", None),
            ("a", Some("b")),
            ("ab", None),
            ("a", Some("")),
            ("", Some("ab")),
        ];
        for (number, (topic, metric)) in (0..).zip(keys) {
            assert_eq!(table.find(topic, metric), None);
            assert_eq!(table.add(topic, metric), Some(number));
        }
        for (number, (topic, metric)) in (0..).zip(keys) {
            assert_eq!(table.find(topic, metric), Some(number));
            assert_eq!(
                (table.get(number).topic(), table.get(number).metric()),
                (topic, metric)
            );
        }
    }

    #[test]
    fn a_slot_takes_forty_bytes() {
        assert_eq!(size_of::<Slot>(), 40);
    }

    #[test]
    fn beyond_the_limit_a_series_is_not_watched_and_counted() {
        let mut table = SeriesTable::new(200);
        assert!(table.add("a", None).is_some());
        let mut added = 1;
        while table.add(&format!("topic/{added}"), None).is_some() {
            added += 1;
        }
        assert!((2..10).contains(&added));
        assert_eq!(table.unwatched(), 1);
        assert!(table.find("a", None).is_some());
    }
}
