//! What the document is that has a reading's id already.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mongodb::Collection;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{RawDocument, RawDocumentBuf, doc};
use mongodb::error::Error;
use mongodb::options::{ReadConcern, ReadPreference, SelectionCriteria};
use sha2::{Digest, Sha256};

use super::collections::Collections;
use super::document;
use super::item::Item;
use crate::failure::Failure;
use crate::reading::Reading;
use crate::reading_id::ReadingId;
use crate::store::SameId;

/// Returns those of `readings` that are what the collection has under their ids, and the others.
pub(super) async fn compare<'a>(
    collections: &Collections,
    same_id: SameId,
    readings: Vec<Item<'a>>,
) -> Result<(Vec<Item<'a>>, Vec<Item<'a>>), Failure> {
    if readings.is_empty() {
        return Ok((Vec::new(), readings));
    }
    let ids = readings.iter().map(|item| item.reading.id).collect();
    let search = find(collections.readings.clone(), ids);
    let found = collections.request(search).await?;
    let fields = fields(same_id);
    let (mut same, mut others) = (Vec::new(), Vec::new());
    // Each by itself: several readings of a batch may have the same id, and not the same content.
    for item in readings {
        let Some(theirs) = found.get(&item.reading.id) else {
            let reason = "a document vanished while it was compared";
            return Err(Failure::Unknown(reason.to_owned()));
        };
        match document::reading(item.reading) {
            Ok(ours) if equal(&ours, theirs, fields) => same.push(item),
            _ => others.push(item),
        }
    }
    Ok((same, others))
}

/// The fields by which a reading is distinguished from another one.
fn fields(same_id: SameId) -> &'static [&'static str] {
    match same_id {
        // A document that got more fields since is still ours.
        SameId::Accident => &["topic", "metric", "value", "reg_date"],
        // A message that has come twice was received at two times.
        SameId::Conflict => &["topic", "metric", "value"],
    }
}

/// Returns the documents that `collection` has under `ids`.
async fn find(
    collection: Collection<RawDocumentBuf>,
    ids: Vec<ReadingId>,
) -> Result<HashMap<ReadingId, RawDocumentBuf>, Error> {
    let ids: Vec<_> = ids
        .into_iter()
        .map(|id| ObjectId::from_bytes(id.bytes()))
        .collect();
    let mut found = collection
        .find(doc! {"_id": {"$in": ids}})
        // Whatever the URL says about reading: this has to see what made the insert fail.
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .read_concern(ReadConcern::local())
        .await?;
    let mut documents = HashMap::new();
    while found.advance().await? {
        let document = found.current();
        if let Some(id) = id(document) {
            documents.insert(ReadingId::from(id.bytes()), document.to_owned());
        }
    }
    Ok(documents)
}

/// Returns whether both are the same in `fields`.
fn equal(ours: &RawDocument, theirs: &RawDocument, fields: &[&str]) -> bool {
    fields
        .iter()
        .all(|field| match (ours.get(field), theirs.get(field)) {
            (Ok(Some(ours)), Ok(Some(theirs))) => ours == theirs,
            // Most readings have no metric.
            (Ok(None), Ok(None)) => true,
            _ => false,
        })
}

fn id(document: &RawDocument) -> Option<ObjectId> {
    document.get_object_id("_id").ok()
}

/// Returns another id for `reading`, of the same second: the same one on each attempt, and for each
/// message with this content where that makes it what it is.
pub(super) fn another(reading: &Reading, same_id: SameId) -> ReadingId {
    let mut hash = Sha256::new();
    hash.update(reading.id.bytes());
    hash.update(reading.topic.as_bytes());
    hash.update([0]);
    hash.update(reading.value.to_string());
    if let Some(metric) = &reading.metric {
        hash.update([0]);
        hash.update(metric.as_bytes());
    }
    match (same_id, reading.received()) {
        (SameId::Accident, _) => hash.update(reading.reg_date.timestamp_millis().to_be_bytes()),
        (SameId::Conflict, Some(received)) => hash.update(received.kept()),
        (SameId::Conflict, None) => {}
    }
    of_same_second(reading.id, hash)
}

/// Returns an id of the same second as `id`, whose rest `hash` makes.
pub(super) fn of_same_second(id: ReadingId, hash: Sha256) -> ReadingId {
    let hash: [u8; 32] = hash.finalize().into();
    let mut id = id.bytes();
    id[4..].copy_from_slice(&hash[..8]);
    ReadingId::from(id)
}

/// The readings that are about to get another id. A repeated insert may find its own document under
/// an id, but not under one of these.
#[derive(Debug, Default)]
pub(super) struct Moving(Mutex<HashSet<ReadingId>>);

impl Moving {
    fn lock(&self) -> MutexGuard<'_, HashSet<ReadingId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether it is one of them.
    pub(super) fn contains(&self, id: ReadingId) -> bool {
        self.lock().contains(&id)
    }

    /// Adds it; returns whether that is new.
    pub(super) fn begin(&self, id: ReadingId) -> bool {
        self.lock().insert(id)
    }

    /// Takes it out.
    pub(super) fn end(&self, id: ReadingId) {
        self.lock().remove(&id);
    }
}
