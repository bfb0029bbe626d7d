//! Fills stores with what they would hold after a year, without going through `iot-sub`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use iot_store::mongodb::MongoStore;
use iot_store::mongodb_options::Options;
use iot_store::sqlite::SqliteStore;
use iot_store::{Entry, IdGenerator, Store, TimeText};
use mongodb::bson::{RawDocumentBuf, doc, oid::ObjectId, rawdoc};
use rusqlite::Connection;
use testkit::Mongo;

use crate::data::{INTERVAL, LONG_TOPIC, Span, value};

/// Series beside the long one.
const OTHERS: u64 = 100;
/// Documents of one insert.
const BATCH: usize = 10_000;

/// Writes a file with so many readings in order of its key: the long series, and others in the same
/// time.
pub(crate) fn sqlite(path: &Path, long: Span, all: u64) -> Result<()> {
    // It makes the tables.
    drop(SqliteStore::open(path)?);
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = DELETE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
         PRAGMA cache_size = -262144; BEGIN",
    )?;
    write_series(&connection, 1, LONG_TOPIC, long)?;
    let rest = all.saturating_sub(long.readings);
    for index in 0..OTHERS.min(rest) {
        let more = u64::from(index < rest % OTHERS);
        let span = Span {
            readings: rest / OTHERS + more,
            ..long
        };
        let id = i64::try_from(index)? + 2;
        write_series(&connection, id, &format!("plant/{index}/value"), span)?;
    }
    connection.execute_batch("COMMIT; PRAGMA journal_mode = WAL")?;
    Ok(())
}

fn write_series(connection: &Connection, id: i64, topic: &str, span: Span) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO series (id, topic) VALUES (?, ?)")?
        .execute((id, topic))?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO readings (series_id, reg_date, uid, value) VALUES (?, ?, ?, ?)",
    )?;
    let (mut ids, mut text) = (IdGenerator::new(), TimeText::default());
    let (mut time, mut buffer) = (span.since, Vec::new());
    for number in 0..span.readings {
        buffer.clear();
        text.push(time, &mut buffer);
        let shown = str::from_utf8(&buffer)?;
        insert.execute((id, shown, ids.next(time).bytes(), value(number)))?;
        time += INTERVAL;
    }
    Ok(())
}

/// Inserts the long series into `sensors`, and makes the index of `iot-sub --index`.
pub(crate) fn mongodb(mongo: &Mongo, span: Span) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(mongo.url()).await?;
        let database = client.database("iot_service");
        let sensors = database.collection::<RawDocumentBuf>("sensors");
        let (mut ids, mut time) = (IdGenerator::new(), span.since);
        let mut inserts = tokio::task::JoinSet::new();
        let mut documents = Vec::with_capacity(BATCH);
        for number in 1..=span.readings {
            documents.push(rawdoc! {
                "_id": ObjectId::from_bytes(ids.next(time).bytes()),
                "topic": LONG_TOPIC,
                "value": value(number),
                "reg_date": mongodb::bson::DateTime::from_millis(time.timestamp_millis()),
            });
            time += INTERVAL;
            if documents.len() < BATCH && number < span.readings {
                continue;
            }
            if inserts.len() > 1 {
                inserts.join_next().await.context("an insert")???;
            }
            let full = std::mem::replace(&mut documents, Vec::with_capacity(BATCH));
            let sensors = sensors.clone();
            inserts.spawn(async move { sensors.insert_many(full).await });
        }
        while let Some(inserted) = inserts.join_next().await {
            inserted??;
        }
        let index = doc! {"key": {"topic": 1, "reg_date": 1}, "name": "topic_1_reg_date_1"};
        database
            .run_command(doc! {"createIndexes": "sensors", "indexes": [index]})
            .await?;
        anyhow::Ok(())
    })
}

/// Stores entries as `iot-sub` does, which also notes their series.
pub(crate) fn through_store(mongo: &Mongo, entries: &[Entry]) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let report = Arc::new(|line: &str| eprintln!("{line}"));
        let store = MongoStore::open(&mongo.url(), "sensors", Options::default(), report).await?;
        for entries in entries.chunks(5_000) {
            store.insert(entries, false).await?;
        }
        store.finish().await?;
        Ok(())
    })
}
