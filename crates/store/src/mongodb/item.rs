//! A reading on its way into the collection, beside the message that it came from.

use crate::entry::Entry;
use crate::reading::Reading;
use crate::reading_id::ReadingId;

/// A reading, and which entry of the insert it belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) reading: &'a Reading,
    /// Index of its entry.
    pub(super) entry: usize,
}

impl Item<'_> {
    /// Returns what tells it from the others of an insert.
    pub(super) fn key(&self) -> (usize, ReadingId) {
        (self.entry, self.reading.id)
    }
}

/// Returns all readings of `entries`.
pub(super) fn items(entries: &[Entry]) -> Vec<Item<'_>> {
    let mut items = Vec::with_capacity(entries.len());
    for (entry, of) in entries.iter().enumerate() {
        let readings = of.readings().iter();
        items.extend(readings.map(|reading| Item { reading, entry }));
    }
    items
}
