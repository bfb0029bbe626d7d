//! What all databases that may be away have in common.
//!
//! An entry is on disk before it comes here, and it comes again, with the same id, until the store
//! has it. When to try again is the caller's.

use std::pin::Pin;

use crate::entry::Entry;
use crate::failure::Failure;

/// A future that can be called through `dyn`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A database that readings are delivered to.
pub trait Store: Send + Sync {
    /// Returns what a person calls it: its URL without password, with database and collection.
    fn name(&self) -> &str;

    /// Returns why the store is away, where that is known without asking: long before a call has
    /// given up.
    fn away(&self) -> Option<Failure>;

    /// Returns once the store has answered and is as it should be, or why it can't.
    fn ping(&self) -> BoxFuture<'_, Result<(), Failure>>;

    /// Stores `entries`: readings in the collection, rejections in the one for them. When it
    /// succeeds, each is on the disks of the server's majority, exactly once, however often the
    /// call was repeated.
    ///
    /// A message of which the store refuses a reading for its own sake becomes a rejection; its
    /// other readings are stored. After a failure
    /// it is unknown how many entries are stored: repeat the call with the same ones, and with
    /// `again`, which says that an attempt of ours may have stored them. Several calls may run at
    /// once.
    fn insert<'a>(
        &'a self,
        entries: &'a [Entry],
        again: bool,
    ) -> BoxFuture<'a, Result<Stored, Failure>>;

    /// Writes what earlier inserts have put off, such as notes of series: the last call before a
    /// program ends. Readings are never put off.
    fn finish(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }
}

/// What became of the entries of a successful insert or commit. It counts messages, but for the
/// last: the sum of the others is the number of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Messages that are stored: none of the readings was refused, and at least one is new.
    pub stored: u64,
    /// Rejections, and messages of which the store refused a reading.
    pub rejected: u64,
    /// Messages that were there before the first attempt of ours.
    pub duplicates: u64,
    /// Messages without a reading, and repetitions of what is stored, which are not stored again.
    pub skipped: u64,
    /// Readings that are stored, those of rejected messages included.
    pub readings: u64,
}

/// What it means that the store has another document under a reading's id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameId {
    /// Ids are drawn at random, so it is an accident: the reading gets another id, and a line says
    /// so.
    #[default]
    Accident,
    /// Ids are made of what a message says of itself: the same topic and value is the same reading,
    /// a duplicate; anything else is a conflict, and rejected.
    Conflict,
}
