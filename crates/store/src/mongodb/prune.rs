//! Removes old readings, in small steps.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use mongodb::error::Error;
use mongodb::options::Hint;
use mongodb::{Collection, Database};

use super::alerts;
use super::collections::Collections;
use super::series_notes::{DAY, rollups_name};
use crate::expiry::{Expiry, Pruned};
use crate::failure::Failure;
use crate::mongodb_options::Report;
use crate::reindexed::Reindexed;

/// Documents that one step removes.
const DOCUMENTS: i64 = 1_000;
/// A pause between steps: the program that writes has its turn.
const PAUSE: Duration = Duration::from_millis(50);
/// Delay between two looks for old readings, by the program that writes.
const SWEEP_DELAY: Duration = Duration::from_mins(10);

/// Removes old readings and rejections from the collection at `url`.
///
/// # Errors
/// The collection can't be written, or is a time-series collection; or rollups are to be kept.
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
    let runtime = runtime()?;
    runtime.block_on(async {
        let collections = Collections::open(url, collection).await?;
        let before = DateTime::from_millis(expiry.before.timestamp_millis());
        let failed = |failure: Failure| {
            anyhow::anyhow!("cannot prune store `{}`: {failure}", collections.name)
        };
        if is_time_series(&collections).await.map_err(failed)? {
            bail!(
                "`{}` is a time-series collection, which removes old readings itself (set `expireAfterSeconds`, or use \
                 --expire-after when it is made)",
                collections.name
            );
        }
        let mut all = Pruned::default();
        loop {
            let step = step(&collections, before).await.map_err(failed)?;
            all.readings += step.readings;
            all.rejections += step.rejections;
            if step == Pruned::default() || !proceed(all) {
                return Ok(all);
            }
            tokio::time::sleep(PAUSE).await;
        }
    })
}

/// Makes void what is cached of a collection's series.
///
/// # Errors
/// The collection can't be written.
pub fn reindex(url: &str, collection: &str) -> anyhow::Result<Reindexed> {
    runtime()?.block_on(async {
        let collections = Collections::open(url, collection).await?;
        let rollups: Collection<Document> =
            collections.database.collection(&rollups_name(&collections));
        let void = doc! {"$inc": {"late": 1}, "$unset": {"cells": ""}};
        let request = async move { rollups.update_many(doc! {}, void).await };
        match collections.request(request).await {
            Ok(_) => Ok(Reindexed::default()),
            Err(failure) => bail!("cannot write to store `{}`: {failure}", collections.name),
        }
    })
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

/// Removes old readings now and then, for as long as the program runs.
pub(super) fn start(collections: &Collections, keep: Duration, report: &Report) {
    let (name, database) = (collections.name.clone(), collections.database.clone());
    let (readings, rejections) = (collections.readings.clone(), collections.rejections.clone());
    let rollups = rollups_name(collections);
    let report = Arc::clone(report);
    tokio::spawn(async move {
        let mut reported = false;
        loop {
            let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
            let before = chrono::Utc::now().timestamp_millis().saturating_sub(keep);
            let before = DateTime::from_millis(before);
            loop {
                match remove(&database, &readings, &rejections, &rollups, before).await {
                    Ok(removed) if removed == Pruned::default() => break,
                    Ok(_) => tokio::time::sleep(PAUSE).await,
                    Err(error) => {
                        if !reported {
                            reported = true;
                            report(&format!(
                                "cannot remove old readings from `{name}`: {error}"
                            ));
                        }
                        break;
                    }
                }
            }
            tokio::time::sleep(SWEEP_DELAY).await;
        }
    });
}

async fn step(collections: &Collections, before: DateTime) -> Result<Pruned, Failure> {
    let (readings, rejections) = (collections.readings.clone(), collections.rejections.clone());
    let (database, rollups) = (collections.database.clone(), rollups_name(collections));
    let remove = async move { remove(&database, &readings, &rejections, &rollups, before).await };
    collections.request(remove).await
}

async fn remove(
    database: &Database,
    readings: &Collection<RawDocumentBuf>,
    rejections: &Collection<RawDocumentBuf>,
    rollups: &str,
    before: DateTime,
) -> Result<Pruned, Error> {
    let pruned = Pruned {
        readings: remove_some(readings, before).await?,
        rejections: remove_some(rejections, before).await?,
    };
    let alerts = format!("{}{}", readings.name(), alerts::HISTORY);
    let alerts: Collection<Document> = database.collection(&alerts);
    alerts
        .delete_many(doc! {"reg_date": {"$lt": before}})
        .await?;
    if pruned.readings > 0 {
        let day = before.timestamp_millis().div_euclid(DAY);
        let rollups: Collection<Document> = database.collection(rollups);
        // A day that is cut in two is made again when it is asked for.
        let void = doc! {"$inc": {"late": 1}, "$unset": {"cells": ""}};
        let of_day = doc! {"day": day, "cells": {"$exists": true}};
        rollups.update_many(of_day, void).await?;
        rollups.delete_many(doc! {"day": {"$lt": day}}).await?;
    }
    Ok(pruned)
}

async fn remove_some(
    collection: &Collection<RawDocumentBuf>,
    before: DateTime,
) -> Result<u64, Error> {
    let mut found = collection
        .find(doc! {"reg_date": {"$lt": before}})
        // In the order of the collection the oldest come first, with or without an index.
        .hint(Hint::Keys(doc! {"$natural": 1}))
        .projection(doc! {"_id": 1})
        .limit(DOCUMENTS)
        .await?;
    let mut ids = Vec::new();
    while found.advance().await? {
        if let Ok(Some(id)) = found.current().get("_id") {
            ids.extend(Bson::try_from(id).ok());
        }
    }
    if ids.is_empty() {
        return Ok(0);
    }
    let deleted = collection.delete_many(doc! {"_id": {"$in": ids}}).await?;
    Ok(deleted.deleted_count)
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
