//! How fast a store is read back, and what its rollups cost: the aims of `scripts/bench view`.
//!
//!     bench-view [--readings N] [--mongodb-readings N]
//!     bench-view [--readings N] --fill FILE
//!     bench-view --store FILE [--mongodb-readings N]
//!
//! A series with a reading every two seconds for a year (15,768,000) lies in a store of N readings,
//! 20M unless another number is given, beside a hundred others. `--fill` only writes that file, and
//! `--store` only reads one back.

mod data;
mod export;
mod fill;
mod insert;
mod peers;
mod programs;
mod questions;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use iot_store::mongodb::MongoReader;
use iot_store::sqlite::{SqliteReader, SqliteStore};
use testkit::Mongo;

use data::{LONG_SERIES, Source, Span};

fn main() -> Result<()> {
    let (mut all, mut of_mongodb) = (20_000_000, None);
    let (mut file, mut store) = (None, None);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().context("an option needs a value")?;
        match argument.as_str() {
            "--readings" => all = number(&value)?,
            "--mongodb-readings" => of_mongodb = Some(number(&value)?),
            "--fill" => file = Some(PathBuf::from(value)),
            "--store" => store = Some(PathBuf::from(value)),
            _ => bail!(
                "usage: scripts/bench view [--readings N | --store FILE] [--mongodb-readings N]"
            ),
        }
    }
    if let Some(path) = file {
        fill::sqlite(&path, Span::ending_now(all.min(LONG_SERIES)), all)?;
        iot_store::sqlite::reindex(&path, true, &mut |_| true)?;
        return Ok(());
    }
    let start = Instant::now();
    if let Some(path) = store {
        sqlite(&path)?;
    } else {
        insert::measure()?;
        filled_sqlite(all)?;
    }
    many_series()?;
    mongodb(of_mongodb.unwrap_or(all).min(LONG_SERIES))?;
    println!("all of this took {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Reads `20000000`, `500k` or `100M`.
fn number(text: &str) -> Result<u64> {
    let (digits, unit) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1_000),
        None => match text.strip_suffix('M') {
            Some(digits) => (digits, 1_000_000),
            None => (text, 1),
        },
    };
    let number: u64 = digits.parse().context("a number is 500k or 100M")?;
    Ok(number * unit)
}

fn filled_sqlite(all: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("iot.db");
    let span = Span::ending_now(all.min(LONG_SERIES));
    let start = Instant::now();
    fill::sqlite(&path, span, all)?;
    let filled = start.elapsed();
    iot_store::sqlite::reindex(&path, true, &mut |_| true)?;
    let size = fs::metadata(&path)?.len();
    println!(
        "\nSQLite: {all} readings in 101 series, {} MB, {:.0} bytes each; written in {:.0} s, rollups made in {:.0} s",
        size >> 20,
        data::ratio(size, all),
        filled.as_secs_f64(),
        start.elapsed().saturating_sub(filled).as_secs_f64(),
    );
    sqlite(&path)
}

fn sqlite(path: &Path) -> Result<()> {
    let mut reader = SqliteReader::open(path).map_err(anyhow::Error::new)?;
    let span = questions::span(&mut reader)?;
    questions::buckets(&mut reader, span, 50)?;
    let folder = tempfile::tempdir()?;
    let csv = export::measure(folder.path(), path, span)?;
    peers::sqlite3(path)?;
    peers::duckdb(folder.path(), &csv, span)
}

fn many_series() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("iot.db");
    let mut store = SqliteStore::open(&path)?;
    let mut source = Source::beginning(Span::ending_now(1_000_000).since);
    for _ in 0..100 {
        let entries = source.each(10_000);
        store.commit_with(&entries, &[])?;
    }
    println!();
    let mut reader = SqliteReader::open(&path).map_err(anyhow::Error::new)?;
    questions::latest("SQLite", &mut reader)?;
    let mongo = Mongo::start();
    fill::through_store(&mongo, &source.each(10_000))?;
    let reader = MongoReader::open(&mongo.url(), "sensors");
    questions::latest("MongoDB", &mut reader.map_err(anyhow::Error::new)?)
}

fn mongodb(all: u64) -> Result<()> {
    let mongo = Mongo::start();
    let span = Span::ending_now(all);
    let start = Instant::now();
    fill::mongodb(&mongo, span)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("\nMongoDB: {all} readings of one series, written in {seconds:.0} s");
    let reader = MongoReader::open(&mongo.url(), "sensors");
    let mut reader = reader.map_err(anyhow::Error::new)?;
    questions::first_time(&mut reader)?;
    questions::buckets(&mut reader, span, 150)
}
