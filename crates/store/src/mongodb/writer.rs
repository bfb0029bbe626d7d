//! Writes batches of documents, and tells what of them was not inserted.

use std::sync::atomic::{AtomicUsize, Ordering};

use mongodb::Collection;
use mongodb::bson::RawDocumentBuf;
use mongodb::error::IndexedWriteError;

use super::batch::Batch;
use super::collections::Collections;
use super::failure;
use super::insertion::Insertion;
use crate::failure::Failure;

/// Most documents in one command: the answer to 100,000 that are all there already would exceed
/// what a reply may hold.
pub(super) const BATCH_DOCUMENTS: usize = 5_000;

/// What of a batch was not inserted.
pub(super) struct Refused<T> {
    /// It can't be stored, for this reason.
    pub(super) bad: Vec<(T, String)>,
    /// There is a document with its id.
    pub(super) same_id: Vec<T>,
}

impl<T> Default for Refused<T> {
    fn default() -> Self {
        Self {
            bad: Vec::new(),
            same_id: Vec::new(),
        }
    }
}

impl<T> Refused<T> {
    pub(super) fn add(&mut self, more: Self) {
        self.bad.extend(more.bad);
        self.same_id.extend(more.same_id);
    }
}

/// Writes to the collections of one store.
#[derive(Debug)]
pub(super) struct Writer {
    insertion: Insertion,
    /// Most documents in the next command.
    limit: AtomicUsize,
}

impl Writer {
    pub(super) fn new(insertion: Insertion) -> Self {
        Self {
            insertion,
            limit: AtomicUsize::new(BATCH_DOCUMENTS),
        }
    }

    /// Returns how many documents the next command may have.
    pub(super) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Writes one batch to `collection`, which is one of `collections`, and returns what of it was
    /// not inserted.
    pub(super) async fn write<T: Copy>(
        &self,
        collections: &Collections,
        collection: &Collection<RawDocumentBuf>,
        batch: Batch<T>,
    ) -> Result<Refused<T>, Failure> {
        let Batch { documents, of, .. } = batch;
        if of.is_empty() {
            return Ok(Refused::default());
        }
        let insert = self.insertion.insert(collections, collection, documents);
        let result = match insert.await {
            Ok(errors) => refused(collections, &errors, &of),
            Err(failure) => Err(failure),
        };
        // A server that is too slow for a batch, or closes the connection as its reply would be too
        // long, doesn't say so; a smaller batch gets through in the end.
        let limit = match &result {
            Ok(_) => self.limit().saturating_mul(2).min(BATCH_DOCUMENTS),
            Err(_) => (self.limit() / 2).max(1),
        };
        self.limit.store(limit, Ordering::Relaxed);
        result
    }
}

/// Returns what of a batch was not inserted.
fn refused<T: Copy>(
    collections: &Collections,
    errors: &[IndexedWriteError],
    of: &[T],
) -> Result<Refused<T>, Failure> {
    let mut found = Refused::default();
    for error in errors {
        let Some(&of) = of.get(error.index) else {
            continue;
        };
        match failure::refused(error, collections.database.name()) {
            failure::Refused::SameId => found.same_id.push(of),
            failure::Refused::Bad(reason) => found.bad.push((of, reason)),
            failure::Refused::Failed(failure) => return Err(failure),
        }
    }
    Ok(found)
}
