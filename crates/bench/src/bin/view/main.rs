//! How fast a store is read back, and what its rollups cost: the aims of `scripts/bench view`.
//!
//!     bench-view [READINGS [MONGODB_READINGS]]
//!
//! A series with a reading every two seconds for a year (15,768,000) lies in a store of READINGS
//! (100 million by default), beside others. MongoDB gets `MONGODB_READINGS` (15,768,000 by
//! default).

mod data;
mod insert;
mod questions;

use std::env;
use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result};
use iot_store::mongodb::{MongoReader, MongoStore};
use iot_store::mongodb_options::Options;
use iot_store::sqlite::{SqliteReader, SqliteStore};
use iot_store::{Entry, Store};
use testkit::Mongo;

use data::{BATCH, LONG_SERIES, Source};

fn main() -> Result<()> {
    let mut counts = env::args().skip(1).map(|count| count.parse::<u64>());
    let mut next = |default| counts.next().unwrap_or(Ok(default));
    let all = next(100_000_000).context("READINGS is a number")?;
    let of_mongodb = next(LONG_SERIES).context("MONGODB_READINGS is a number")?;
    insert::measure()?;
    sqlite(all)?;
    many_series()?;
    mongodb(of_mongodb)
}

fn sqlite(all: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("iot.db");
    let mut store = SqliteStore::open(&path)?;
    let mut source = Source::ending_now(all.min(LONG_SERIES));
    let others = (all.saturating_sub(LONG_SERIES)) / LONG_SERIES.min(all).max(1) + 1;
    let mut left = all;
    while left > 0 {
        let entries = source.step(others, left);
        left -= entries.len() as u64;
        store.commit_with(&entries, &[])?;
    }
    // So that the last hours are rolled up, too, as in a program that goes on.
    iot_store::sqlite::reindex(&path, true, &mut |_| true)?;
    drop(store);
    let size = fs::metadata(&path)?.len();
    println!(
        "SQLite: {all} readings, {} MB, {:.0} bytes each",
        size >> 20,
        data::ratio(size, all)
    );
    let mut reader = SqliteReader::open(&path).map_err(anyhow::Error::new)?;
    questions::buckets(&mut reader, &source, 50)
}

fn many_series() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("iot.db");
    let mut store = SqliteStore::open(&path)?;
    let mut source = Source::ending_now(1_000_000);
    for _ in 0..100 {
        let entries = source.each(10_000);
        store.commit_with(&entries, &[])?;
    }
    let mut reader = SqliteReader::open(&path).map_err(anyhow::Error::new)?;
    questions::latest("SQLite", &mut reader)?;
    let mongo = Mongo::start();
    let entries = source.each(10_000);
    insert_all(&mongo, "sensors", &entries)?;
    let reader = MongoReader::open(&mongo.url(), "sensors");
    questions::latest("MongoDB", &mut reader.map_err(anyhow::Error::new)?)
}

fn insert_all(mongo: &Mongo, collection: &str, entries: &[Entry]) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let options = Options {
            index: true,
            ..Options::default()
        };
        let report = Arc::new(|line: &str| eprintln!("{line}"));
        let store = MongoStore::open(&mongo.url(), collection, options, report).await?;
        for entries in entries.chunks(BATCH) {
            store.insert(entries, false).await?;
        }
        Ok(())
    })
}

fn mongodb(all: u64) -> Result<()> {
    let mongo = Mongo::start();
    let mut source = Source::ending_now(all);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let options = Options {
            index: true,
            ..Options::default()
        };
        let report = Arc::new(|line: &str| eprintln!("{line}"));
        let store = MongoStore::open(&mongo.url(), "sensors", options, report).await?;
        let mut left = all;
        while left > 0 {
            let entries = source.step(0, left);
            left -= entries.len() as u64;
            store.insert(&entries, false).await?;
        }
        anyhow::Ok(())
    })?;
    println!("MongoDB: {all} readings of one series");
    let reader = MongoReader::open(&mongo.url(), "sensors");
    let mut reader = reader.map_err(anyhow::Error::new)?;
    questions::first_time(&mut reader, &source)?;
    questions::buckets(&mut reader, &source, 150)
}
