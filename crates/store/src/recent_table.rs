//! A table by topic whose size is limited: a publisher to many topics must not fill the memory.

use std::sync::Arc;

use hashlink::LruCache;

/// What an entry takes beside key and value: two counters, a place in the table, two links.
const ENTRY: usize = 64;

/// A table by topic, limited in bytes. When it is full, the entry that was not used for the longest
/// time is dropped.
#[derive(Debug)]
pub struct RecentTable<V> {
    entries: LruCache<Arc<str>, Sized<V>>,
    bytes: usize,
    limit: usize,
    dropped: u64,
}

#[derive(Debug)]
struct Sized<V> {
    value: V,
    bytes: usize,
}

impl<V> RecentTable<V> {
    /// Returns a table that takes about `limit` bytes at most.
    pub fn new(limit: usize) -> Self {
        Self {
            entries: LruCache::new_unbounded(),
            bytes: 0,
            limit,
            dropped: 0,
        }
    }

    /// Returns how many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns how many entries were dropped because the table was full.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns the value of a topic, which counts as a use.
    pub fn get(&mut self, topic: &str) -> Option<&V> {
        self.entries.get(topic).map(|entry| &entry.value)
    }

    /// Returns the value of a topic, which is no use of it.
    pub fn peek(&self, topic: &str) -> Option<&V> {
        self.entries.peek(topic).map(|entry| &entry.value)
    }

    /// Returns the value of a topic to change it, which counts as a use.
    pub fn get_mut(&mut self, topic: &str) -> Option<&mut V> {
        self.entries.get_mut(topic).map(|entry| &mut entry.value)
    }

    /// Sets the value of a topic, which holds `heap` bytes beside its own size. Returns the values
    /// that were dropped for it.
    pub fn insert(&mut self, topic: Arc<str>, value: V, heap: usize) -> Vec<V> {
        let bytes = ENTRY + topic.len() + size_of::<Sized<V>>() + heap;
        self.bytes += bytes;
        if let Some(before) = self.entries.insert(topic, Sized { value, bytes }) {
            self.bytes -= before.bytes;
        }
        let mut dropped = Vec::new();
        while self.bytes > self.limit
            && self.entries.len() > 1
            && let Some((_, oldest)) = self.entries.remove_lru()
        {
            self.bytes -= oldest.bytes;
            self.dropped += 1;
            dropped.push(oldest.value);
        }
        dropped
    }

    /// Removes a topic; returns its value.
    pub fn remove(&mut self, topic: &str) -> Option<V> {
        let entry = self.entries.remove(topic)?;
        self.bytes -= entry.bytes;
        Some(entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_topics_take_no_more_than_the_limit() {
        const LIMIT: usize = 1 << 20;
        let mut table = RecentTable::new(LIMIT);
        for number in 0..1_000_000 {
            table.insert(format!("iot/device/{number}").into(), number, 0);
            assert!(table.bytes <= LIMIT);
        }
        let kept = table.len();
        assert!((5_000..12_000).contains(&kept), "{kept}");
        assert_eq!(table.dropped(), 1_000_000 - kept as u64);
        assert_eq!(table.get("iot/device/999999"), Some(&999_999));
        assert_eq!(table.get("iot/device/0"), None);
    }

    #[test]
    fn what_was_used_last_stays() {
        const NONE: [u8; 0] = [];
        let entry = ENTRY + 1 + size_of::<Sized<u8>>() + 100;
        let mut table = RecentTable::new(2 * entry);
        assert_eq!(table.insert("a".into(), 1, 100), NONE);
        assert_eq!(table.insert("b".into(), 2, 100), NONE);
        assert_eq!(table.get("a"), Some(&1));
        assert_eq!(table.insert("c".into(), 3, 100), [2_u8]);
        // A larger value of the same topic counts as what it is.
        assert_eq!(table.insert("c".into(), 4, 101), [1_u8]);
        assert_eq!(table.remove("c"), Some(4));
        assert_eq!((table.bytes, table.len()), (0, 0));
        // A single entry is kept, however large.
        assert_eq!(table.insert("d".into(), 5, 10_000), NONE);
        assert_eq!(table.get("d"), Some(&5));
    }
}
