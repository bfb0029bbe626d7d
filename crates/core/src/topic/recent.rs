//! A cache of the topic names that were received lately.

use super::name::TopicName;

/// Topics that were received lately: one that arrives again costs neither a check nor an
/// allocation.
///
/// Buckets of four by a hash of the bytes. In a full bucket, a new topic replaces another one.
#[derive(Debug, Default)]
pub struct RecentTopics {
    /// Empty before the first topic; then their number is a power of two.
    slots: Vec<Option<TopicName>>,
    /// How many topics found their bucket full.
    replaced: usize,
}

impl RecentTopics {
    const BUCKET: usize = 4;
    /// How many are kept, at first and at most.
    const SLOTS: (usize, usize) = (64, 1024);
    /// Longer topics are not kept, so that all together take at most 200 KiB.
    const LONGEST: usize = 128;

    /// Returns the topic with these bytes, if it is kept.
    pub(crate) fn get(&self, bytes: &[u8]) -> Option<&TopicName> {
        if self.slots.is_empty() {
            return None;
        }
        let bucket = self.bucket(bytes);
        let bucket = self.slots[bucket..bucket + Self::BUCKET].iter().flatten();
        bucket
            .into_iter()
            .find(|topic| topic.as_str().as_bytes() == bytes)
    }

    /// Keeps a topic that isn't kept yet.
    pub(crate) fn put(&mut self, topic: &TopicName) {
        if topic.as_str().len() > Self::LONGEST {
            return;
        }
        if self.slots.is_empty() {
            self.slots.resize(Self::SLOTS.0, None);
        } else if self.replaced > self.slots.len() && self.slots.len() < Self::SLOTS.1 {
            let larger = vec![None; self.slots.len() * 2];
            self.replaced = 0;
            for topic in std::mem::replace(&mut self.slots, larger).iter().flatten() {
                self.insert(topic);
            }
        }
        self.insert(topic);
    }

    fn insert(&mut self, topic: &TopicName) {
        let bucket = self.bucket(topic.as_str().as_bytes());
        let bucket = &mut self.slots[bucket..bucket + Self::BUCKET];
        let slot = bucket.iter().position(Option::is_none).unwrap_or_else(|| {
            self.replaced += 1;
            self.replaced % Self::BUCKET
        });
        bucket[slot] = Some(topic.clone());
    }

    /// The index of a topic's bucket. A sender that finds topics with the same bucket only makes
    /// its own topics slower.
    fn bucket(&self, bytes: &[u8]) -> usize {
        const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut hash = bytes.len() as u64;
        let (words, rest) = bytes.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        for word in words.iter().chain([&last]) {
            hash = (hash.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(MULTIPLIER);
        }
        let buckets = self.slots.len() / Self::BUCKET;
        // The upper half of a product is mixed better.
        usize::try_from(hash >> 32).unwrap_or(0) % buckets * Self::BUCKET
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_topics_are_found_again_and_bounded() {
        let mut recent = RecentTopics::default();
        let name = |n: usize| TopicName::new(format!("iot/{n}/temp")).unwrap();
        assert_eq!(recent.get(b"iot/0/temp"), None);
        for _ in 0..100 {
            for n in 0..100 {
                if recent.get(name(n).as_str().as_bytes()).is_none() {
                    recent.put(&name(n));
                }
            }
        }
        let kept = |recent: &RecentTopics| recent.slots.iter().flatten().count();
        assert!((90..=100).contains(&kept(&recent)), "{}", kept(&recent));
        assert_eq!(recent.get(b"iot/99/temp"), Some(&name(99)));
        assert_eq!(recent.get(b"iot/99/tem"), None);
        for n in 0..100_000 {
            recent.put(&name(n));
        }
        assert_eq!(recent.slots.len(), RecentTopics::SLOTS.1);
        recent.put(&TopicName::new("x".repeat(1_000)).unwrap());
        assert_eq!(recent.get("x".repeat(1_000).as_bytes()), None);
    }
}
