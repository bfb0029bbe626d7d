//! Makes the rollups of a collection, as charts would make them when they are asked for.

use std::ops::ControlFlow;
use std::time::Duration;

use mongodb::Collection;
use mongodb::bson::{Document, doc};

use super::read::MongoReader;
use super::series_notes::rollups_name;
use crate::read::{Division, Reader, SeriesFilter, TimeRange};
use crate::reindexed::Reindexed;

const HOUR: Duration = Duration::from_hours(1);

/// Makes the rollups that are missing, of days that are over; with `again`, all of them. `proceed`
/// is called after each series; if it returns `false`, the work ends, and the next call continues.
///
/// # Errors
/// The collection can't be read.
pub fn reindex(
    url: &str,
    collection: &str,
    again: bool,
    proceed: &mut dyn FnMut(Reindexed) -> bool,
) -> anyhow::Result<Reindexed> {
    let mut reader = MongoReader::open(url, collection)?;
    if again {
        make_void(&reader)?;
    }
    let series = reader.latest(&SeriesFilter::default())?;
    let mut done = Reindexed {
        all_series: series.len() as u64,
        ..Reindexed::default()
    };
    for one in series {
        // What an answer needs is kept for the next one.
        let hours = Division::Every(HOUR);
        reader.buckets(&one.key, TimeRange::default(), hours, &mut |bucket| {
            done.readings += bucket.count;
            ControlFlow::Continue(())
        })?;
        done.series += 1;
        if !proceed(done) {
            break;
        }
    }
    Ok(done)
}

fn make_void(reader: &MongoReader) -> anyhow::Result<()> {
    let collections = reader.collections();
    let rollups: Collection<Document> = collections.database.collection(&rollups_name(collections));
    let void = doc! {"$inc": {"late": 1}, "$unset": {"cells": ""}};
    Ok(reader.request(async move { rollups.update_many(doc! {}, void).await.map(drop) })?)
}
