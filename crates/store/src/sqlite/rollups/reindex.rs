//! Makes the rollups of a file that has none, in small steps beside the program that writes.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::cell::Span;
use super::due::{Mode, mode, pruned_hour, set_mode};
use super::roll::roll;
use crate::reindexed::Reindexed;
use crate::sqlite::about;
use crate::sqlite::failure::explain;
use crate::sqlite::sql_value::{millis_of, time_text};
use crate::sqlite::store_file::connect_to_existing;

/// Readings in one step.
const READINGS: i64 = 20_000;
/// Cells that one step deletes.
const CELLS: i64 = 10_000;
/// A pause between steps: the program that writes has its turn.
const PAUSE: Duration = Duration::from_millis(5);

/// How far the work is: what is done up to here is kept when it is interrupted.
const SERIES: &str = "reindex_series";
const TIME: &str = "reindex_time";

/// Makes the rollups of the file at `path`, or goes on with that. `proceed` is called after each
/// step; if it returns `false`, the work ends, and the next call continues. What the file had is
/// made again only with `again`.
///
/// # Errors
/// The file can't be written, or another program turns its rollups off.
pub fn reindex(
    path: &Path,
    again: bool,
    proceed: &mut dyn FnMut(Reindexed) -> bool,
) -> anyhow::Result<Reindexed> {
    let mut connection = connect_to_existing(path)?;
    let mut done = Reindexed::default();
    let name = path.display();
    let failed = || format!("cannot make rollups in `{name}`");
    match mode(&connection).map_err(explain).with_context(failed)? {
        Mode::On if !again => return Ok(done),
        Mode::Building if !again => {}
        Mode::On | Mode::Building | Mode::Off => {
            begin(&mut connection)
                .map_err(explain)
                .with_context(failed)?;
        }
    }
    loop {
        let Some(progress) = step(&mut connection, &mut done)
            .map_err(explain)
            .with_context(failed)?
        else {
            return Ok(done);
        };
        if progress == Step::TurnedOff {
            bail!("another program has turned off the rollups of `{name}` (iot-sub --no-rollups)");
        }
        if !proceed(done) {
            return Ok(done);
        }
        sleep(PAUSE);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Done,
    TurnedOff,
}

fn begin(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    set_mode(&transaction, Mode::Building)?;
    about::set(&transaction, SERIES, i64::MIN)?;
    about::set(&transaction, TIME, "")?;
    transaction.commit()
}

/// Does the next step; returns nothing if all is done.
fn step(connection: &mut Connection, done: &mut Reindexed) -> rusqlite::Result<Option<Step>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if mode(&transaction)? != Mode::Building {
        return Ok(Some(Step::TurnedOff));
    }
    let series: i64 = about::get(&transaction, SERIES)?.unwrap_or(i64::MIN);
    let pruned = pruned_hour(&transaction)?;
    if series == i64::MIN {
        // Cells of readings that are gone since are to go, but for those that outlive them.
        let pruned = pruned.max(0);
        let deleted = transaction
            .prepare_cached(
                "DELETE FROM rollups WHERE (series_id, span, start) IN
                 (SELECT series_id, span, start FROM rollups WHERE start >= ? LIMIT ?)",
            )?
            .execute((pruned.saturating_mul(60), CELLS))?;
        let minutes = transaction
            .prepare_cached(
                "DELETE FROM rollup_minutes WHERE (series_id, hour) IN
                 (SELECT series_id, hour FROM rollup_minutes WHERE hour >= ? LIMIT ?)",
            )?
            .execute((pruned, CELLS / 10))?;
        if deleted == 0 && minutes == 0 {
            about::set(&transaction, SERIES, next_series(&transaction, i64::MIN)?)?;
        }
        transaction.commit()?;
        return Ok(Some(Step::Done));
    }
    done.all_series = count_series(&transaction)?;
    if series == i64::MAX {
        set_mode(&transaction, Mode::On)?;
        transaction.commit()?;
        done.series = done.all_series;
        return Ok(None);
    }
    let mut from: String = about::get(&transaction, TIME)?.unwrap_or_default();
    if pruned > i64::MIN {
        from = from.max(time_text(pruned * Span::Hour.millis()));
    }
    let mut left = READINGS;
    while left > 0 {
        let next: Option<String> = transaction
            .prepare_cached(
                "SELECT reg_date FROM readings WHERE series_id = ? AND reg_date >= ?
                 ORDER BY reg_date LIMIT 1",
            )?
            .query_row((series, &from), |row| row.get(0))
            .optional()?;
        let Some(millis) = next.as_deref().and_then(millis_of) else {
            about::set(&transaction, SERIES, next_series(&transaction, series)?)?;
            from.clear();
            done.series += 1;
            break;
        };
        let hour = millis.div_euclid(Span::Hour.millis());
        let readings = roll(&transaction, series, hour)?;
        done.readings += readings.unsigned_abs();
        left -= readings.max(50);
        from = time_text((hour + 1) * Span::Hour.millis());
    }
    about::set(&transaction, TIME, from)?;
    transaction.commit()?;
    Ok(Some(Step::Done))
}

/// Returns the series after `series`, or the greatest number if there is none.
fn next_series(connection: &Connection, series: i64) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT coalesce(min(id), 9223372036854775807) FROM series WHERE id > ?")?
        .query_row([series], |row| row.get(0))
}

fn count_series(connection: &Connection) -> rusqlite::Result<u64> {
    let count: i64 = connection.query_row("SELECT count(*) FROM series", [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}
