//! Inserts entries into the collections: readings into one, rejections into the other.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::batch::Batch;
use super::collections::Collections;
use super::document;
use super::insertion::Insertion;
use super::item::{self, Item};
use super::preparation::Preparation;
use super::prune;
use super::refusal::Bad;
use super::rejected_limit;
use super::retained::{self, Newest};
use super::same_id::{self, Moving};
use super::series_notes::SeriesNotes;
use super::writer::{Refused, Writer};
use crate::entry::Entry;
use crate::failure::Failure;
use crate::keep_rejected::KeepRejected;
use crate::mongodb_options::{Options, Report};
use crate::rejection::Rejection;
use crate::store::{BoxFuture, SameId, Store, Stored};
use crate::tally::{Fate, Tally};

/// A collection of a MongoDB deployment, and the one for its rejections.
pub struct MongoStore {
    pub(super) collections: Arc<Collections>,
    options: Options,
    preparation: Preparation,
    pub(super) writer: Writer,
    moving: Moving,
    notes: Arc<SeriesNotes>,
    report: Report,
    /// Held while old rejections are dropped: two at once would drop twice as many.
    dropping: tokio::sync::Mutex<()>,
    /// Old readings are being removed, if that is wanted.
    removing: AtomicBool,
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
        let insertion = match options.time_series {
            // No index makes its ids unique.
            Some(_) => Insertion::Driver,
            None => Insertion::Command,
        };
        Ok(Self {
            collections: Arc::new(Collections::open(url, collection).await?),
            options,
            preparation: Preparation::default(),
            writer: Writer::new(insertion),
            moving: Moving::default(),
            notes: Arc::default(),
            report,
            dropping: tokio::sync::Mutex::default(),
            removing: AtomicBool::new(false),
        })
    }

    async fn insert(&self, entries: &[Entry], again: bool) -> Result<Stored, Failure> {
        self.preparation
            .prepare(&self.collections, &self.options, &self.report)
            .await?;
        if let Some(keep) = self.options.keep
            && !self.removing.swap(true, Ordering::Relaxed)
        {
            let is_time_series = self.options.time_series.is_some();
            prune::start(&self.collections, is_time_series, keep, &self.report);
        }
        let items = item::items(entries);
        let mut items =
            retained::without_repetitions(&self.collections, self.newest(), items).await?;
        if self.options.time_series.is_some() {
            // The server keeps each topic's readings together: many of one at once cost it a
            // fraction.
            items.sort_by(|one, other| one.reading.topic.cmp(&other.reading.topic));
        }
        let mut tally = Tally::new(entries.len());
        let Inserted {
            duplicates,
            mut bad,
        } = self.insert_readings(&items, again).await?;
        let elsewhere = bad.iter().map(|bad| &bad.item).chain(&duplicates);
        let elsewhere: HashSet<_> = elsewhere.map(Item::key).collect();
        for item in &items {
            if elsewhere.is_empty() || !elsewhere.contains(&item.key()) {
                tally.add(item.entry, Fate::Stored);
            }
        }
        for item in &duplicates {
            tally.add(item.entry, Fate::Duplicate);
        }
        // One rejection for each message, whose reason is that of its first reading.
        bad.sort_by_key(|bad| bad.item.entry);
        bad.dedup_by_key(|bad| bad.item.entry);
        let refused: Vec<_> = bad.iter().map(|bad| bad.rejection(entries)).collect();
        for bad in &bad {
            tally.add(bad.item.entry, Fate::Rejected);
        }
        self.keep_rejections(entries, &refused, &mut tally).await?;
        self.notes
            .note(&self.collections, entries, &self.report)
            .await?;
        self.notes.write_later(&self.collections, &self.report);
        for Rejection { topic, reason, .. } in &refused {
            (self.report)(&format!("rejected a message on `{topic}`: {reason}"));
        }
        Ok(tally.stored())
    }

    /// Writes rejections, and those of messages of which a reading was refused.
    async fn keep_rejections(
        &self,
        entries: &[Entry],
        refused: &[Rejection],
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let rejections = entries.iter().enumerate();
        let rejections =
            rejections.filter_map(|(index, entry)| Some((index, entry.as_rejection()?)));
        let mut rejections: Vec<_> = rejections.collect();
        let kept = self.options.rejected;
        if kept != KeepRejected::Nothing {
            rejections =
                retained::without_repeated_rejections(&self.collections, rejections).await?;
        }
        for (index, _) in &rejections {
            tally.add(*index, Fate::Rejected);
        }
        if kept == KeepRejected::Nothing {
            return Ok(());
        }
        let kept_now = rejections.len() + refused.len();
        let mut batch = Batch::default();
        let rejections = rejections.into_iter().map(|(_, rejection)| rejection);
        for rejection in rejections.chain(refused) {
            let document = document::rejection(rejection);
            if batch.is_full_for(&document, self.writer.limit()) {
                self.write_rejections(mem::take(&mut batch)).await?;
            }
            batch.push(&document, rejection);
        }
        self.write_rejections(batch).await?;
        if let KeepRejected::UpTo(limit) = kept
            && kept_now > 0
        {
            let _dropping = self.dropping.lock().await;
            if let Err(failure) = rejected_limit::apply(&self.collections, limit).await {
                // They are stored. What can't be dropped now can be dropped with the next ones.
                (self.report)(&format!("cannot drop old rejections: {failure}"));
            }
        }
        Ok(())
    }

    async fn insert_readings<'a>(
        &self,
        items: &[Item<'a>],
        again: bool,
    ) -> Result<Inserted<'a>, Failure> {
        let mut refused = Refused::default();
        let mut batch = Batch::default();
        for item in items {
            match document::reading(item.reading) {
                Ok(document) => {
                    if batch.is_full_for(&document, self.writer.limit()) {
                        let full = mem::take(&mut batch);
                        refused.add(self.write_readings(full).await?);
                    }
                    batch.push(&document, *item);
                }
                Err(reason) => refused.bad.push((*item, reason)),
            }
        }
        refused.add(self.write_readings(batch).await?);

        let bad = |(item, reason)| Bad {
            item,
            reason,
            is_conflict: false,
        };
        let mut inserted = Inserted {
            duplicates: Vec::new(),
            bad: refused.bad.into_iter().map(bad).collect(),
        };
        match self.options.same_id {
            SameId::Accident => {
                let doubtful = |item: &Item<'_>| !again || self.moving.contains(item.reading.id);
                let doubtful = refused.same_id.into_iter().filter(doubtful).collect();
                self.move_others(doubtful, &mut inserted).await?;
            }
            SameId::Conflict => {
                let (same, others) = self.compare(refused.same_id).await?;
                if !again {
                    inserted.duplicates = same;
                }
                let others = others.into_iter().map(|item| Bad {
                    item,
                    reason: format!("another document has its _id {}", item.reading.id),
                    is_conflict: true,
                });
                inserted.bad.extend(others);
            }
        }
        Ok(inserted)
    }

    /// Gives another id to those of `items` whose id another document has, and inserts them.
    async fn move_others<'a>(
        &self,
        items: Vec<Item<'a>>,
        inserted: &mut Inserted<'a>,
    ) -> Result<(), Failure> {
        let (_, others) = self.compare(items).await?;
        let mut moved = Vec::new();
        for Item { reading, .. } in &others {
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
            // Instead of the entry, its place here: what is refused is what was to be moved.
            let moved = moved.iter().enumerate();
            let moved: Vec<_> = moved
                .map(|(entry, reading)| Item { reading, entry })
                .collect();
            let Inserted { bad, .. } = Box::pin(self.insert_readings(&moved, false)).await?;
            let bad = bad.into_iter().map(|bad| Bad {
                item: others[bad.item.entry],
                reason: bad.reason,
                is_conflict: bad.is_conflict,
            });
            inserted.bad.extend(bad);
        }
        for Item { reading, .. } in others {
            self.moving.end(reading.id);
        }
        Ok(())
    }

    async fn compare<'a>(
        &self,
        items: Vec<Item<'a>>,
    ) -> Result<(Vec<Item<'a>>, Vec<Item<'a>>), Failure> {
        same_id::compare(&self.collections, self.options.same_id, items).await
    }

    async fn write_readings<'a>(
        &self,
        batch: Batch<Item<'a>>,
    ) -> Result<Refused<Item<'a>>, Failure> {
        let readings = &self.collections.readings;
        self.writer.write(&self.collections, readings, batch).await
    }

    async fn write_rejections(&self, batch: Batch<&Rejection>) -> Result<(), Failure> {
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

    fn finish(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.notes.flush(&self.collections, &self.report))
    }
}

/// What became of readings that are not stored by this insert.
struct Inserted<'a> {
    /// They were there before the first attempt.
    duplicates: Vec<Item<'a>>,
    /// They can't be stored.
    bad: Vec<Bad<'a>>,
}
