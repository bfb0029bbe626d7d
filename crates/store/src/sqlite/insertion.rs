//! The inserts of one transaction.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection};

use super::repetitions::{is_rejected, repeats};
use super::rollups::Due;
use super::series_table::SeriesTable;
use super::sql_value::Date;
use super::{rejected_limit, unique_ids, view};
use crate::entry::Entry;
use crate::keep_rejected::KeepRejected;
use crate::reading::Reading;
use crate::readings::Readings;
use crate::rejection::Rejection;
use crate::store::Stored;
use crate::tally::Fate;

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
    series: &'a mut SeriesTable,
    due: &'a mut Due,
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
        series: &'a mut SeriesTable,
        due: &'a mut Due,
    ) -> rusqlite::Result<Self> {
        // Only a file that was ever asked for fields has that column.
        let insert_reading = transaction.prepare_cached(if columns.has_fields {
            "INSERT INTO readings (series_id, reg_date, uid, value, unit, fields) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT DO NOTHING"
        } else {
            "INSERT INTO readings (series_id, reg_date, uid, value, unit) VALUES (?, ?, ?, ?, ?)
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
            series,
            due,
            stored: Stored::default(),
            refused: Vec::new(),
            rejected_bytes: 0,
        })
    }

    /// Inserts `entry`, unless it is there already or only repeats what is.
    pub(super) fn insert(&mut self, entry: &Entry) -> rusqlite::Result<()> {
        let fate = match entry {
            Entry::Reading(reading) => match self.reading(reading)? {
                Some(fate) => fate,
                None => self.refuse(&unique_ids::conflict(reading))?,
            },
            Entry::Readings(readings) => self.readings(readings)?,
            Entry::Rejection(rejection) => {
                if rejection.once && is_rejected(self.transaction, rejection)? {
                    Fate::Skipped
                } else {
                    self.rejection(rejection)?
                }
            }
        };
        *match fate {
            Fate::Skipped => &mut self.stored.skipped,
            Fate::Duplicate => &mut self.stored.duplicates,
            Fate::Stored => &mut self.stored.stored,
            Fate::Rejected => &mut self.stored.rejected,
        } += 1;
        Ok(())
    }

    /// Returns what was inserted.
    pub(super) fn finish(self) -> Inserted {
        Inserted {
            stored: self.stored,
            refused: self.refused,
            rejected_bytes: self.rejected_bytes,
        }
    }

    fn readings(&mut self, readings: &Readings) -> rusqlite::Result<Fate> {
        for update in &readings.series {
            self.series.update(self.transaction, update)?;
        }
        let mut fate = Fate::Skipped;
        let mut refused = None;
        for reading in &readings.readings {
            match self.reading(reading)? {
                Some(of_reading) => fate = fate.max(of_reading),
                None => refused = refused.or(Some(reading)),
            }
        }
        if let Some(reading) = refused {
            fate = fate.max(self.refuse(&unique_ids::conflict_in(readings, reading))?);
        }
        Ok(fate)
    }

    /// Inserts a reading; returns nothing if another one has its id.
    fn reading(&mut self, reading: &Reading) -> rusqlite::Result<Option<Fate>> {
        let series = self.series.find(self.transaction, reading)?;
        let once = reading.extra.as_ref().is_some_and(|extra| extra.once);
        if once && repeats(self.transaction, series.id, reading)? {
            return Ok(Some(Fate::Skipped));
        }
        let at = self.date.text(reading.reg_date);
        let id = reading.id.bytes();
        let unit = series.unit.as_deref();
        let inserted = if self.columns.has_fields {
            let fields = view::field_text(reading);
            self.insert_reading
                .execute((series.id, at, id, &reading.value, unit, fields))?
        } else {
            self.insert_reading
                .execute((series.id, at, id, &reading.value, unit))?
        };
        if inserted > 0 {
            let millis = reading.reg_date.timestamp_millis();
            self.due
                .note(self.transaction, series.id, millis, &reading.value)?;
            self.stored.readings += 1;
            return Ok(Some(Fate::Stored));
        }
        let is_other =
            self.columns.keyed && unique_ids::is_other(self.transaction, series.id, reading)?;
        Ok((!is_other).then_some(Fate::Duplicate))
    }

    /// Keeps a message as a rejection of which the store refuses a reading.
    fn refuse(&mut self, rejection: &Rejection) -> rusqlite::Result<Fate> {
        let fate = self.rejection(rejection)?;
        if fate == Fate::Rejected {
            self.refused.push(Refusal {
                topic: Arc::clone(&rejection.topic),
                reason: rejection.reason.clone(),
            });
        }
        Ok(fate)
    }

    fn rejection(&mut self, rejection: &Rejection) -> rusqlite::Result<Fate> {
        if self.columns.rejected == KeepRejected::Nothing {
            return Ok(Fate::Rejected);
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
        if inserted == 0 {
            return Ok(Fate::Duplicate);
        }
        self.rejected_bytes += rejected_limit::size(rejection);
        Ok(Fate::Rejected)
    }
}
