//! A reading on its way into the collection, beside the message that it came from.

use sha2::{Digest, Sha256};

use super::same_id;
use crate::entry::Entry;
use crate::reading::Reading;
use crate::reading_id::ReadingId;
use crate::rejection::Rejection;
use crate::store::SameId;

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

/// A reading that was refused.
pub(super) struct Bad<'a> {
    pub(super) item: Item<'a>,
    pub(super) reason: String,
    /// Another document has its id, which its message made.
    pub(super) is_conflict: bool,
}

impl Bad<'_> {
    /// Returns the rejection of the message that the reading came from: the same one on each
    /// attempt.
    pub(super) fn rejection(&self, entries: &[Entry]) -> Rejection {
        let reading = self.item.reading;
        let reason = self.reason.clone();
        if let Some(Entry::Readings(readings)) = entries.get(self.item.entry) {
            let id = if self.is_conflict {
                let mut hash = Sha256::new();
                hash.update(readings.id.bytes());
                hash.update(readings.topic.as_bytes());
                hash.update([0]);
                if let Some(payload) = readings.payload.as_kept() {
                    hash.update(payload.kept());
                }
                same_id::of_same_second(readings.id, hash)
            } else {
                readings.id
            };
            return Rejection::of_readings(id, readings, reason);
        }
        let id: ReadingId = if self.is_conflict {
            // Two in conflict with the same one are two.
            same_id::another(reading, SameId::Conflict)
        } else {
            reading.id
        };
        Rejection::of_reading(id, reading, reason)
    }
}
