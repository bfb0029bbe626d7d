//! What is noted of series beside their readings: a document for each series in the collection of
//! the same name with `_series` behind it.
//!
//! It has topic, metric, unit, name, device and class, and the first time and the latest reading,
//! so that a list of series needs no look at the readings. All of that may be written again without
//! harm. A reading of a day that is over also makes what was cached of that day void
//! ([`super::read`]).

use std::collections::{HashMap, hash_map};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mongodb::bson::{Bson, Document, doc, oid::ObjectId};

use super::batch_notes::{BatchNote, BatchNotes, SeriesKey};
use super::collections::Collections;
use super::document;
use crate::entry::Entry;
use crate::failure::Failure;
use crate::mongodb_options::Report;

pub(super) use super::batch_notes::DAY;

/// Notes of more series than these wait for each other: an update costs about as much as an insert.
const AT_ONCE: usize = 200;
/// How long they wait.
const DELAY: Duration = Duration::from_secs(1);
/// Most notes that wait.
const WAITING: usize = 20_000;
/// Most updates in one command.
const UPDATES: usize = 1_000;

/// What follows the name of the collection of readings: the collection with a document for each
/// series.
pub(super) const SERIES: &str = "_series";
/// The same of the collection in which rollups are cached.
pub(super) const ROLLUPS: &str = "_rollups";

/// Notes that are not written yet.
#[derive(Debug, Default)]
pub(super) struct SeriesNotes {
    waiting: Mutex<HashMap<String, Note>>,
    written: Mutex<Option<Instant>>,
    /// They will be written without a further insert.
    is_timed: AtomicBool,
    /// A failure was reported.
    failed: AtomicBool,
}

/// What is to be noted of a series.
#[derive(Clone, Debug, Default)]
struct Note {
    topic: String,
    metric: Option<String>,
    facts: Document,
    first: Option<mongodb::bson::DateTime>,
    last: Option<(i64, ObjectId, Document)>,
}

/// Returns the `_id` of a series' document: `TOPIC`, or `TOPIC#METRIC`.
pub(super) fn series_id(topic: &str, metric: Option<&str>) -> String {
    match metric {
        None => topic.to_owned(),
        // No topic has a #.
        Some(metric) => format!("{topic}#{metric}"),
    }
}

/// Returns the `_id` of the document for a day of a series, whose rollups may be cached there.
pub(super) fn day_id(series: &str, day: i64) -> String {
    format!("{series}@{day}")
}

impl SeriesNotes {
    fn waiting(&self) -> MutexGuard<'_, HashMap<String, Note>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written(&self) -> MutexGuard<'_, Option<Instant>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what `entries` say, which are stored.
    ///
    /// # Errors
    /// What was cached of days that are over could not be made void, or notes could not be written.
    pub(super) async fn note(
        &self,
        collections: &Collections,
        entries: &[Entry],
        report: &Report,
    ) -> Result<(), Failure> {
        let notes = BatchNotes::of(entries, chrono::Utc::now());
        let is_due = {
            let mut waiting = self.waiting();
            for (series, note) in notes.series {
                add(&mut waiting, series, &note);
            }
            let written = *self.written();
            let is_time = written.is_none_or(|at| at.elapsed() >= DELAY);
            let count = waiting.len();
            is_time || notes.has_facts || count <= AT_ONCE || count > WAITING
        };
        let late = notes.late.into_iter();
        let late = late.map(|((topic, metric), day)| day_id(&series_id(topic, metric), day));
        self.make_void(collections, late, report).await?;
        if is_due {
            return self.flush(collections, report).await;
        }
        Ok(())
    }

    /// Writes notes that wait once they have waited long enough, as there may be no further insert.
    pub(super) fn write_later(self: &Arc<Self>, collections: &Arc<Collections>, report: &Report) {
        if self.waiting().is_empty() || self.is_timed.swap(true, Ordering::Relaxed) {
            return;
        }
        let (notes, collections) = (Arc::clone(self), Arc::clone(collections));
        let report = Arc::clone(report);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(DELAY).await;
                notes.is_timed.store(false, Ordering::Relaxed);
                // A store that is away is reported by the next insert.
                if notes.flush(&collections, &report).await.is_ok()
                    || notes.is_timed.swap(true, Ordering::Relaxed)
                {
                    return;
                }
            }
        });
    }

    /// Writes all notes that wait.
    ///
    /// # Errors
    /// They could not be written, and wait on.
    pub(super) async fn flush(
        &self,
        collections: &Collections,
        report: &Report,
    ) -> Result<(), Failure> {
        *self.written() = Some(Instant::now());
        let due = std::mem::take(&mut *self.waiting());
        let updates = due.iter().map(|(id, note)| note.clone().update(id.clone()));
        let written = write(collections, SERIES, updates.collect()).await;
        if written.is_err() {
            let mut waiting = self.waiting();
            for (id, note) in due {
                match waiting.entry(id) {
                    hash_map::Entry::Vacant(place) => _ = place.insert(note),
                    hash_map::Entry::Occupied(mut newer) => newer.get_mut().add_older(note),
                }
            }
        }
        self.check(written, collections, report)
    }

    /// Makes void what is cached of these days.
    async fn make_void(
        &self,
        collections: &Collections,
        days: impl Iterator<Item = String>,
        report: &Report,
    ) -> Result<(), Failure> {
        let update = |id: String| doc! {"q": {"_id": id}, "u": void()};
        let updates = days.map(update).collect();
        let written = write(collections, ROLLUPS, updates).await;
        self.check(written, collections, report)
    }

    /// Readings do not wait for a user that may not write notes.
    fn check(
        &self,
        written: Result<(), Failure>,
        collections: &Collections,
        report: &Report,
    ) -> Result<(), Failure> {
        match written {
            Err(Failure::NotAllowed { reason, .. }) => {
                if !self.failed.swap(true, Ordering::Relaxed) {
                    report(&format!(
                        "cannot write to `{}` and `{}`: {reason} (readings are stored; lists of series and charts \
                         are slower without)",
                        collections.beside_name(SERIES),
                        collections.beside_name(ROLLUPS),
                    ));
                }
                Ok(())
            }
            other => other,
        }
    }
}

/// Returns the update that makes void what is cached of a day.
pub(super) fn void() -> Document {
    doc! {"$inc": {"late": 1}, "$unset": {"cells": ""}}
}

fn add(notes: &mut HashMap<String, Note>, (topic, metric): SeriesKey<'_>, new: &BatchNote<'_>) {
    let note = { notes.entry(series_id(topic, metric)) }.or_insert_with(|| Note {
        topic: topic.to_owned(),
        metric: metric.map(str::to_owned),
        ..Note::default()
    });
    let facts = [
        ("unit", new.unit),
        ("name", new.name),
        ("device", new.device),
        ("class", new.class),
    ];
    for (name, fact) in facts {
        if let Some(fact) = fact {
            note.facts.insert(name, fact);
        }
    }
    if let Some(first) = new.first {
        let first = mongodb::bson::DateTime::from_millis(first.timestamp_millis());
        note.first = Some(note.first.map_or(first, |before| before.min(first)));
    }
    let Some(reading) = new.last else { return };
    let millis = reading.reg_date.timestamp_millis();
    let id = ObjectId::from_bytes(reading.id.bytes());
    let last = note.last.as_ref();
    if last.is_none_or(|(before, before_id, _)| (*before, *before_id) < (millis, id))
        && let Ok(document) = document::reading(reading)
        && let Ok(Some(value)) = document.get("value")
        && let Ok(value) = Bson::try_from(value)
    {
        let time = mongodb::bson::DateTime::from_millis(millis);
        // Time and id first: the greatest is the latest.
        note.last = Some((
            millis,
            id,
            doc! {"reg_date": time, "id": id, "value": value},
        ));
    }
}

impl Note {
    fn add_older(&mut self, older: Self) {
        let facts = std::mem::replace(&mut self.facts, older.facts);
        self.facts.extend(facts);
        self.first = [self.first, older.first].into_iter().flatten().min();
        let is_older = |(millis, id, _): &(i64, ObjectId, Document)| {
            let last = self.last.as_ref();
            last.is_some_and(|last| (*millis, *id) < (last.0, last.1))
        };
        if older.last.as_ref().is_some_and(|last| !is_older(last)) {
            self.last = older.last;
        }
    }

    fn update(self, id: String) -> Document {
        let mut always = doc! {"topic": self.topic};
        if let Some(metric) = self.metric {
            always.insert("metric", metric);
        }
        always.extend(self.facts);
        let mut update = doc! {"$set": always};
        if let Some(first) = self.first {
            update.insert("$min", doc! {"first": first});
        }
        if let Some((_, _, last)) = self.last {
            update.insert("$max", doc! {"last": last});
        }
        doc! {"q": {"_id": id}, "u": update, "upsert": true}
    }
}

async fn write(
    collections: &Collections,
    suffix: &str,
    updates: Vec<Document>,
) -> Result<(), Failure> {
    for updates in updates.chunks(UPDATES) {
        let name = collections.beside_name(suffix);
        // Two that upsert the same one at once: the other has done it, or the next one will.
        let command = doc! {"update": name, "updates": updates.to_vec()};
        collections.write(command).await?;
    }
    Ok(())
}
