//! The inserts of one transaction.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, OptionalExtension};

use super::repetitions::{is_rejected, repeats};
use super::sql_value::Date;
use super::{field_columns, rejected_limit, unique_ids};
use crate::entry::Entry;
use crate::keep_rejected::KeepRejected;
use crate::reading::Reading;
use crate::recent_table::RecentTable;
use crate::rejection::Rejection;
use crate::store::Stored;

/// Row ids of topics that are committed.
pub(super) type Topics = RecentTable<i64>;
/// Row ids of topics that are not.
type NewTopics = HashMap<Arc<str>, i64>;

/// How a file is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    /// Readings have more than the four fields, in a column of their own.
    pub(super) has_fields: bool,
    /// Messages make the ids, so that two with the same one mean something.
    pub(super) keyed: bool,
    /// What is kept of rejections.
    pub(super) rejected: KeepRejected,
}

/// Inserts entries within a transaction.
pub(super) struct Insertion<'a> {
    transaction: &'a Connection,
    columns: Columns,
    insert_reading: CachedStatement<'a>,
    insert_rejection: CachedStatement<'a>,
    date: Date,
    /// Topics that are committed.
    topics: &'a mut Topics,
    /// Topics first seen here: their ids count only once they are committed.
    new_topics: NewTopics,
    stored: Stored,
    /// Readings that were refused.
    refused: Vec<Refusal>,
    /// Bytes of rejections.
    rejected_bytes: u64,
}

/// What an insertion did, to be applied once it is committed.
#[derive(Debug, Default)]
pub(super) struct Inserted {
    pub(super) stored: Stored,
    pub(super) new_topics: NewTopics,
    pub(super) refused: Vec<Refusal>,
    /// Bytes of rejections.
    pub(super) rejected_bytes: u64,
}

/// A reading that the store has refused, and kept as a rejection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its topic.
    pub topic: Arc<str>,
    /// Why, in one line.
    pub reason: String,
}

impl<'a> Insertion<'a> {
    /// Prepares the statements in `transaction`, which is begun.
    pub(super) fn new(
        transaction: &'a Connection,
        columns: Columns,
        topics: &'a mut Topics,
    ) -> rusqlite::Result<Self> {
        // Only a file that was ever asked for fields has that column.
        let insert_reading = transaction.prepare_cached(if columns.has_fields {
            "INSERT INTO readings (topic_id, reg_date, uid, value, fields) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT DO NOTHING"
        } else {
            "INSERT INTO readings (topic_id, reg_date, uid, value) VALUES (?, ?, ?, ?)
             ON CONFLICT DO NOTHING"
        })?;
        let insert_rejection = transaction.prepare_cached(
            "INSERT INTO sensors_rejected (topic, payload, length, sha256, reason, reg_date, uid)
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )?;
        Ok(Self {
            transaction,
            columns,
            insert_reading,
            insert_rejection,
            date: Date::default(),
            topics,
            new_topics: NewTopics::new(),
            stored: Stored::default(),
            refused: Vec::new(),
            rejected_bytes: 0,
        })
    }

    /// Inserts `entry`, unless it is there already or only repeats what is.
    pub(super) fn insert(&mut self, entry: &Entry) -> rusqlite::Result<()> {
        match entry {
            Entry::Reading(reading) => self.reading(reading),
            Entry::Readings(_) => unimplemented!("no message gives several readings yet"),
            Entry::Rejection(rejection) => {
                if rejection.once && is_rejected(self.transaction, rejection)? {
                    self.stored.skipped += 1;
                    return Ok(());
                }
                self.rejection(rejection)
            }
        }
    }

    /// Returns what was inserted, and the topics that are new.
    pub(super) fn finish(self) -> Inserted {
        Inserted {
            stored: self.stored,
            new_topics: self.new_topics,
            refused: self.refused,
            rejected_bytes: self.rejected_bytes,
        }
    }

    fn reading(&mut self, reading: &Reading) -> rusqlite::Result<()> {
        let topic_id = self.topic_id(&reading.topic)?;
        let once = reading.extra.as_ref().is_some_and(|extra| extra.once);
        if once && repeats(self.transaction, topic_id, reading)? {
            self.stored.skipped += 1;
            return Ok(());
        }
        let at = self.date.text(reading.reg_date);
        let id = reading.id.bytes();
        let inserted = if self.columns.has_fields {
            let fields = field_columns::text(reading);
            self.insert_reading
                .execute((topic_id, at, id, &reading.value, fields))?
        } else {
            self.insert_reading
                .execute((topic_id, at, id, &reading.value))?
        };
        if inserted > 0 {
            self.stored.stored += 1;
            self.stored.readings += 1;
        } else if self.columns.keyed && unique_ids::is_other(self.transaction, topic_id, reading)? {
            let conflict = unique_ids::conflict(reading);
            let rejected = self.stored.rejected;
            self.rejection(&conflict)?;
            if self.stored.rejected > rejected {
                self.refused.push(Refusal {
                    topic: conflict.topic,
                    reason: conflict.reason,
                });
            }
        } else {
            self.stored.duplicates += 1;
        }
        Ok(())
    }

    fn rejection(&mut self, rejection: &Rejection) -> rusqlite::Result<()> {
        if self.columns.rejected == KeepRejected::Nothing {
            self.stored.rejected += 1;
            return Ok(());
        }
        let inserted = self.insert_rejection.execute((
            &*rejection.topic,
            &*rejection.payload,
            i64::try_from(rejection.length).unwrap_or(i64::MAX),
            rejection.sha256_hex(),
            &rejection.reason,
            self.date.text(rejection.reg_date),
            rejection.id.bytes(),
        ))?;
        if inserted > 0 {
            self.stored.rejected += 1;
            self.rejected_bytes += rejected_limit::size(rejection);
        } else {
            self.stored.duplicates += 1;
        }
        Ok(())
    }

    fn topic_id(&mut self, topic: &Arc<str>) -> rusqlite::Result<i64> {
        let known = self.topics.get(topic);
        if let Some(&id) = known.or_else(|| self.new_topics.get(topic)) {
            return Ok(id);
        }
        let id = topic_id(self.transaction, topic)?;
        self.new_topics.insert(Arc::clone(topic), id);
        Ok(id)
    }
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
