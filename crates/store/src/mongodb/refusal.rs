//! A reading that a collection has refused, and the rejection of its message.

use sha2::{Digest, Sha256};

use super::item::Item;
use super::same_id;
use crate::entry::Entry;
use crate::reading_id::ReadingId;
use crate::rejection::Rejection;
use crate::store::SameId;

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
