//! MongoDB: the only module that knows its driver.
//!
//! A reading is a document `{_id, topic, value, reg_date}` in the collection, a rejection one in the collection of the
//! same name with `_rejected` behind it. All writes wait for the majority of the servers, and for their journals.
//!
//! Its `_id` was given to a reading before the first attempt, so a repeated insert finds the document there (error 11000
//! on the index `_id_`) and counts it as stored. That matters, as a server applies writes that the driver has reported as
//! failed. What is found at a first attempt is compared ([`SameId`]).

mod batch;
mod document;
mod failure;
mod prepare;
mod retained;
mod same_id;
#[cfg(test)]
mod tests;
mod url;

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use mongodb::bson::RawDocumentBuf;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{Acknowledgment, ClientOptions, ServerMonitoringMode, WriteConcern};
use mongodb::{Client, Collection, Database};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::batch::Batch;
use self::failure::Monitor;
use self::prepare::Prepared;
pub use self::prepare::{Granularity, TimeSeries};
use self::same_id::Moving;
use self::url::Url;
pub use self::url::check_collection;
use crate::entry::Entry;
use crate::failure::Failure;
use crate::reading::Reading;
use crate::rejection::Rejection;
use crate::store::{BoxFuture, SameId, Store, Stored};

/// Gets lines for a person: what a store does that somebody should know about.
pub type Report = Arc<dyn Fn(&str) + Send + Sync>;

/// Most documents in one command: the answer to 100,000 that are all there already would exceed what a reply may hold.
const BATCH_DOCUMENTS: usize = 5_000;
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
pub struct MongoStore {
    name: String,
    database: Database,
    readings: Collection<RawDocumentBuf>,
    rejections: Collection<RawDocumentBuf>,
    options: Options,
    monitor: Monitor,
    prepared: Prepared,
    /// Most documents in the next command.
    batch: AtomicUsize,
    moving: Moving,
    report: Report,
}

/// How a collection is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What another document under a reading's id means.
    pub same_id: SameId,
    /// Set where it is a time-series collection, which has no unique ids: what is inserted again is there twice.
    pub time_series: Option<TimeSeries>,
    /// Whether it gets an index for questions by topic and time.
    pub index: bool,
}

/// Returns what a person calls the collection at `url`, without looking for it.
///
/// # Errors
/// The URL is malformed.
pub fn name(url: &str, collection: &str) -> anyhow::Result<String> {
    Ok(Url::parse(url)?.name(collection))
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
    pub async fn open(
        url: &str,
        collection: &str,
        use_as: Options,
        report: Report,
    ) -> anyhow::Result<Self> {
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
        // Not by a stream of heartbeats that come by themselves: they would go on coming where a network loses all that we say.
        options
            .server_monitoring_mode
            .get_or_insert(ServerMonitoringMode::Poll);
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
            options: use_as,
            monitor,
            prepared: Prepared::default(),
            batch: AtomicUsize::new(BATCH_DOCUMENTS),
            moving: Moving::default(),
            report,
        })
    }

    async fn insert(&self, entries: &[Entry], again: bool) -> Result<Stored, Failure> {
        self.prepare().await?;
        let readings: Vec<_> = entries.iter().filter_map(Entry::as_reading).collect();
        let (mut readings, repeated) = self.without_repetitions(readings).await?;
        if self.options.time_series.is_some() {
            // The server keeps each topic's readings together: many of one at once cost it a fraction.
            readings.sort_by(|one, other| one.topic.cmp(&other.topic));
        }
        let Inserted { mut stored, bad } = self.insert_readings(readings, again).await?;
        let rejections = entries.iter().filter_map(Entry::as_rejection).collect();
        let (rejections, rejected_before) = self.without_repeated_rejections(rejections).await?;
        stored.skipped += repeated + rejected_before;
        let mut batch = Batch::default();
        for rejection in rejections.into_iter().chain(&bad) {
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

    async fn insert_readings(
        &self,
        readings: Vec<&Reading>,
        again: bool,
    ) -> Result<Inserted, Failure> {
        let count = readings.len() as u64;
        let mut refused = Refused::default();
        let mut batch = Batch::default();
        for reading in readings {
            match document::reading(reading) {
                Ok(document) => {
                    if batch.is_full_for(&document, self.limit()) {
                        let full = mem::take(&mut batch);
                        refused.add(self.write(&self.readings, full).await?);
                    }
                    batch.push(document, reading);
                }
                Err(reason) => refused.bad.push((reading, reason)),
            }
        }
        refused.add(self.write(&self.readings, batch).await?);

        let bad = refused.bad.into_iter();
        let mut inserted = Inserted {
            stored: Stored::default(),
            bad: bad
                .map(|(reading, reason)| reject(reading, reason))
                .collect(),
        };
        match self.options.same_id {
            SameId::Accident => {
                let doubtful = |reading: &&Reading| !again || self.moving.contains(reading.id);
                let doubtful = refused.same_id.into_iter().filter(doubtful).collect();
                self.move_others(doubtful, &mut inserted).await?;
            }
            SameId::Conflict => {
                let (same, others) = self.compare(refused.same_id).await?;
                if !again {
                    inserted.stored.duplicates += same;
                }
                let others = others.into_iter().map(|reading| {
                    let reason = format!("another document has its _id {}", reading.id);
                    // Two in conflict with the same one are two.
                    let id = same_id::another(reading, SameId::Conflict);
                    reject(&reading.with_id(id), reason)
                });
                inserted.bad.extend(others);
            }
        }
        let elsewhere = inserted.stored.duplicates + inserted.bad.len() as u64;
        inserted.stored.stored = count - elsewhere;
        Ok(inserted)
    }

    /// Gives another id to those of `readings` whose id another document has, and inserts them.
    async fn move_others(
        &self,
        readings: Vec<&Reading>,
        inserted: &mut Inserted,
    ) -> Result<(), Failure> {
        let (_, others) = self.compare(readings).await?;
        let mut moved = Vec::new();
        for reading in &others {
            let id = same_id::another(reading, SameId::Accident);
            // Before the insert: where nobody knows whether that was done, it is repeated under the same new id.
            if self.moving.begin(reading.id) {
                (self.report)(&format!(
                    "store `{}`: another document has the id {} of a reading on `{}`; it gets the id {id}",
                    self.name, reading.id, reading.topic
                ));
            }
            moved.push(reading.with_id(id));
        }
        if !moved.is_empty() {
            let moved = moved.iter().collect();
            let Inserted { bad, .. } = Box::pin(self.insert_readings(moved, false)).await?;
            inserted.bad.extend(bad);
        }
        for reading in others {
            self.moving.end(reading.id);
        }
        Ok(())
    }

    /// Returns how many of `readings` are what the collection has under their ids, and the others.
    async fn compare<'a>(
        &self,
        readings: Vec<&'a Reading>,
    ) -> Result<(u64, Vec<&'a Reading>), Failure> {
        if readings.is_empty() {
            return Ok((0, readings));
        }
        let ids = readings.iter().map(|reading| reading.id).collect();
        let search = same_id::find(self.readings.clone(), ids);
        let found = match answer(tokio::spawn(search)).await? {
            Ok(found) => found,
            Err(error) => return Err(self.monitor.failure(&error, self.database.name())),
        };
        let fields = same_id::fields(self.options.same_id);
        let mut others = Vec::new();
        let mut same = 0;
        // Each by itself: several readings of a batch may have the same id, and not the same content.
        for reading in readings {
            let Some(theirs) = found.get(&reading.id) else {
                let reason = "a document vanished while it was compared";
                return Err(Failure::Unknown(reason.to_owned()));
            };
            match document::reading(reading) {
                Ok(ours) if same_id::equal(&ours, theirs, fields) => same += 1,
                _ => others.push(reading),
            }
        }
        Ok((same, others))
    }

    async fn write_rejections(&self, batch: Batch<'_, Rejection>) -> Result<(), Failure> {
        match self.write(&self.rejections, batch).await?.bad.pop() {
            None => Ok(()),
            // There is no further place for it, and it must not vanish.
            Some((_, reason)) => Err(Failure::NotAllowed {
                reason: format!("`{}` refuses a rejection: {reason}", self.rejections.name()),
                advice: "remove the validator or the unique index of that collection".to_owned(),
            }),
        }
    }

    /// Writes one batch, and returns what of it was not inserted.
    async fn write<'a, T>(
        &self,
        collection: &Collection<RawDocumentBuf>,
        batch: Batch<'a, T>,
    ) -> Result<Refused<'a, T>, Failure> {
        let Batch { documents, of, .. } = batch;
        if documents.is_empty() {
            return Ok(Refused::default());
        }
        let collection = collection.clone();
        let insert = async move { collection.insert_many(documents).ordered(false).await };
        let result = match answer(tokio::spawn(insert)).await {
            Ok(Ok(_)) => Ok(Refused::default()),
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

    /// Returns what of a batch was not inserted, if `error` is about no more than that.
    fn refused<'a, T>(&self, error: &Error, of: &[&'a T]) -> Result<Refused<'a, T>, Failure> {
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
        let mut found = Refused::default();
        for error in errors {
            let Some(&of) = of.get(error.index) else {
                continue;
            };
            match failure::refused(error, database) {
                failure::Refused::SameId => found.same_id.push(of),
                failure::Refused::Bad(reason) => found.bad.push((of, reason)),
                failure::Refused::Failed(failure) => return Err(failure),
            }
        }
        Ok(found)
    }

    fn limit(&self) -> usize {
        self.batch.load(Ordering::Relaxed)
    }
}

impl Store for MongoStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn away(&self) -> Option<Failure> {
        self.monitor.all_away(self.database.name())
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.look())
    }

    fn insert<'a>(
        &'a self,
        entries: &'a [Entry],
        again: bool,
    ) -> BoxFuture<'a, Result<Stored, Failure>> {
        Box::pin(self.insert(entries, again))
    }
}

/// What became of readings.
struct Inserted {
    stored: Stored,
    /// What can't be stored.
    bad: Vec<Rejection>,
}

/// What of a batch was not inserted.
struct Refused<'a, T> {
    /// It can't be stored, for this reason.
    bad: Vec<(&'a T, String)>,
    /// There is a document with its id.
    same_id: Vec<&'a T>,
}

impl<T> Default for Refused<'_, T> {
    fn default() -> Self {
        Self {
            bad: Vec::new(),
            same_id: Vec::new(),
        }
    }
}

impl<T> Refused<'_, T> {
    fn add(&mut self, more: Self) {
        self.bad.extend(more.bad);
        self.same_id.extend(more.same_id);
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
