//! A map from packet ids that costs little: the hash of an id is one multiplication, for ids are
//! given out here, and nobody chooses them so that they collide.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::message::PacketId;

/// Entries whose memory is kept while there are none.
const KEPT: usize = 14;

/// A map from packet ids to `T`; empty, it takes nothing or a few places.
#[derive(Debug)]
pub(crate) struct IdMap<T>(HashMap<PacketId, T, BuildHasherDefault<IdHasher>>);

impl<T> Default for IdMap<T> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<T> IdMap<T> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, id: PacketId) -> Option<&T> {
        self.0.get(&id)
    }

    /// Returns what stood there before.
    pub(crate) fn insert(&mut self, id: PacketId, value: T) -> Option<T> {
        self.0.insert(id, value)
    }

    pub(crate) fn remove(&mut self, id: PacketId) -> Option<T> {
        let value = self.0.remove(&id);
        if self.0.is_empty() && self.0.capacity() > KEPT {
            self.0 = HashMap::default();
        }
        value
    }

    /// Removes what `keep` doesn't want.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(PacketId, &T) -> bool) {
        self.0.retain(|id, value| keep(*id, value));
    }
}

#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u16((*byte).into());
        }
    }

    fn write_u16(&mut self, id: u16) {
        // Spreads what is in the low bits over the high ones, and the high ones are used too.
        let mixed = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    use super::*;

    fn id(id: u16) -> PacketId {
        PacketId::new(id).unwrap()
    }

    #[test]
    fn all_ids_find_room_and_leave_nothing_behind() {
        let mut map = IdMap::default();
        for n in 1..=u16::MAX {
            assert_eq!(map.insert(id(n), n), None);
        }
        assert_eq!(map.insert(id(7), 8), Some(7));
        map.retain(|_, n| *n != 9);
        assert_eq!((map.len(), map.get(id(7))), (65_534, Some(&8)));
        for n in 1..=u16::MAX {
            assert_eq!(map.remove(id(n)).is_some(), n != 9);
        }
        assert_eq!((map.len(), map.0.capacity()), (0, 0));
    }

    /// The table goes by the low bits of a hash and by its seven highest.
    #[test]
    fn ids_are_spread() {
        let hashes = (1..=1_024).map(|n| BuildHasherDefault::<IdHasher>::default().hash_one(id(n)));
        let (low, high): (HashSet<_>, HashSet<_>) =
            hashes.map(|hash| (hash & 0x3ff, hash >> 57)).unzip();
        assert!(low.len() > 550 && high.len() == 128, "{low:?}, {high:?}");
    }
}
