//! A map from packet ids that costs little. Ids are given out here, one after the other, and come free in nearly the same
//! order: a ring of places needs no hash, and what is used now lies side by side.

use std::collections::VecDeque;
use std::num::NonZeroU16;

use crate::message::PacketId;

/// Places whose memory is kept while there is no entry.
const KEPT: usize = 14;

/// How many ids there are.
const IDS: usize = u16::MAX as usize;

/// It follows the last one.
const FIRST: PacketId = PacketId(NonZeroU16::MIN);

/// A map from packet ids to `T`; empty, it takes nothing or a few places. Between the oldest entry and the newest each id
/// takes a place, so that one that stays for long may cost 65,535 of them.
#[derive(Debug)]
pub(crate) struct IdMap<T> {
    /// The place of `first`, and of those that follow it; 1 follows 65,535. There is an entry in the first place.
    places: VecDeque<Option<T>>,
    first: PacketId,
    len: usize,
}

impl<T> Default for IdMap<T> {
    fn default() -> Self {
        Self {
            places: VecDeque::new(),
            first: FIRST,
            len: 0,
        }
    }
}

/// How far it is from one id to another one that follows it.
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
        self.places.get(distance(self.first, id))?.as_ref()
    }

    /// Returns what stood there before.
    pub(crate) fn insert(&mut self, id: PacketId, value: T) -> Option<T> {
        if self.places.is_empty() {
            self.first = id;
        }
        let at = distance(self.first, id);
        let beyond = at.saturating_sub(self.places.len());
        if beyond > IDS - at {
            // It is nearer to the first one on the other side.
            for _ in at..IDS {
                self.places.push_front(None);
            }
            self.first = id;
        } else if at >= self.places.len() {
            self.places.resize_with(at + 1, || None);
        }
        let at = distance(self.first, id);
        let before = self.places[at].replace(value);
        self.len += usize::from(before.is_none());
        before
    }

    pub(crate) fn remove(&mut self, id: PacketId) -> Option<T> {
        let at = distance(self.first, id);
        let value = self.places.get_mut(at)?.take()?;
        self.len -= 1;
        self.trim();
        Some(value)
    }

    /// Removes what `keep` doesn't want.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(PacketId, &T) -> bool) {
        let mut id = self.first;
        for place in &mut self.places {
            if place.as_ref().is_some_and(|value| !keep(id, value)) {
                *place = None;
                self.len -= 1;
            }
            id = following(id);
        }
        self.trim();
    }

    /// Gives up the places before the first entry. Those behind the last one are needed next.
    fn trim(&mut self) {
        if self.len == 0 {
            self.places.clear();
            if self.places.capacity() > KEPT {
                self.places = VecDeque::new();
            }
        }
        while let Some(None) = self.places.front() {
            self.places.pop_front();
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
        assert_eq!((map.len(), map.places.capacity()), (0, 0));
    }

    /// As many places as there are ids between the oldest and the newest, also past the last one, and backwards.
    #[test]
    fn places_are_taken_between_the_entries_only() {
        let mut map = IdMap::default();
        for n in [65_534, 65_535, 1, 2, 65_533] {
            map.insert(id(n), n);
        }
        assert_eq!((map.len(), map.places.len()), (5, 5));
        let mut seen = Vec::new();
        map.retain(|id, n| {
            assert_eq!(id.get(), *n);
            seen.push(*n);
            *n < 10
        });
        assert_eq!(seen, [65_533, 65_534, 65_535, 1, 2]);
        assert_eq!((map.len(), map.places.len()), (2, 2));
    }

    proptest! {
        #[test]
        fn it_holds_what_a_hash_map_holds(
            steps in prop::collection::vec((prop_oneof![1..9_u16, 65_530..=65_535_u16, 1..=65_535_u16], any::<bool>()), 0..200)
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
