//! Removes old readings, in small steps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use mongodb::Collection;
use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc, oid::ObjectId};
use mongodb::error::{Error, ErrorKind};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::alerts;
use super::collections::Collections;
use super::failure::of_reader;
use super::series_notes::{DAY, ROLLUPS, void};
use crate::expiry::{Expiry, Pruned};
use crate::failure::Failure;
use crate::mongodb_options::Report;

/// Documents that one step removes.
const DOCUMENTS: usize = 1_000;
/// What one step removes of a time-series collection, in milliseconds.
const SPAN: i64 = 3_600_000;
/// A pause between steps: the program that writes has its turn.
const PAUSE: Duration = Duration::from_millis(20);
/// How often a sweep looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);
/// Delay between two looks for old readings, by the program that writes.
const SWEEP_DELAY: Duration = Duration::from_mins(10);
/// Delay between two looks at all readings: also at those whose ids are newer than their times.
const WHOLE_DELAY: Duration = Duration::from_hours(24);

/// What a server before 7.0 says to a deletion by time in a time-series collection.
const REFUSALS: [i32; 2] = [20, 72];

/// Removes old readings and rejections from the collection at `url`.
///
/// # Errors
/// The collection can't be written, or is a time-series collection of a server that deletes none of
/// its readings by time; or rollups are to be kept.
pub fn prune(
    url: &str,
    collection: &str,
    expiry: Expiry,
    proceed: &mut dyn FnMut(Pruned) -> bool,
) -> anyhow::Result<Pruned> {
    if expiry.keep_rollups {
        bail!(
            "MongoDB has no rollups that could outlive their readings (leave out --keep-rollups)"
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let pruned = runtime.block_on(async {
        let collections = Collections::open(url, collection).await?;
        let name = &collections.name;
        let failed = |failure: Failure| {
            let failure = of_reader(failure);
            anyhow!("cannot delete readings from store `{name}`: {failure}")
        };
        let is_time_series = is_time_series(&collections).await.map_err(failed)?;
        let (sender, mut receiver) = mpsc::channel(1);
        let readings = if is_time_series {
            Readings::InTimeSeries
        } else {
            Readings::InCollection
        };
        let sweep = Sweep::new(&collections, readings, expiry.before.timestamp_millis());
        let mut all = Pruned::default();
        let mut task = tokio::spawn(async move { sweep.whole(&sender).await });
        loop {
            match timeout(LOOK, receiver.recv()).await {
                Ok(Some(step)) => all.add(step),
                Ok(None) => break,
                Err(_) => {}
            }
            if !proceed(all) {
                receiver.close();
                break;
            }
        }
        // A sweep that finds nobody who counts ends after its present step.
        match timeout(LOOK * 20, &mut task).await {
            Ok(Ok(Ok(()))) | Err(_) => {}
            Ok(Ok(Err(error))) if is_time_series && is_refusal(&error) => bail!(
                "`{name}` is a time-series collection, and this server (before 7.0) deletes none of its readings by \
                 time: let it remove them itself with `iot-sub --time-series … --keep 90d`, or in mongosh with \
                 `db.runCommand({{collMod: \"{collection}\", expireAfterSeconds: {}}})`",
                (chrono::Utc::now() - expiry.before).num_minutes() * 60
            ),
            Ok(Ok(Err(error))) => return Err(failed(collections.failure(&error))),
            Ok(Err(_)) => bail!("the driver broke down"),
        }
        let rollups = rollups(&collections);
        let before = expiry.before.timestamp_millis();
        let void = async move { make_void(&rollups, before).await };
        collections.request(void).await.map_err(failed)?;
        anyhow::Ok(all)
    });
    // A sweep over a large collection may still be waiting for its server.
    runtime.shutdown_background();
    pruned
}

/// Removes old readings now and then, for as long as the program runs. From a time-series
/// collection the server removes them.
pub(super) fn start(
    collections: &Collections,
    is_time_series: bool,
    keep: Duration,
    report: &Report,
) {
    let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
    let name = collections.name.clone();
    let readings = if is_time_series {
        Readings::LeftToServer
    } else {
        Readings::InCollection
    };
    let mut sweep = Sweep::new(collections, readings, 0);
    let rollups = rollups(collections);
    let report = Arc::clone(report);
    tokio::spawn(async move {
        let (mut is_reported, mut whole) = (false, None::<Instant>);
        loop {
            sweep.before = chrono::Utc::now().timestamp_millis().saturating_sub(keep);
            let is_whole = whole.is_none_or(|at| at.elapsed() >= WHOLE_DELAY);
            let (sender, mut receiver) = mpsc::channel(16);
            let count = tokio::spawn(async move {
                let mut all = Pruned::default();
                while let Some(step) = receiver.recv().await {
                    all.add(step);
                }
                all
            });
            let mut done = sweep.by_id(&sender).await;
            if is_whole && done.is_ok() {
                done = sweep.whole(&sender).await;
            }
            drop(sender);
            let removed = count.await.unwrap_or_default();
            if done.is_ok() && (is_whole || removed.readings > 0) {
                done = make_void(&rollups, sweep.before).await;
            }
            match done {
                Ok(()) if is_whole => whole = Some(Instant::now()),
                Ok(()) => {}
                Err(error) => {
                    if !std::mem::replace(&mut is_reported, true) {
                        report(&format!(
                            "cannot remove old readings from `{name}`: {error}"
                        ));
                    }
                }
            }
            sleep(SWEEP_DELAY).await;
        }
    });
}

/// Nobody wants to know what is removed: the sweep ends.
struct Ended;

/// How readings are removed.
#[derive(Clone, Copy)]
enum Readings {
    InCollection,
    InTimeSeries,
    /// The server removes those of a time-series collection when they expire.
    LeftToServer,
}

/// A look for what is older than a time.
struct Sweep {
    readings: Collection<RawDocumentBuf>,
    rejections: Collection<RawDocumentBuf>,
    /// What alerts have reported.
    alerts: Collection<RawDocumentBuf>,
    how: Readings,
    before: i64,
}

impl Sweep {
    fn new(collections: &Collections, how: Readings, before: i64) -> Self {
        Self {
            readings: collections.readings.clone(),
            rejections: collections.rejections.clone(),
            alerts: collections
                .database
                .collection(&collections.beside_name(alerts::HISTORY)),
            how,
            before,
        }
    }

    /// Looks at all readings and rejections.
    async fn whole(&self, removed: &mpsc::Sender<Pruned>) -> Result<(), Error> {
        self.each(self.older(), removed).await
    }

    /// Looks at those whose ids say that they are as old: an index leads to them.
    async fn by_id(&self, removed: &mpsc::Sender<Pruned>) -> Result<(), Error> {
        let seconds = u32::try_from(self.before.div_euclid(1_000)).unwrap_or_default();
        let mut id = [0; 12];
        id[..4].copy_from_slice(&seconds.to_be_bytes());
        let mut filter = self.older();
        filter.insert("_id", doc! {"$lt": ObjectId::from_bytes(id)});
        self.each(filter, removed).await
    }

    fn older(&self) -> Document {
        doc! {"reg_date": {"$lt": DateTime::from_millis(self.before)}}
    }

    async fn each(&self, filter: Document, removed: &mpsc::Sender<Pruned>) -> Result<(), Error> {
        let of_readings = |readings| Pruned {
            readings,
            rejections: 0,
        };
        let of_rejections = |rejections| Pruned {
            readings: 0,
            rejections,
        };
        let mut ended = match self.how {
            Readings::InTimeSeries => self.time_series(&of_readings, removed).await?,
            Readings::InCollection => {
                remove(&self.readings, filter.clone(), &of_readings, removed).await?
            }
            Readings::LeftToServer => None,
        };
        if ended.is_none() {
            ended = remove(&self.rejections, filter, &of_rejections, removed).await?;
        }
        if ended.is_none() {
            // Reports are not counted.
            let of_reports = |_| Pruned::default();
            remove(&self.alerts, self.older(), &of_reports, removed).await?;
        }
        Ok(())
    }

    /// Its ids are not unique, and have no index.
    async fn time_series(
        &self,
        of: &(dyn Fn(u64) -> Pruned + Sync),
        removed: &mpsc::Sender<Pruned>,
    ) -> Result<Option<Ended>, Error> {
        loop {
            let oldest = self
                .readings
                .find_one(self.older())
                .sort(doc! {"reg_date": 1});
            let Some(oldest) = oldest.await? else {
                return Ok(None);
            };
            let oldest = oldest.get_datetime("reg_date");
            let oldest = oldest.map_or(self.before, DateTime::timestamp_millis);
            let until = DateTime::from_millis(self.before.min(oldest.saturating_add(SPAN)));
            let step = doc! {"reg_date": {"$lt": until}};
            let deleted = self.readings.delete_many(step).await?.deleted_count;
            if removed.send(of(deleted)).await.is_err() {
                return Ok(Some(Ended));
            }
            sleep(PAUSE).await;
        }
    }
}

/// Removes what a filter finds, in steps.
async fn remove(
    collection: &Collection<RawDocumentBuf>,
    filter: Document,
    of: &(dyn Fn(u64) -> Pruned + Sync),
    removed: &mpsc::Sender<Pruned>,
) -> Result<Option<Ended>, Error> {
    let find = collection.find(filter).projection(doc! {"_id": 1});
    let mut found = find.await?;
    let mut ids = Vec::new();
    loop {
        let is_more = found.advance().await?;
        if is_more && let Ok(Some(id)) = found.current().get("_id") {
            ids.extend(Bson::try_from(id).ok());
        }
        if ids.len() >= DOCUMENTS || (!is_more && !ids.is_empty()) {
            let step = doc! {"_id": {"$in": std::mem::take(&mut ids)}};
            let deleted = collection.delete_many(step).await?.deleted_count;
            if removed.send(of(deleted)).await.is_err() {
                return Ok(Some(Ended));
            }
            sleep(PAUSE).await;
        }
        if !is_more {
            return Ok(None);
        }
    }
}

fn rollups(collections: &Collections) -> Collection<Document> {
    let name = collections.beside_name(ROLLUPS);
    collections.database.collection(&name)
}

/// Makes void what is cached of days whose readings are gone.
async fn make_void(rollups: &Collection<Document>, before: i64) -> Result<(), Error> {
    let day = before.div_euclid(DAY);
    // A day that is cut in two is made again when it is asked for.
    let of_day = doc! {"day": day, "cells": {"$exists": true}};
    rollups.update_many(of_day, void()).await?;
    rollups.delete_many(doc! {"day": {"$lt": day}}).await?;
    Ok(())
}

async fn is_time_series(collections: &Collections) -> Result<bool, Failure> {
    let command = doc! {"listCollections": 1, "filter": {"name": collections.readings.name()}};
    let database = collections.database.clone();
    let reply = collections
        .request(async move { database.run_command(command).await })
        .await?;
    let first = reply
        .get_document("cursor")
        .and_then(|cursor| cursor.get_array("firstBatch"));
    let kind = first
        .ok()
        .and_then(|batch| batch.first()?.as_document()?.get_str("type").ok());
    Ok(kind == Some("timeseries"))
}

fn is_refusal(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Command(command) => REFUSALS.contains(&command.code),
        ErrorKind::Write(mongodb::error::WriteFailure::WriteError(error)) => {
            REFUSALS.contains(&error.code)
        }
        _ => false,
    }
}
