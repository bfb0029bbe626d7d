//! The hours that are due, and when their turn comes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;

use super::cell::Span;
use super::roll::{add_late, roll};
use crate::sqlite::about;
use crate::value::Value;

/// An hour is rolled up so long after it is over, or after it became due: what is late by a little
/// is not late then, and an hour into which many late readings come is not rolled up at each.
const DELAY: Duration = Duration::from_secs(10);
/// Most readings that one commit rolls up beside those that it stores; an hour with more is done as
/// a whole.
const READINGS: i64 = 2_000;
/// Most hours that are remembered; all are in the file.
const REMEMBERED: usize = 200_000;

/// Seconds until the file is looked at again for more than are remembered.
const LOAD_DELAY: i64 = 10;

/// Under which name the file says whether it has rollups.
const ROLLUPS: &str = "rollups";
/// All hours before this one have lost their readings, and keep their rollups.
const PRUNED: &str = "pruned_hour";

/// Whether a file has rollups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It has none.
    #[default]
    Off,
    /// They are being made; hours become due.
    Building,
    /// It has them.
    On,
}

/// Returns whether a file has rollups.
pub(in crate::sqlite) fn mode(connection: &Connection) -> rusqlite::Result<Mode> {
    let mode = about::get::<String>(connection, ROLLUPS)?;
    Ok(match mode.as_deref() {
        Some("with minutes") => Mode::On,
        Some("building") => Mode::Building,
        _ => Mode::Off,
    })
}

/// Says whether a file has rollups.
pub(in crate::sqlite) fn set_mode(connection: &Connection, mode: Mode) -> rusqlite::Result<()> {
    let mode = match mode {
        Mode::Off => "off",
        Mode::Building => "building",
        Mode::On => "with minutes",
    };
    about::set(connection, ROLLUPS, mode)
}

/// Returns the hour before which readings are gone and rollups stay.
pub(in crate::sqlite) fn pruned_hour(connection: &Connection) -> rusqlite::Result<i64> {
    Ok(about::get(connection, PRUNED)?.unwrap_or(i64::MIN))
}

/// Sets it.
pub(in crate::sqlite) fn set_pruned_hour(
    connection: &Connection,
    hour: i64,
) -> rusqlite::Result<()> {
    about::set(connection, PRUNED, hour)
}

/// Returns whether an hour of a series is due.
pub(in crate::sqlite) fn is_due(
    connection: &Connection,
    series: i64,
    hour: i64,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM rollups_due WHERE series_id = ? AND hour = ?)",
        )?
        .query_row((series, hour), |row| row.get(0))
}

/// The hours that are due. It may also know some of a transaction that was never committed:
/// [`forget`](Self::forget) them then.
#[derive(Debug)]
pub(in crate::sqlite) struct Due {
    mode: Mode,
    pruned_hour: i64,
    /// Series and hour.
    known: HashSet<(i64, i64)>,
    /// The same, by the time (seconds since 1970) from which on they may be rolled up.
    queue: BinaryHeap<Reverse<(i64, i64, i64)>>,
    /// There may be more in the file; it is looked at from this time (seconds since 1970) on.
    incomplete: Option<i64>,
    delay: i64,
    /// Changes when another program has written to the file.
    data_version: Option<i64>,
}

impl Default for Due {
    fn default() -> Self {
        Self {
            mode: Mode::Off,
            pruned_hour: i64::MIN,
            known: HashSet::new(),
            queue: BinaryHeap::new(),
            incomplete: Some(i64::MIN),
            delay: i64::try_from(DELAY.as_secs()).unwrap_or_default(),
            data_version: None,
        }
    }
}

impl Due {
    /// Forgets what it knows; the file knows it, and is looked at after the delay. So an hour that
    /// becomes due again and again is not rolled up at each commit, and commits of another program
    /// do not put it off.
    pub(in crate::sqlite) fn forget(&mut self) {
        self.known.clear();
        self.queue.clear();
        let delay = self.delay.clamp(0, LOAD_DELAY);
        self.incomplete.get_or_insert_with(|| now() + delay);
    }

    /// Has the next transaction look at all that the file says.
    pub(in crate::sqlite) fn look_again(&mut self) {
        self.data_version = None;
    }

    /// Rolls hours up as soon as they are due, for tests.
    #[cfg(test)]
    pub(in crate::sqlite) fn at_once(&mut self) {
        self.delay = i64::from(i32::MIN);
    }

    /// Rolls hours up so many seconds after they are over, for tests.
    #[cfg(test)]
    pub(in crate::sqlite) fn after_seconds(&mut self, delay: i64) {
        self.delay = delay;
    }

    /// Begins a transaction.
    pub(in crate::sqlite) fn begin(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let version: i64 = connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        if self.data_version == Some(version) {
            return Ok(());
        }
        // Another program may have rolled up hours that are known as due here.
        self.data_version = Some(version);
        self.forget();
        self.mode = mode(connection)?;
        self.pruned_hour = pruned_hour(connection)?;
        Ok(())
    }

    /// Takes note of a reading of a series at this time, in milliseconds.
    pub(in crate::sqlite) fn note(
        &mut self,
        connection: &Connection,
        series: i64,
        millis: i64,
        value: &Value,
    ) -> rusqlite::Result<()> {
        let hour = millis.div_euclid(Span::Hour.millis());
        if self.mode == Mode::Off || self.known.contains(&(series, hour)) {
            return Ok(());
        }
        if hour >= self.pruned_hour {
            return self.add(connection, series, hour);
        }
        // Where the readings that are added up go, and have not gone yet, it is one of them.
        if is_due(connection, series, hour)? {
            return Ok(());
        }
        add_late(connection, series, millis, value.as_number())
    }

    fn add(&mut self, connection: &Connection, series: i64, hour: i64) -> rusqlite::Result<()> {
        connection
            .prepare_cached("INSERT OR IGNORE INTO rollups_due VALUES (?, ?)")?
            .execute((series, hour))?;
        if self.known.len() >= REMEMBERED {
            self.forget();
        }
        self.remember(series, hour, now());
        Ok(())
    }

    fn remember(&mut self, series: i64, hour: i64, now: i64) {
        if self.known.insert((series, hour)) {
            let over = (hour + 1).saturating_mul(3_600).max(now);
            let at = over.saturating_add(self.delay);
            self.queue.push(Reverse((at, series, hour)));
        }
    }

    /// Rolls up some hours whose time has come, in the transaction that `connection` is in and that
    /// has stored so many readings.
    pub(in crate::sqlite) fn roll_some(
        &mut self,
        connection: &Connection,
        stored: u64,
    ) -> rusqlite::Result<()> {
        if self.mode == Mode::Off {
            return Ok(());
        }
        let now = now();
        let is_next_ready = |due: &Self| match due.queue.peek() {
            Some(Reverse((at, ..))) => *at <= now,
            None => false,
        };
        if self.incomplete.is_some_and(|from| from <= now) && !is_next_ready(self) {
            self.load(connection, now)?;
        }
        let mut left = READINGS.max(i64::try_from(stored).unwrap_or(i64::MAX));
        while left > 0
            && let Some(Reverse((at, series, hour))) = self.queue.peek().copied()
            && at <= now
        {
            self.queue.pop();
            self.known.remove(&(series, hour));
            if hour < self.pruned_hour {
                // Its readings may be gone in part.
                continue;
            }
            // An hour with few readings has its price, too.
            left -= roll(connection, series, hour)?.max(50);
        }
        Ok(())
    }

    fn load(&mut self, connection: &Connection, now: i64) -> rusqlite::Result<()> {
        let mut due =
            connection.prepare_cached("SELECT series_id, hour FROM rollups_due LIMIT ?")?;
        let limit = i64::try_from(REMEMBERED / 2).unwrap_or(i64::MAX);
        let mut rows = due.query([limit])?;
        let mut loaded = 0;
        while let Some(row) = rows.next()? {
            // Since when it is due is not known: the delay counts from its end.
            self.remember(row.get(0)?, row.get(1)?, 0);
            loaded += 1;
        }
        self.incomplete = (loaded == limit).then_some(now + LOAD_DELAY);
        Ok(())
    }
}

/// Returns the seconds since 1970.
fn now() -> i64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}
