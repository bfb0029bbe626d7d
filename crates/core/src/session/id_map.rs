//! A map from packet ids. Ids are given out one after the other, so those in use lie close together:
//! pages found by the id's first byte, which come and go with what is in them, need no hashing.

use crate::message::PacketId;

const PAGE: usize = 256;

#[derive(Debug)]
struct Page<T> {
    slots: Box<[Option<T>]>,
    used: usize,
}

impl<T> Page<T> {
    fn new() -> Self {
        Self {
            slots: std::iter::repeat_with(|| None).take(PAGE).collect(),
            used: 0,
        }
    }
}

/// A map from packet ids to `T`; empty, it takes at most a page and the list of pages.
#[derive(Debug)]
pub(crate) struct IdMap<T> {
    /// None at all before the first insertion.
    pages: Vec<Option<Page<T>>>,
    /// An empty page, for the next one that is needed.
    spare: Option<Page<T>>,
    len: usize,
}

impl<T> Default for IdMap<T> {
    fn default() -> Self {
        Self {
            pages: Vec::new(),
            spare: None,
            len: 0,
        }
    }
}

fn place(id: PacketId) -> (usize, usize) {
    let id = usize::from(id.get());
    (id / PAGE, id % PAGE)
}

impl<T> IdMap<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, id: PacketId) -> Option<&T> {
        let (page, slot) = place(id);
        self.pages.get(page)?.as_ref()?.slots[slot].as_ref()
    }

    /// Returns what stood there before.
    pub(crate) fn insert(&mut self, id: PacketId, value: T) -> Option<T> {
        let (page, slot) = place(id);
        if self.pages.is_empty() {
            self.pages.resize_with(PAGE, || None);
        }
        let spare = &mut self.spare;
        let page = self.pages[page].get_or_insert_with(|| spare.take().unwrap_or_else(Page::new));
        let before = page.slots[slot].replace(value);
        if before.is_none() {
            page.used += 1;
            self.len += 1;
        }
        before
    }

    pub(crate) fn remove(&mut self, id: PacketId) -> Option<T> {
        let (at, slot) = place(id);
        let place = self.pages.get_mut(at)?;
        let page = place.as_mut()?;
        let value = page.slots[slot].take()?;
        page.used -= 1;
        self.len -= 1;
        if page.used == 0 {
            self.spare = place.take();
        }
        Some(value)
    }

    /// Removes what `keep` doesn't want.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(PacketId, &T) -> bool) {
        for (number, place) in self.pages.iter_mut().enumerate() {
            let Some(page) = place else { continue };
            for (at, slot) in page.slots.iter_mut().enumerate() {
                let id = u16::try_from(number * PAGE + at)
                    .ok()
                    .and_then(PacketId::new);
                if let (Some(id), Some(value)) = (id, &*slot)
                    && !keep(id, value)
                {
                    *slot = None;
                    page.used -= 1;
                    self.len -= 1;
                }
            }
            if page.used == 0 {
                self.spare = place.take();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: u16) -> PacketId {
        PacketId::new(id).unwrap()
    }

    #[test]
    fn holds_what_is_put_in_until_it_is_taken_out() {
        let mut map = IdMap::default();
        for n in [1, 255, 256, 65_535] {
            assert_eq!(map.remove(id(n)), None);
            assert_eq!(map.insert(id(n), u32::from(n)), None);
        }
        assert_eq!(map.insert(id(256), 7), Some(256));
        assert_eq!(map.len(), 4);
        assert_eq!(map.get(id(256)), Some(&7));
        assert_eq!(map.get(id(257)), None);
        for (n, value) in [(256, 7), (65_535, 65_535), (1, 1), (255, 255)] {
            assert_eq!(map.remove(id(n)), Some(value));
            assert_eq!(map.get(id(n)), None);
        }
        assert_eq!(map.len(), 0);
    }

    #[test]
    fn keeps_no_more_than_one_page_once_it_is_empty() {
        let mut map = IdMap::default();
        for n in 1..=u16::MAX {
            map.insert(id(n), ());
        }
        for n in 1..=u16::MAX {
            map.remove(id(n));
        }
        assert!(map.pages.iter().all(Option::is_none));
    }
}
