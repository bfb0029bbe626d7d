//! MongoDB: the only room that knows its driver.
//!
//! A reading is a document `{_id, topic, value, reg_date}` in the collection, a rejection one in the collection of the
//! same name with `_rejected` behind it. All writes wait for the majority of the servers, and for their journals.
//!
//! Its `_id` was given to a reading before the first attempt, so a repeated insert finds the document there (error 11000
//! on the index `_id_`) and counts it as stored. That matters, as a server applies writes that the driver has reported as
//! failed.

mod document;
mod failure;
#[cfg(test)]
mod tests;
mod url;

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use mongodb::bson::{RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{Acknowledgment, ClientOptions, WriteConcern};
use mongodb::{Client, Collection, Database};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::failure::{Monitor, Refused, refused};
use self::url::Url;
pub(crate) use self::url::check_collection;
use super::{BoxFuture, Failure, Store, Stored};
use crate::reading::{Entry, Reading, Rejection};

/// Most documents in one command: the answer to 100,000 that are all there already would exceed what a reply may hold.
const BATCH_DOCUMENTS: usize = 5_000;
/// Most bytes in one command, but for a single document that is larger.
const BATCH_BYTES: usize = 8 << 20;
/// How long an answer may take. A server that is gone or frozen is noticed by heartbeats, within seconds; this is for
/// what they don't see.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the server waits for a majority, before it says so.
const MAJORITY_PATIENCE: Duration = Duration::from_secs(20);

/// Used where the URL says nothing else: by these a frozen server is noticed in about four seconds instead of a minute.
const HEARTBEAT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const SELECTION_TIMEOUT: Duration = Duration::from_secs(5);
const APP_NAME: &str = "iot-sub";

/// A collection of a MongoDB deployment, and the one for its rejections.
pub(crate) struct MongoStore {
    name: String,
    database: Database,
    readings: Collection<RawDocumentBuf>,
    rejections: Collection<RawDocumentBuf>,
    monitor: Monitor,
    /// Most documents in the next command.
    batch: AtomicUsize,
}

impl MongoStore {
    /// Prepares for the deployment at `url`, whether it is there or not: [`ping`](Store::ping) tells.
    ///
    /// The database is the URL's, or `iot_service`. Must be called on a Tokio runtime: the driver keeps an eye on the
    /// servers from now on.
    ///
    /// # Errors
    ///
    /// The URL is malformed, or asks for a weaker write concern than majority and journal; or no collection can have
    /// this name. No error shows the URL's password.
    pub(crate) async fn open(url: &str, collection: &str) -> anyhow::Result<Self> {
        let url = Url::parse(url)?;
        let name = url.name(collection);
        let cannot_use = || format!("cannot use store `{name}`");

        let database = url.database;
        let monitor = Monitor::default();
        let explain = |error| monitor.failure(&error, &database);
        let mut options = ClientOptions::parse(url.connection)
            .await
            .map_err(explain)
            .with_context(cannot_use)?;
        options.app_name.get_or_insert_with(|| APP_NAME.to_owned());
        options.heartbeat_freq.get_or_insert(HEARTBEAT);
        options.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
        options
            .server_selection_timeout
            .get_or_insert(SELECTION_TIMEOUT);
        options.sdam_event_handler = Some(monitor.handler());
        options.write_concern = Some(
            WriteConcern::builder()
                .w(Acknowledgment::Majority)
                .journal(true)
                .w_timeout(MAJORITY_PATIENCE)
                .build(),
        );
        let client = Client::with_options(options)
            .map_err(explain)
            .with_context(cannot_use)?;
        let database = client.database(&database);
        Ok(Self {
            readings: database.collection(collection),
            rejections: database.collection(&format!("{collection}_rejected")),
            name,
            database,
            monitor,
            batch: AtomicUsize::new(BATCH_DOCUMENTS),
        })
    }

    async fn ping(&self) -> Result<(), Failure> {
        let database = self.database.clone();
        // Unlike the command `ping`, it needs a user where the server has users, and no more than that.
        let command = doc! {"listCollections": 1, "nameOnly": true, "authorizedCollections": true};
        let ping = tokio::spawn(async move { database.run_command(command).await });
        match answer(ping).await? {
            Ok(_) => Ok(()),
            Err(error) => Err(self.monitor.failure(&error, self.database.name())),
        }
    }

    async fn insert(&self, entries: &[Entry]) -> Result<Stored, Failure> {
        let mut stored = Stored::default();
        let mut bad = Vec::new();

        let mut batch = Batch::default();
        for reading in entries.iter().filter_map(Entry::as_reading) {
            stored.stored += 1;
            match document::reading(reading) {
                Ok(document) => {
                    if batch.is_full_for(&document, self.limit()) {
                        bad.extend(self.write(&self.readings, mem::take(&mut batch)).await?);
                    }
                    batch.push(document, reading);
                }
                Err(reason) => bad.push((reading, reason)),
            }
        }
        bad.extend(self.write(&self.readings, batch).await?);

        let bad: Vec<_> = bad
            .into_iter()
            .map(|(reading, reason)| reject(reading, reason))
            .collect();
        stored.stored -= bad.len() as u64;
        let mut batch = Batch::default();
        for rejection in entries.iter().filter_map(Entry::as_rejection).chain(&bad) {
            stored.rejected += 1;
            let document = document::rejection(rejection);
            if batch.is_full_for(&document, self.limit()) {
                self.write_rejections(mem::take(&mut batch)).await?;
            }
            batch.push(document, rejection);
        }
        self.write_rejections(batch).await?;
        Ok(stored)
    }

    async fn write_rejections(&self, batch: Batch<'_, Rejection>) -> Result<(), Failure> {
        match self.write(&self.rejections, batch).await?.pop() {
            None => Ok(()),
            // There is no further place for it, and it must not vanish.
            Some((_, reason)) => Err(Failure::NotAllowed {
                reason: format!("`{}` refuses a rejection: {reason}", self.rejections.name()),
                advice: "remove the validator or the unique index of that collection".to_owned(),
            }),
        }
    }

    /// Writes one batch, and returns what of it can't be stored, with the server's reason.
    async fn write<'a, T>(
        &self,
        collection: &Collection<RawDocumentBuf>,
        batch: Batch<'a, T>,
    ) -> Result<Vec<(&'a T, String)>, Failure> {
        let Batch { documents, of, .. } = batch;
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let collection = collection.clone();
        let insert = async move { collection.insert_many(documents).ordered(false).await };
        let result = match answer(tokio::spawn(insert)).await {
            Ok(Ok(_)) => Ok(Vec::new()),
            Ok(Err(error)) => self.refused(&error, &of),
            Err(failure) => Err(failure),
        };
        // A server that is too slow for a batch, or closes the connection as its reply would be too long, doesn't say so;
        // a smaller batch gets through in the end.
        let batch = match &result {
            Ok(_) => self.limit().saturating_mul(2).min(BATCH_DOCUMENTS),
            Err(_) => (self.limit() / 2).max(1),
        };
        self.batch.store(batch, Ordering::Relaxed);
        result
    }

    /// Returns what of a batch can't be stored, if `error` is about no more than that.
    fn refused<'a, T>(&self, error: &Error, of: &[&'a T]) -> Result<Vec<(&'a T, String)>, Failure> {
        let errors = match &*error.kind {
            ErrorKind::InsertMany(error) if error.write_concern_error.is_none() => {
                error.write_errors.as_deref().unwrap_or_default()
            }
            _ => &[],
        };
        let database = self.database.name();
        if errors.is_empty() {
            return Err(self.monitor.failure(error, database));
        }
        let mut bad = Vec::new();
        for error in errors {
            match refused(error, database) {
                Refused::Stored => {}
                Refused::Bad(reason) => bad.extend(of.get(error.index).map(|&of| (of, reason))),
                Refused::Failed(failure) => return Err(failure),
            }
        }
        Ok(bad)
    }

    fn limit(&self) -> usize {
        self.batch.load(Ordering::Relaxed)
    }
}

impl Store for MongoStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.ping())
    }

    fn insert<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<Stored, Failure>> {
        Box::pin(self.insert(entries))
    }
}

/// Documents of one command, each beside what it was made of.
struct Batch<'a, T> {
    documents: Vec<RawDocumentBuf>,
    of: Vec<&'a T>,
    bytes: usize,
}

impl<T> Default for Batch<'_, T> {
    fn default() -> Self {
        Self {
            documents: Vec::new(),
            of: Vec::new(),
            bytes: 0,
        }
    }
}

impl<'a, T> Batch<'a, T> {
    fn is_full_for(&self, document: &RawDocumentBuf, limit: usize) -> bool {
        let bytes = self.bytes + document.as_bytes().len();
        self.documents.len() >= limit || (bytes > BATCH_BYTES && !self.documents.is_empty())
    }

    fn push(&mut self, document: RawDocumentBuf, of: &'a T) {
        self.bytes += document.as_bytes().len();
        self.documents.push(document);
        self.of.push(of);
    }
}

/// Returns the rejection of a reading that the store can't hold: its payload is the value as it would be printed.
fn reject(reading: &Reading, reason: String) -> Rejection {
    Rejection::new(
        reading.id,
        Arc::clone(&reading.topic),
        reading.value.to_string().as_bytes(),
        reason,
        reading.reg_date,
    )
}

/// Waits for the answer of a task, but not for ever. The driver's future itself must not be dropped halfway, so it has a
/// task of its own, which goes on after a time-out.
async fn answer<T>(task: JoinHandle<Result<T, Error>>) -> Result<Result<T, Error>, Failure> {
    match timeout(PATIENCE, task).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(_)) => Err(Failure::Unknown("the driver broke down".to_owned())),
        Err(_) => Err(Failure::Unknown("no answer in time".to_owned())),
    }
}
