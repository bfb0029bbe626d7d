//! Inserts entries into the collections: readings into one, rejections into the other.

use std::mem;

use super::batch::Batch;
use super::collections::Collections;
use super::document;
use super::preparation::Preparation;
use super::rejected_limit;
use super::retained::{self, Newest};
use super::same_id::{self, Moving};
use super::writer::{Refused, Writer};
use crate::entry::Entry;
use crate::failure::Failure;
use crate::keep_rejected::KeepRejected;
use crate::mongodb_options::{Options, Report};
use crate::reading::Reading;
use crate::rejection::Rejection;
use crate::store::{BoxFuture, SameId, Store, Stored};

/// A collection of a MongoDB deployment, and the one for its rejections.
pub struct MongoStore {
    pub(super) collections: Collections,
    options: Options,
    preparation: Preparation,
    pub(super) writer: Writer,
    moving: Moving,
    report: Report,
    /// Held while old rejections are dropped: two at once would drop twice as many.
    dropping: tokio::sync::Mutex<()>,
}

impl MongoStore {
    /// Prepares for the deployment at `url`, whether it is there or not: [`ping`](Store::ping)
    /// tells.
    ///
    /// The database is the URL's, or `iot_service`. Must be called on a Tokio runtime: the driver
    /// keeps an eye on the servers from now on.
    ///
    /// # Errors
    ///
    /// The URL is malformed, or asks for a weaker write concern than majority and journal; or no
    /// collection can have this name. No error shows the URL's password.
    pub async fn open(
        url: &str,
        collection: &str,
        options: Options,
        report: Report,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            collections: Collections::open(url, collection).await?,
            options,
            preparation: Preparation::default(),
            writer: Writer::default(),
            moving: Moving::default(),
            report,
            dropping: tokio::sync::Mutex::default(),
        })
    }

    async fn insert(&self, entries: &[Entry], again: bool) -> Result<Stored, Failure> {
        self.preparation
            .prepare(&self.collections, &self.options, &self.report)
            .await?;
        let readings: Vec<_> = entries.iter().filter_map(Entry::as_reading).collect();
        let (mut readings, repeated) =
            retained::without_repetitions(&self.collections, self.newest(), readings).await?;
        if self.options.time_series.is_some() {
            // The server keeps each topic's readings together: many of one at once cost it a
            // fraction.
            readings.sort_by(|one, other| one.topic.cmp(&other.topic));
        }
        let Inserted { mut stored, bad } = self.insert_readings(readings, again).await?;
        stored.skipped += repeated;
        let rejections = entries.iter().filter_map(Entry::as_rejection).collect();
        match self.options.rejected {
            KeepRejected::Nothing => {
                stored.rejected += (Vec::len(&rejections) + bad.len()) as u64;
            }
            kept => {
                self.keep_rejections(kept, rejections, &bad, &mut stored)
                    .await?;
            }
        }
        for Rejection { topic, reason, .. } in &bad {
            (self.report)(&format!("rejected a message on `{topic}`: {reason}"));
        }
        Ok(stored)
    }

    /// Writes rejections, and those of readings that were refused.
    async fn keep_rejections(
        &self,
        kept: KeepRejected,
        rejections: Vec<&Rejection>,
        refused: &[Rejection],
        stored: &mut Stored,
    ) -> Result<(), Failure> {
        let (rejections, rejected_before) =
            retained::without_repeated_rejections(&self.collections, rejections).await?;
        stored.skipped += rejected_before;
        let before = stored.rejected;
        let mut batch = Batch::default();
        for rejection in rejections.into_iter().chain(refused) {
            stored.rejected += 1;
            let document = document::rejection(rejection);
            if batch.is_full_for(&document, self.writer.limit()) {
                self.write_rejections(mem::take(&mut batch)).await?;
            }
            batch.push(document, rejection);
        }
        self.write_rejections(batch).await?;
        if let KeepRejected::UpTo(limit) = kept
            && stored.rejected > before
        {
            let _dropping = self.dropping.lock().await;
            if let Err(failure) = rejected_limit::apply(&self.collections, limit).await {
                // They are stored. What can't be dropped now can be dropped with the next ones.
                (self.report)(&format!("cannot drop old rejections: {failure}"));
            }
        }
        Ok(())
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
                    if batch.is_full_for(&document, self.writer.limit()) {
                        let full = mem::take(&mut batch);
                        refused.add(self.write_readings(full).await?);
                    }
                    batch.push(document, reading);
                }
                Err(reason) => refused.bad.push((reading, reason)),
            }
        }
        refused.add(self.write_readings(batch).await?);

        let bad = refused.bad.into_iter();
        let mut inserted = Inserted {
            stored: Stored::default(),
            bad: bad
                .map(|(reading, reason)| Rejection::of_reading(reading.id, reading, reason))
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
                    Rejection::of_reading(id, reading, reason)
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
            // Before the insert: if it is unknown whether that was done, it is repeated under the
            // same new id.
            if self.moving.begin(reading.id) {
                (self.report)(&format!(
                    "store `{}`: another document has the id {} of a reading on `{}`; it gets the id {id}",
                    self.collections.name, reading.id, reading.topic
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

    async fn compare<'a>(
        &self,
        readings: Vec<&'a Reading>,
    ) -> Result<(u64, Vec<&'a Reading>), Failure> {
        same_id::compare(&self.collections, self.options.same_id, readings).await
    }

    async fn write_readings<'a>(
        &self,
        batch: Batch<'a, Reading>,
    ) -> Result<Refused<'a, Reading>, Failure> {
        let readings = &self.collections.readings;
        self.writer.write(&self.collections, readings, batch).await
    }

    async fn write_rejections(&self, batch: Batch<'_, Rejection>) -> Result<(), Failure> {
        let rejections = &self.collections.rejections;
        let refused = self.writer.write(&self.collections, rejections, batch);
        match refused.await?.bad.pop() {
            None => Ok(()),
            // There is no further place for it, and it must not vanish.
            Some((_, reason)) => Err(Failure::NotAllowed {
                reason: format!("`{}` refuses a rejection: {reason}", rejections.name()),
                advice: "remove the validator or the unique index of that collection".to_owned(),
            }),
        }
    }

    /// By what a topic's latest document is found.
    fn newest(&self) -> Newest {
        if self.options.index || self.options.time_series.is_some() {
            Newest::RegDate
        } else {
            Newest::Id
        }
    }
}

impl Store for MongoStore {
    fn name(&self) -> &str {
        &self.collections.name
    }

    fn away(&self) -> Option<Failure> {
        self.collections.away()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(
            self.preparation
                .look(&self.collections, &self.options, &self.report),
        )
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
