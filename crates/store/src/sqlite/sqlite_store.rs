//! The embedded store: one SQLite file, which is the journal and the store at once.
//!
//! `sqlite3 iot.db 'select topic, value, reg_date from sensors'` shows the readings in order of arrival: a number as
//! REAL (`25.5`), JSON as JSON text (so a JSON string has its quotes: `"open"`), text as it is (`open`), the time as
//! `2026-11-23T10:00:00.123Z`. A query for one topic, with a range of times or without, follows the primary key. One
//! over all topics sorts what it reads: about a second for each million readings. To count them all, ask the table
//! `readings`, which nothing sorts.

pub mod disk;
pub mod failure;
mod field_columns;
pub mod file;
pub mod held;
#[cfg(test)]
mod tests;
mod unique_ids;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, ToSql, TransactionBehavior};

use self::disk::FileId;
use self::failure::explain;
pub use self::failure::{Damaged, Retryable};
use self::file::Format;
use self::held::{Change, Held, SessionKey};
use crate::entry::Entry;
use crate::reading::Reading;
use crate::rejection::Rejection;
use crate::store::Stored;
use crate::value::Value;

const FORMAT: Format = Format {
    // `iots`
    application_id: 0x69_6f_74_73,
    version: 2,
    schema: &[include_str!("sqlite/schema.sql"), held::SCHEMA],
    settings: &[
        // Few and large checkpoints are fast; the limit gives the log's room back after a burst.
        ("wal_autocheckpoint", 10_000),
        ("journal_size_limit", 64 << 20),
        // In KiB; filled only as far as it is used. One page for each of some thousand topics stays in memory.
        ("cache_size", -16_384),
    ],
};

/// Most topics whose row ids are remembered; beyond it all are looked up again.
const TOPICS_REMEMBERED: usize = 100_000;

/// The embedded store, open.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    file: PathBuf,
    /// Name shown in errors.
    path: String,
    /// Row ids of topics that are committed.
    topics: HashMap<Arc<str>, i64>,
    /// Readings have more than the four fields, in a column of their own.
    has_fields: bool,
    /// Messages make the ids, so that two with the same one mean something.
    keyed: bool,
    /// Whose changes are kept.
    session: Option<SessionKey>,
    /// Which file that was when it was opened.
    file_id: Option<FileId>,
}

impl SqliteStore {
    /// Opens the store at `path`, or makes it; readings have the four fields.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with).
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        Self::open_with(path, &[])
    }

    /// Opens the store at `path`, or makes it; readings are to have these fields beside the four.
    ///
    /// # Errors
    ///
    /// A file that can't be opened, isn't an SQLite database, is somebody else's, or was made by a newer version. None
    /// of these files is changed.
    pub fn open_with(path: &Path, fields: &[Arc<str>]) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let mut connection =
            file::connect(path, &FORMAT).with_context(|| format!("cannot open store `{name}`"))?;
        let has_fields = field_columns::add(&mut connection, fields)
            .map_err(explain)
            .with_context(|| format!("cannot add fields to store `{name}`"))?;
        Ok(Self {
            connection,
            file: path.to_owned(),
            path: name,
            topics: HashMap::new(),
            has_fields,
            keyed: false,
            session: None,
            file_id: disk::file_id(path),
        })
    }

    /// Stores a reading once, whenever it comes again with the same id, and rejects another one with that id.
    ///
    /// # Errors
    ///
    /// The file can't be written.
    pub fn know_ids(&mut self) -> anyhow::Result<()> {
        self.connection
            .execute_batch(unique_ids::INDEX)
            .map_err(explain)
            .with_context(|| format!("cannot make ids unique in store `{}`", self.path))?;
        self.keyed = true;
        Ok(())
    }

    fn commit_all(&mut self, entries: &[Entry], changes: &[Change]) -> rusqlite::Result<Stored> {
        if self.topics.len() > TOPICS_REMEMBERED {
            self.topics.clear();
        }
        // Without IMMEDIATE, a second writer would make the first INSERT fail at once instead of waiting.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Topics first seen here: their ids count only once they are committed.
        let mut new_topics = HashMap::new();
        let mut committed = Stored::default();
        {
            // Only a file that was ever asked for fields has that column.
            let mut insert_reading = transaction.prepare_cached(if self.has_fields {
                "INSERT INTO readings (topic_id, reg_date, uid, value, fields) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT DO NOTHING"
            } else {
                "INSERT INTO readings (topic_id, reg_date, uid, value) VALUES (?, ?, ?, ?)
                 ON CONFLICT DO NOTHING"
            })?;
            let mut insert_rejection = transaction.prepare_cached(
                "INSERT INTO sensors_rejected (topic, payload, length, sha256, reason, reg_date, uid)
                 VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )?;
            let mut reject = |rejection: &Rejection, date: &mut Date| {
                insert_rejection.execute((
                    &*rejection.topic,
                    &*rejection.payload,
                    i64::try_from(rejection.length).unwrap_or(i64::MAX),
                    rejection.sha256_hex(),
                    &rejection.reason,
                    date.text(rejection.reg_date),
                    rejection.id.bytes(),
                ))
            };
            let mut date = Date::default();
            for entry in entries {
                let (inserted, count) = match entry {
                    Entry::Reading(reading) => {
                        let known = self.topics.get(&reading.topic);
                        let known = known.or_else(|| new_topics.get(&reading.topic));
                        let topic_id = if let Some(&id) = known {
                            id
                        } else {
                            let id = topic_id(&transaction, &reading.topic)?;
                            new_topics.insert(Arc::clone(&reading.topic), id);
                            id
                        };
                        let once = reading.extra.as_ref().is_some_and(|extra| extra.once);
                        if once && repeats(&transaction, topic_id, reading)? {
                            committed.skipped += 1;
                            continue;
                        }
                        let at = date.text(reading.reg_date);
                        let id = reading.id.bytes();
                        let inserted = if self.has_fields {
                            let fields = field_columns::text(reading);
                            insert_reading.execute((topic_id, at, id, &reading.value, fields))?
                        } else {
                            insert_reading.execute((topic_id, at, id, &reading.value))?
                        };
                        let there = self.keyed && inserted == 0;
                        if there && unique_ids::is_other(&transaction, topic_id, reading)? {
                            let conflict = unique_ids::conflict(reading);
                            (reject(&conflict, &mut date)?, &mut committed.rejected)
                        } else {
                            (inserted, &mut committed.stored)
                        }
                    }
                    Entry::Rejection(rejection) => {
                        if rejection.once && is_rejected(&transaction, rejection)? {
                            committed.skipped += 1;
                            continue;
                        }
                        (reject(rejection, &mut date)?, &mut committed.rejected)
                    }
                };
                if inserted == 0 {
                    committed.duplicates += 1;
                } else {
                    *count += 1;
                }
            }
        }
        if let Some(key) = &self.session {
            held::apply(&transaction, key, changes)?;
        }
        transaction.commit()?;
        self.topics.extend(new_topics);
        Ok(committed)
    }
}

impl SqliteStore {
    /// Keeps the changes of this session from now on; returns what it holds already.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn resume(&mut self, key: &SessionKey) -> anyhow::Result<Held> {
        let held = held::read(&self.connection, key)
            .map_err(explain)
            .with_context(|| format!("cannot read `{}`", self.path))?;
        self.session = Some(key.clone());
        Ok(held)
    }

    /// Commits `entries` and `changes`, all or none of them. When it returns they are on disk, also through a loss of power.
    /// Blocks until the disk has answered.
    ///
    /// An entry that is there already (the same id) is left as it is, so a call can be repeated. Without a session to keep,
    /// changes mean nothing.
    ///
    /// # Errors
    ///
    /// Nothing of this call is committed and all from before is kept. A [`Retryable`] cause (find it with
    /// `downcast_ref`) may pass, so try again later. Any other is fatal: after a failed fsync nobody knows what the disk
    /// holds, so acknowledge nothing and exit.
    pub fn commit_with(&mut self, entries: &[Entry], changes: &[Change]) -> anyhow::Result<Stored> {
        if entries.is_empty() && (changes.is_empty() || self.session.is_none()) {
            return Ok(Stored::default());
        }
        // What is written into a file without a name nobody would ever find.
        if disk::file_id(&self.file) != self.file_id {
            bail!("`{}` was removed while it was in use", self.path);
        }
        self.commit_all(entries, changes)
            .map_err(explain)
            .with_context(|| format!("cannot store in `{}`", self.path))
    }

    #[cfg(test)]
    fn commit(&mut self, entries: &[Entry]) -> anyhow::Result<Stored> {
        self.commit_with(entries, &[])
    }
}

/// Returns whether the topic's last reading has the same value, and is not this one.
fn repeats(connection: &Connection, topic: i64, reading: &Reading) -> rusqlite::Result<bool> {
    let last = "SELECT value = ?2 AND typeof(value) = typeof(?2) AND uid <> ?3 FROM readings WHERE topic_id = ?1
                ORDER BY reg_date DESC, uid DESC LIMIT 1";
    let same = connection
        .prepare_cached(last)?
        .query_row((topic, &reading.value, reading.id.bytes()), |row| {
            row.get(0)
        })
        .optional()?;
    Ok(same.unwrap_or(false))
}

/// Returns whether the topic's last rejection, if it is among the latest of all, is of the same payload.
fn is_rejected(connection: &Connection, rejection: &Rejection) -> rusqlite::Result<bool> {
    let last =
        "SELECT sha256 = ?2 FROM (SELECT * FROM sensors_rejected ORDER BY rowid DESC LIMIT 10000)
                WHERE topic = ?1 AND uid <> ?3 LIMIT 1";
    let id = rejection.id.bytes();
    let same = connection
        .prepare_cached(last)?
        .query_row((&*rejection.topic, rejection.sha256_hex(), id), |row| {
            row.get(0)
        })
        .optional()?;
    Ok(same.unwrap_or(false))
}

/// Returns the row id of `topic`, which gets one if it has none.
fn topic_id(connection: &Connection, topic: &str) -> rusqlite::Result<i64> {
    let found = connection
        .prepare_cached("SELECT id FROM topics WHERE name = ?")?
        .query_row([topic], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    connection
        .prepare_cached("INSERT INTO topics (name) VALUES (?)")?
        .insert([topic])
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Number(number) => ToSqlOutput::from(*number),
            Self::Json(json) => ToSqlOutput::from(json.to_string()),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// Dates as text; those of one batch are mostly the same.
#[derive(Default)]
struct Date {
    of: Option<DateTime<Utc>>,
    text: String,
}

impl Date {
    fn text(&mut self, date: DateTime<Utc>) -> &str {
        if self.of != Some(date) {
            self.text = date.to_rfc3339_opts(SecondsFormat::Millis, true);
            self.of = Some(date);
        }
        &self.text
    }
}
