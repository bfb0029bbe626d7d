//! A small map from packet identifiers. They are assigned one after the other and freed in nearly
//! the same order, so a ring of slots needs no hash, and the slots in use lie side by side.

use std::collections::VecDeque;
use std::num::NonZeroU16;

use crate::message::PacketId;

/// Slots whose memory is kept while there is no entry.
const KEPT: usize = 14;

/// How many identifiers there are.
const IDS: usize = u16::MAX as usize;

/// It follows the last one.
const FIRST: PacketId = PacketId(NonZeroU16::MIN);

/// A map from packet identifiers to `T`. Empty, it takes few slots or none. Each identifier between
/// the oldest entry and the newest takes a slot, so one old entry may cost up to 65,535 of them.
#[derive(Debug)]
pub(crate) struct IdMap<T> {
    /// The slots of `first` and of the identifiers that follow it; 1 follows 65,535. The first slot
    /// has an entry.
    slots: VecDeque<Option<T>>,
    first: PacketId,
    len: usize,
}

impl<T> Default for IdMap<T> {
    fn default() -> Self {
        Self {
            slots: VecDeque::new(),
            first: FIRST,
            len: 0,
        }
    }
}

/// How many identifiers lie between the two, counted upwards.
fn distance(from: PacketId, to: PacketId) -> usize {
    let (from, to) = (usize::from(from.get()), usize::from(to.get()));
    if to >= from {
        to - from
    } else {
        IDS - from + to
    }
}

fn following(id: PacketId) -> PacketId {
    id.0.checked_add(1).map_or(FIRST, PacketId)
}

impl<T> IdMap<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, id: PacketId) -> Option<&T> {
        self.slots.get(distance(self.first, id))?.as_ref()
    }

    /// Returns the value before.
    pub(crate) fn insert(&mut self, id: PacketId, value: T) -> Option<T> {
        if self.slots.is_empty() {
            self.first = id;
        }
        let at = distance(self.first, id);
        let beyond = at.saturating_sub(self.slots.len());
        if beyond > IDS - at {
            // It is nearer to `first` in the other direction.
            for _ in at..IDS {
                self.slots.push_front(None);
            }
            self.first = id;
        } else if at >= self.slots.len() {
            self.slots.resize_with(at + 1, || None);
        }
        let at = distance(self.first, id);
        let before = self.slots[at].replace(value);
        self.len += usize::from(before.is_none());
        before
    }

    pub(crate) fn remove(&mut self, id: PacketId) -> Option<T> {
        let at = distance(self.first, id);
        let value = self.slots.get_mut(at)?.take()?;
        self.len -= 1;
        self.trim();
        Some(value)
    }

    /// Removes the entries for which `keep` returns `false`.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(PacketId, &T) -> bool) {
        let mut id = self.first;
        for slot in &mut self.slots {
            if slot.as_ref().is_some_and(|value| !keep(id, value)) {
                *slot = None;
                self.len -= 1;
            }
            id = following(id);
        }
        self.trim();
    }

    /// Removes the slots before the first entry. Those after the last one are needed next.
    fn trim(&mut self) {
        if self.len == 0 {
            self.slots.clear();
            if self.slots.capacity() > KEPT {
                self.slots = VecDeque::new();
            }
        }
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first = following(self.first);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn id(id: u16) -> PacketId {
        PacketId::new(id).unwrap()
    }

    #[test]
    fn it_holds_all_identifiers_and_keeps_no_memory_after_them() {
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
        assert_eq!((map.len(), map.slots.capacity()), (0, 0));
    }

    /// As many slots as there are identifiers between the oldest and the newest, also across the
    /// wrap from 65,535 to 1, in both directions.
    #[test]
    fn only_identifiers_between_the_entries_take_slots() {
        let mut map = IdMap::default();
        for n in [65_534, 65_535, 1, 2, 65_533] {
            map.insert(id(n), n);
        }
        assert_eq!((map.len(), map.slots.len()), (5, 5));
        let mut seen = Vec::new();
        map.retain(|id, n| {
            assert_eq!(id.get(), *n);
            seen.push(*n);
            *n < 10
        });
        assert_eq!(seen, [65_533, 65_534, 65_535, 1, 2]);
        assert_eq!((map.len(), map.slots.len()), (2, 2));
    }

    proptest! {
        #[test]
        fn it_holds_what_a_hash_map_holds(
            steps in prop::collection::vec(
                (prop_oneof![1..9_u16, 65_530..=65_535_u16, 1..=65_535_u16], any::<bool>()),
                0..200,
            )
        ) {
            let mut map = IdMap::default();
            let mut reference = HashMap::new();
            for (step, (n, insert)) in steps.into_iter().enumerate() {
                let n = id(n);
                if insert {
                    prop_assert_eq!(map.insert(n, step), reference.insert(n, step));
                } else {
                    prop_assert_eq!(map.remove(n), reference.remove(&n));
                }
                prop_assert_eq!(map.len(), reference.len());
                for (n, step) in &reference {
                    prop_assert_eq!(map.get(*n), Some(step));
                }
            }
        }
    }
}
