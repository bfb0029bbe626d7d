//! Deletes old readings, in small steps beside the program that writes.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, TransactionBehavior};

use super::failure::explain;
use super::rollups::{Mode, Span, mode, pruned_hour, roll, set_pruned_hour};
use super::sql_value::time_text;
use super::store_file::connect_to_existing;
use crate::pruned::Pruned;

/// Rows that one step deletes.
const ROWS: u32 = 5_000;
/// Hours that one step rolls up.
const HOURS: i64 = 20;
/// A pause between steps: the program that writes has its turn.
const PAUSE: Duration = Duration::from_millis(5);

/// Deletes the readings and rejections of the file at `path` that are older than `before`, rounded
/// down to a whole hour. Their rollups go, too, or stay with `keep_rollups`. `proceed` is called
/// after each step; if it returns `false`, the work ends, and what is deleted is deleted.
///
/// The file does not shrink: its free pages are used for what comes.
///
/// # Errors
/// The file can't be written, or has no rollups to keep.
pub fn prune(
    path: &Path,
    before: DateTime<Utc>,
    keep_rollups: bool,
    proceed: &mut dyn FnMut(Pruned) -> bool,
) -> anyhow::Result<Pruned> {
    let mut connection = connect_to_existing(path)?;
    let failed = || format!("cannot prune `{}`", path.display());
    let hour = before.timestamp_millis().div_euclid(Span::Hour.millis());
    let mut work = Work {
        hour,
        before: time_text(hour.saturating_mul(Span::Hour.millis())),
        done: Pruned::default(),
        proceed,
    };
    let has_rollups = mode(&connection).map_err(explain).with_context(failed)?;
    if keep_rollups && has_rollups != Mode::On {
        bail!(
            "{}: it has no rollups to keep (iot-view reindex makes them)",
            failed()
        );
    }
    let finished = work.run(&mut connection, keep_rollups);
    finished.map_err(explain).with_context(failed)?;
    Ok(work.done)
}

struct Work<'a> {
    /// Hours since 1970: all before this one go.
    hour: i64,
    /// The same as text.
    before: String,
    done: Pruned,
    proceed: &'a mut dyn FnMut(Pruned) -> bool,
}

impl Work<'_> {
    fn run(&mut self, connection: &mut Connection, keep_rollups: bool) -> rusqlite::Result<()> {
        let is_open = if keep_rollups {
            self.keep_rollups(connection)?
        } else {
            self.delete_rollups(connection)?
        };
        if is_open && self.delete_readings(connection)? {
            self.delete_rejections(connection)?;
        }
        Ok(())
    }

    /// Makes the rollups that are due while their readings are there. Returns whether to go on.
    fn keep_rollups(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        loop {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let due: Vec<(i64, i64)> = transaction
                .prepare_cached("SELECT series_id, hour FROM rollups_due WHERE hour < ? LIMIT ?")?
                .query_map((self.hour, HOURS), |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            for (series, hour) in &due {
                roll(&transaction, *series, *hour)?;
            }
            if due.is_empty() {
                // From here on, the hours before count as what they are now.
                let hour = self.hour.max(pruned_hour(&transaction)?);
                set_pruned_hour(&transaction, hour)?;
                transaction.commit()?;
                return Ok(true);
            }
            transaction.commit()?;
            if !self.proceed() {
                return Ok(false);
            }
        }
    }

    fn delete_rollups(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        let minutes = self.hour.saturating_mul(60);
        let day = minutes.div_euclid(Span::Day as i64) * Span::Day as i64;
        for series in all_series(connection)? {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (span, end) in [
                (Span::Minute, minutes),
                (Span::Hour, minutes),
                (Span::Day, day),
            ] {
                transaction
                    .prepare_cached(
                        "DELETE FROM rollups WHERE series_id = ? AND span = ? AND start < ?",
                    )?
                    .execute((series, span as i64, end))?;
            }
            transaction
                .prepare_cached("DELETE FROM rollups_due WHERE series_id = ? AND hour < ?")?
                .execute((series, self.hour))?;
            // The day that goes on loses its first hours.
            let of_day = transaction
                .prepare_cached(
                    "SELECT 1 FROM rollups WHERE series_id = ? AND span = 1440 AND start = ?",
                )?
                .exists((series, day))?;
            if of_day && day < minutes {
                self.delete_first_hours(&transaction, series, day)?;
            }
            transaction.commit()?;
            if !self.proceed() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes the rollup of a day of the hours that stay.
    fn delete_first_hours(
        &mut self,
        connection: &Connection,
        series: i64,
        day: i64,
    ) -> rusqlite::Result<()> {
        let from = time_text(day * Span::Minute.millis());
        let deleted = connection
            .prepare_cached(
                "DELETE FROM readings WHERE series_id = ? AND reg_date >= ? AND reg_date < ?",
            )?
            .execute((series, &from, &self.before))?;
        self.done.readings += deleted as u64;
        roll(connection, series, self.hour - 1)?;
        Ok(())
    }

    fn delete_readings(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        for series in all_series(connection)? {
            loop {
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let deleted = transaction
                    .prepare_cached(
                        "DELETE FROM readings WHERE (series_id, reg_date, uid) IN
                         (SELECT series_id, reg_date, uid FROM readings
                          WHERE series_id = ? AND reg_date < ? LIMIT ?)",
                    )?
                    .execute((series, &self.before, ROWS))?;
                transaction.commit()?;
                self.done.readings += deleted as u64;
                if deleted > 0 && !self.proceed() {
                    return Ok(false);
                }
                if deleted < ROWS as usize {
                    break;
                }
            }
        }
        Ok(true)
    }

    fn delete_rejections(&mut self, connection: &mut Connection) -> rusqlite::Result<()> {
        loop {
            let deleted = connection
                .prepare_cached(
                    "DELETE FROM sensors_rejected WHERE rowid IN
                     (SELECT rowid FROM sensors_rejected WHERE reg_date < ? LIMIT ?)",
                )?
                .execute((&self.before, ROWS))?;
            self.done.rejections += deleted as u64;
            if deleted < ROWS as usize || !self.proceed() {
                return Ok(());
            }
        }
    }

    fn proceed(&mut self) -> bool {
        sleep(PAUSE);
        (self.proceed)(self.done)
    }
}

fn all_series(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached("SELECT id FROM series ORDER BY id")?
        .query_map([], |row| row.get(0))?
        .collect()
}
