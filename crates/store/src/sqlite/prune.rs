//! Removes old readings, in small steps.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chrono::Utc;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::alerts;
use super::failure::explain;
use super::rollups::{self, Mode, Span, roll, roll_day};
use super::sql_value::{millis_of, time_text};
use super::store_file::connect_to_existing;
use crate::expiry::{Expiry, Pruned};

/// Rows that one step removes.
const ROWS: i64 = 2_000;
/// A pause between steps: the program that writes has its turn.
const PAUSE: Duration = Duration::from_millis(20);
/// Delay between two looks through all series, by the program that writes.
const SWEEP_DELAY: Duration = Duration::from_mins(10);

/// Removes old readings and rejections from the file at `path`.
///
/// # Errors
/// The file can't be written; or rollups are to be kept, and it has none.
pub fn prune(
    path: &Path,
    expiry: Expiry,
    proceed: &mut dyn FnMut(Pruned) -> bool,
) -> anyhow::Result<Pruned> {
    let mut connection = connect_to_existing(path)?;
    let name = path.display();
    let failed = || format!("cannot prune store `{name}`");
    let mode = rollups::mode(&connection)
        .map_err(explain)
        .with_context(failed)?;
    if expiry.keep_rollups && mode != Mode::On {
        bail!("store `{name}` has no rollups to keep (make them with `iot-view reindex`)");
    }
    let mut sweep = Sweep::new(expiry);
    let mut all = Pruned::default();
    loop {
        let step = (|| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let step = sweep.step(&transaction, ROWS)?;
            transaction.commit()?;
            Ok(step)
        })();
        let pruned = step.map_err(explain).with_context(failed)?;
        all.readings += pruned.readings;
        all.rejections += pruned.rejections;
        if sweep.is_done || !proceed(all) {
            return Ok(all);
        }
        sleep(PAUSE);
    }
}

/// A look through all series for what is older than a time.
#[derive(Debug)]
pub(super) struct Sweep {
    /// The first hour that stays.
    hour: i64,
    keep_rollups: bool,
    /// The series that it is at.
    series: i64,
    is_begun: bool,
    pub(super) is_done: bool,
}

impl Sweep {
    fn new(expiry: Expiry) -> Self {
        let millis = expiry.before.timestamp_millis();
        Self {
            hour: millis.div_euclid(Span::Hour.millis()),
            keep_rollups: expiry.keep_rollups,
            series: i64::MIN,
            is_begun: false,
            is_done: false,
        }
    }

    /// Removes up to about so many rows, in the transaction that `connection` is in.
    fn step(&mut self, connection: &Connection, rows: i64) -> rusqlite::Result<Pruned> {
        let mut pruned = Pruned::default();
        if !self.is_begun {
            self.is_begun = true;
            let before = rollups::pruned_hour(connection)?;
            if self.keep_rollups && before < self.hour {
                rollups::set_pruned_hour(connection, self.hour)?;
            }
        }
        let deadline = time_text(self.hour * Span::Hour.millis());
        let mut left = rows;
        while left > 0 {
            let next: Option<(i64, String)> = connection
                .prepare_cached(
                    "SELECT series.id, (SELECT min(reg_date) FROM readings WHERE series_id = series.id)
                     FROM series WHERE id >= ? ORDER BY id LIMIT 1",
                )?
                .query_row([self.series], |row| {
                    let first: Option<String> = row.get(1)?;
                    Ok((row.get(0)?, first.unwrap_or_default()))
                })
                .optional()?;
            let Some((series, first)) = next else {
                break;
            };
            // To look at a series has its price, too.
            left -= 20;
            self.series = series;
            let millis = millis_of(&first).filter(|_| first < deadline);
            let Some(millis) = millis else {
                self.series += 1;
                continue;
            };
            let hour = millis.div_euclid(Span::Hour.millis());
            self.rollups(connection, series, hour)?;
            let end = time_text((hour + 1) * Span::Hour.millis());
            let deleted = connection
                .prepare_cached(
                    "DELETE FROM readings WHERE (series_id, reg_date, uid) IN
                     (SELECT series_id, reg_date, uid FROM readings
                      WHERE series_id = ?1 AND reg_date >= ?2 AND reg_date < ?3
                      ORDER BY reg_date, uid LIMIT ?4)",
                )?
                .execute(params![series, first, end, left.max(1)])?;
            pruned.readings += deleted as u64;
            left -= i64::try_from(deleted).unwrap_or(i64::MAX);
        }
        if left > 0 {
            let deleted = connection
                .prepare_cached(
                    "DELETE FROM sensors_rejected WHERE rowid IN
                     (SELECT rowid FROM (SELECT rowid, reg_date FROM sensors_rejected ORDER BY rowid LIMIT ?1)
                      WHERE reg_date < ?2)",
                )?
                .execute(params![left, &deadline])?;
            pruned.rejections += deleted as u64;
            let reports = alerts::prune(connection, &deadline, left)?;
            self.is_done = deleted == 0 && reports == 0;
        }
        Ok(pruned)
    }

    /// Sees to the rollups of an hour whose readings go.
    fn rollups(&self, connection: &Connection, series: i64, hour: i64) -> rusqlite::Result<()> {
        if self.keep_rollups {
            if rollups::is_due(connection, series, hour)? {
                roll(connection, series, hour)?;
            }
            return Ok(());
        }
        if hour < rollups::pruned_hour(connection)? {
            // Kept by an earlier call.
            return Ok(());
        }
        connection
            .prepare_cached("DELETE FROM rollups WHERE series_id = ? AND span = 60 AND start = ?")?
            .execute((series, hour * 60))?;
        rollups::write_minutes(connection, series, hour, &[])?;
        connection
            .prepare_cached("DELETE FROM rollups_due WHERE series_id = ? AND hour = ?")?
            .execute((series, hour))?;
        roll_day(connection, series, hour)
    }
}

/// How long the program that writes keeps readings.
#[derive(Debug)]
pub(super) struct Keep {
    duration: Duration,
    sweep: Option<Sweep>,
    next: Instant,
}

impl Keep {
    /// Keeps readings for so long.
    pub(super) fn new(keep: Duration) -> Self {
        Self {
            duration: keep,
            sweep: None,
            next: Instant::now(),
        }
    }

    /// Removes some of what is older, in a transaction that has stored so many readings: at most
    /// twice as many, so that a commit takes little longer and the file does not grow.
    pub(super) fn remove_some(
        &mut self,
        connection: &Connection,
        stored: u64,
    ) -> rusqlite::Result<Pruned> {
        if self.sweep.is_none() {
            if Instant::now() < self.next {
                return Ok(Pruned::default());
            }
            let keep = chrono::Duration::from_std(self.duration).unwrap_or(chrono::Duration::MAX);
            let Some(before) = Utc::now().checked_sub_signed(keep) else {
                return Ok(Pruned::default());
            };
            let keep_rollups = false;
            self.sweep = Some(Sweep::new(Expiry {
                before,
                keep_rollups,
            }));
        }
        let Some(sweep) = &mut self.sweep else {
            return Ok(Pruned::default());
        };
        let rows = i64::try_from(stored.saturating_mul(2)).unwrap_or(i64::MAX);
        let pruned = sweep.step(connection, rows.clamp(200, ROWS))?;
        if sweep.is_done {
            self.sweep = None;
            self.next = Instant::now() + SWEEP_DELAY;
        }
        Ok(pruned)
    }

    /// Begins again, as a transaction came to nothing.
    pub(super) fn forget(&mut self) {
        self.sweep = None;
    }
}
