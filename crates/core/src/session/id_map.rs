//! A map from packet ids. Ids are given out one after the other, so those in use lie close together:
//! in a table found by the id's last bits they are where they belong, and need no hashing.

use crate::message::PacketId;

/// Places in the smallest table; one that is larger is given back when nothing is in it.
const SMALLEST: usize = 8;

/// A map from packet ids to `T`; empty, it takes nothing or a few places.
#[derive(Debug)]
pub(crate) struct IdMap<T> {
    /// A power of two, twice as many as are in use at least, or none at all. An id stands in the place
    /// of its last bits or, where others came first, in one that follows without a gap.
    places: Vec<Option<(PacketId, T)>>,
    len: usize,
}

impl<T> Default for IdMap<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            len: 0,
        }
    }
}

impl<T> IdMap<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where the id would stand if it were alone.
    fn home(&self, id: PacketId) -> usize {
        usize::from(id.get()) & (self.places.len() - 1)
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }

    /// Where the id stands, or the free place where it is to stand. There must be places.
    fn find(&self, id: PacketId) -> usize {
        let mut at = self.home(id);
        while let Some((other, _)) = &self.places[at]
            && *other != id
        {
            at = self.after(at);
        }
        at
    }

    pub(crate) fn get(&self, id: PacketId) -> Option<&T> {
        if self.len == 0 {
            return None;
        }
        self.places[self.find(id)].as_ref().map(|(_, value)| value)
    }

    /// Returns what stood there before.
    pub(crate) fn insert(&mut self, id: PacketId, value: T) -> Option<T> {
        if 2 * (self.len + 1) > self.places.len() {
            self.grow();
        }
        let at = self.find(id);
        let before = self.places[at].replace((id, value));
        self.len += usize::from(before.is_none());
        before.map(|(_, value)| value)
    }

    fn grow(&mut self) {
        let size = (2 * self.places.len()).max(SMALLEST);
        let before = std::mem::take(&mut self.places);
        self.places.resize_with(size, || None);
        for (id, value) in before.into_iter().flatten() {
            let at = self.find(id);
            self.places[at] = Some((id, value));
        }
    }

    pub(crate) fn remove(&mut self, id: PacketId) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        let mut gap = self.find(id);
        let (_, value) = self.places[gap].take()?;
        self.len -= 1;
        if self.len == 0 && self.places.len() > SMALLEST {
            self.places = Vec::new();
            return Some(value);
        }
        // Who stands behind the gap and would rather stand in it, or before it, moves up.
        let mut at = self.after(gap);
        while let Some((other, _)) = &self.places[at] {
            let mask = self.places.len() - 1;
            let from_home = at.wrapping_sub(self.home(*other)) & mask;
            if from_home >= at.wrapping_sub(gap) & mask {
                self.places.swap(gap, at);
                gap = at;
            }
            at = self.after(at);
        }
        Some(value)
    }

    /// Removes what `keep` doesn't want.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(PacketId, &T) -> bool) {
        let before = std::mem::take(self);
        for (id, value) in before.places.into_iter().flatten() {
            if keep(id, &value) {
                self.insert(id, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn id(id: u16) -> PacketId {
        PacketId::new(id).unwrap()
    }

    /// Ids that are multiples of the table's size want the same place.
    #[test]
    fn holds_what_a_hash_map_holds() {
        let (mut map, mut model) = (IdMap::default(), HashMap::new());
        let mut random = 1_u64;
        for step in 0..50_000_u32 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let n = u16::try_from(random >> 48).unwrap();
            let n = match random >> 40 & 3 {
                0 => (n >> 12) << 12 | 1,
                1 => n % 60 + 1,
                _ => n % 600 * 100 + 1,
            };
            // Now more come than go, now more go.
            if random >> 33 & 7 < if step / 2_000 % 2 == 0 { 5 } else { 2 } {
                assert_eq!(map.insert(id(n), step), model.insert(n, step));
            } else {
                assert_eq!(map.remove(id(n)), model.remove(&n));
            }
            assert_eq!(map.len(), model.len());
            if step % 500 == 0 {
                map.retain(|id, _| id.get() % 7 != 0);
                model.retain(|n, _| n % 7 != 0);
            }
            if step % 1_000 == 0 {
                for n in 1..=u16::MAX {
                    assert_eq!(map.get(id(n)), model.get(&n), "{n} at {step}");
                }
            }
        }
    }

    #[test]
    fn all_ids_find_room_and_leave_nothing_behind() {
        let mut map = IdMap::default();
        for n in 1..=u16::MAX {
            map.insert(id(n), n);
        }
        assert_eq!(map.len(), 65_535);
        for n in 1..=u16::MAX {
            assert_eq!(map.remove(id(n)), Some(n));
        }
        assert_eq!((map.len(), map.places.capacity()), (0, 0));
    }
}
