//! The batches that were taken from the backlog and are not yet known to be in the store.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::{iter, mem};

use iot_store::{Entry, ReadingId};

use crate::spool::backlog::Batch;
use crate::spool::seq::Seq;

/// The batches, oldest first.
#[derive(Debug, Default)]
pub(super) struct Batches(VecDeque<Sent>);

#[derive(Debug)]
struct Sent {
    entries: Arc<Vec<Entry>>,
    last: Seq,
    /// An attempt may have stored some of it.
    again: bool,
    /// It has an id in common with a batch before it, and so waits for that one.
    follows: bool,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Waiting,
    Running,
    Stored,
}

/// A batch whose next attempt is due.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) entries: Arc<Vec<Entry>>,
    /// The number of its last entry, by which it is known.
    pub(super) last: Seq,
    /// An attempt may have stored some of it.
    pub(super) again: bool,
}

impl Batches {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the first entry of the oldest batch.
    pub(super) fn oldest(&self) -> Option<&Entry> {
        self.0.front().and_then(|sent| sent.entries.first())
    }

    pub(super) fn push(&mut self, batch: Batch) {
        let Batch {
            entries,
            last,
            again,
        } = batch;
        let mut before = self.0.iter();
        let follows = before.any(|before| have_an_id_in_common(&before.entries, &entries));
        self.0.push_back(Sent {
            entries: Arc::new(entries),
            last,
            again,
            follows,
            progress: Progress::Waiting,
        });
    }

    /// Starts at most so many of those that wait.
    pub(super) fn start(&mut self, most: usize) -> Vec<Due> {
        self.0
            .iter_mut()
            .enumerate()
            // Nothing is before the first one: what is stored has been taken away.
            .filter(|(index, sent)| {
                sent.progress == Progress::Waiting && (*index == 0 || !sent.follows)
            })
            .take(most)
            .map(|(_, sent)| {
                sent.progress = Progress::Running;
                Due {
                    entries: Arc::clone(&sent.entries),
                    last: sent.last,
                    again: mem::replace(&mut sent.again, true),
                }
            })
            .collect()
    }

    /// The batch that ends with number `last` is stored. Returns how many entries it has.
    pub(super) fn stored(&mut self, last: Seq) -> Option<usize> {
        let sent = self.find(last)?;
        sent.progress = Progress::Stored;
        Some(sent.entries.len())
    }

    /// The attempt to store the batch that ends with number `last` has failed.
    pub(super) fn failed(&mut self, last: Seq) {
        if let Some(sent) = self.find(last) {
            sent.progress = Progress::Waiting;
        }
    }

    /// Takes the oldest batch if it is stored, and returns the number of its last entry.
    pub(super) fn pop_stored(&mut self) -> Option<Seq> {
        let stored = |sent: &mut Sent| sent.progress == Progress::Stored;
        self.0.pop_front_if(stored).map(|sent| sent.last)
    }

    fn find(&mut self, last: Seq) -> Option<&mut Sent> {
        self.0.iter_mut().find(|sent| sent.last == last)
    }
}

/// Returns whether an id is in both batches. Ids that were given here ascend, so there is mostly
/// little to compare.
fn have_an_id_in_common(first: &[Entry], second: &[Entry]) -> bool {
    let ascends = |entries: &[Entry]| entries.iter().flat_map(ids).is_sorted();
    let last = first.last().and_then(|entry| ids(entry).last());
    let is_after = || last < second.first().map(Entry::id);
    if is_after() && ascends(first) && ascends(second) {
        return false;
    }
    let known: HashSet<_> = first.iter().flat_map(ids).collect();
    second.iter().flat_map(ids).any(|id| known.contains(&id))
}

/// Returns the id of a message, and those of its readings.
fn ids(entry: &Entry) -> impl Iterator<Item = ReadingId> {
    let readings = entry.readings().iter().map(|reading| reading.id);
    iter::once(entry.id()).chain(readings)
}
