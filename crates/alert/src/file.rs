//! The file that keeps states of alerts and what is still to be delivered.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::change::{Change, Phase};
use crate::seen::Seen;
use iot_store::alerts::{CurrentAlert, Event, StateChange};
use iot_store::read::SeriesKey;

/// Version of the format; a newer file is refused.
const FORMAT: i64 = 2;

/// The destination that also gets each state: the store.
pub const STORE: &str = "store";

const SCHEMA: &str = "
CREATE TABLE states (
    name   TEXT NOT NULL,
    topic  TEXT NOT NULL,
    metric TEXT,
    since  INTEGER NOT NULL,
    reported INTEGER,
    reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX states_series ON states (name, topic, ifnull(metric, char(0)));
CREATE TABLE events (
    id   TEXT PRIMARY KEY,
    json TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
    destination TEXT NOT NULL,
    id          TEXT NOT NULL REFERENCES events (id),
    PRIMARY KEY (destination, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE dropped (
    destination TEXT PRIMARY KEY,
    count       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// What format 2 has beside that: alerts whose state the store does not have yet, and messages
/// whose changes are in the file.
const CHANGED: &str = "
CREATE INDEX outbox_id ON outbox (id);
CREATE TABLE changed (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    name   TEXT NOT NULL,
    topic  TEXT NOT NULL,
    metric TEXT
) STRICT;
CREATE UNIQUE INDEX changed_series ON changed (name, topic, ifnull(metric, char(0)));
CREATE TABLE seen (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    messages BLOB NOT NULL
) STRICT;
";

/// Makes format 2 of format 1.
const UPGRADE: &str = "
ALTER TABLE states ADD COLUMN reason TEXT NOT NULL DEFAULT '';
DELETE FROM events WHERE id NOT IN (SELECT id FROM outbox);
";

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It was written by a newer version.
    #[error("it has format {0}, and this version knows {FORMAT} (use the newer version)")]
    Newer(i64),
    /// SQLite reports this.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A report in it is not JSON.
    #[error("a report in it cannot be read: {0}")]
    Json(#[from] serde_json::Error),
}

/// Keeps states and undelivered reports.
#[derive(Debug)]
pub struct AlertFile {
    connection: Connection,
    destinations: Vec<String>,
    /// Most reports that wait for one destination.
    limit: u64,
}

impl AlertFile {
    /// Opens or creates the file. Each report waits for each of `destinations`; at most `limit`
    /// reports wait for one of them, and the oldest are dropped and counted.
    ///
    /// # Errors
    /// The file is damaged or newer, or the disk reports a fault.
    pub fn open(path: &Path, destinations: Vec<String>, limit: u64) -> Result<Self, FileError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match format {
            FORMAT => {}
            0 | 1 => {
                let transaction = connection.transaction()?;
                transaction.execute_batch(if format == 0 { SCHEMA } else { UPGRADE })?;
                transaction.execute_batch(CHANGED)?;
                transaction.pragma_update(None, "user_version", FORMAT)?;
                transaction.commit()?;
            }
            newer => return Err(FileError::Newer(newer)),
        }
        Ok(Self {
            connection,
            destinations,
            limit,
        })
    }

    /// Returns the states of all alerts that are not ok.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn states(&self) -> Result<Vec<Change>, FileError> {
        let mut statement = self.connection.prepare(
            "SELECT name, topic, metric, since, reported, reason FROM states ORDER BY rowid",
        )?;
        let states = statement.query_map([], state)?;
        Ok(states.collect::<Result<_, _>>()?)
    }

    /// Returns the messages that were looked at, as many as `empty` keeps.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn seen(&self, empty: Seen) -> Result<Seen, FileError> {
        let messages: Option<Vec<u8>> = self
            .connection
            .query_row("SELECT messages FROM seen", [], |row| row.get(0))
            .optional()?;
        let mut seen = empty;
        seen.add_bytes(&messages.unwrap_or_default());
        Ok(seen)
    }

    /// Writes changes, and the messages that were looked at, as [`Seen::to_bytes`] returns them:
    /// all or nothing. They are on disk when it returns.
    ///
    /// # Errors
    /// The disk is full or reports a fault.
    pub fn commit(&mut self, changes: &[Change], seen: &[u8]) -> Result<(), FileError> {
        let keeps_changed = self.destinations.iter().any(|name| name == STORE);
        let transaction = self.connection.transaction()?;
        let mut has_events = false;
        for change in changes {
            write_state(&transaction, change)?;
            if keeps_changed {
                note_changed(&transaction, change)?;
            }
            if let Some(event) = &change.event {
                has_events = true;
                write_event(&transaction, event, &self.destinations)?;
            }
        }
        transaction
            .prepare_cached("INSERT OR REPLACE INTO seen VALUES (1, ?1)")?
            .execute([seen])?;
        if has_events {
            let mut dropped = 0;
            for destination in &self.destinations {
                dropped += drop_oldest(&transaction, destination, self.limit)?;
            }
            if dropped > 0 {
                transaction.execute(
                    "DELETE FROM events WHERE id NOT IN (SELECT id FROM outbox)",
                    [],
                )?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Returns the oldest report that `destination` has not taken yet.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn next(&self, destination: &str) -> Result<Option<Event>, FileError> {
        let found = self
            .connection
            .query_row(
                "SELECT json FROM outbox JOIN events USING (id)
                 WHERE destination = ?1 ORDER BY id LIMIT 1",
                [destination],
                |row| row.get::<_, String>(0),
            )
            .optional()?;
        Ok(found.map(|json| serde_json::from_str(&json)).transpose()?)
    }

    /// Takes note that `destination` has taken the report `id`.
    ///
    /// # Errors
    /// The disk is full or reports a fault.
    pub fn delivered(&mut self, destination: &str, id: &str) -> Result<(), FileError> {
        let transaction = self.connection.transaction()?;
        take_out(&transaction, destination, id)?;
        transaction.commit()?;
        Ok(())
    }

    /// Takes note that the report `id` will never be taken by `destination`.
    ///
    /// # Errors
    /// The disk is full or reports a fault.
    pub fn give_up(&mut self, destination: &str, id: &str) -> Result<(), FileError> {
        let transaction = self.connection.transaction()?;
        let deleted = take_out(&transaction, destination, id)?;
        count_dropped(&transaction, destination, deleted)?;
        transaction.commit()?;
        Ok(())
    }

    /// Returns how many reports `destination` never got.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn dropped(&self, destination: &str) -> Result<u64, FileError> {
        let count = self
            .connection
            .query_row(
                "SELECT count FROM dropped WHERE destination = ?1",
                [destination],
                |row| row.get::<_, i64>(0),
            )
            .optional()?;
        Ok(count.map_or(0, i64::unsigned_abs))
    }

    /// Returns how many reports wait for `destination`.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn waiting(&self, destination: &str) -> Result<u64, FileError> {
        let count = self.connection.query_row(
            "SELECT count(*) FROM outbox WHERE destination = ?1",
            [destination],
            |row| row.get::<_, i64>(0),
        )?;
        Ok(count.unsigned_abs())
    }

    /// Returns states that the store does not have yet, at most `limit`, oldest change first, and
    /// what [`stored`](Self::stored) is given once it has them.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn changed(&self, limit: u32) -> Result<(Vec<StateChange>, i64), FileError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT seq, changed.name, changed.topic, changed.metric, since, reported, reason
             FROM changed LEFT JOIN states ON states.name = changed.name
             AND states.topic = changed.topic AND states.metric IS changed.metric
             ORDER BY seq LIMIT ?1",
        )?;
        let mut rows = statement.query([limit])?;
        let (mut changes, mut last) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            last = row.get(0)?;
            changes.push(state_change(row)?);
        }
        Ok((changes, last))
    }

    /// Takes note that the store has the states up to the change `last`.
    ///
    /// # Errors
    /// The disk is full or reports a fault.
    pub fn stored(&mut self, last: i64) -> Result<(), FileError> {
        self.connection
            .execute("DELETE FROM changed WHERE seq <= ?1", [last])?;
        Ok(())
    }
}

fn state_change(row: &Row<'_>) -> rusqlite::Result<StateChange> {
    let name: String = row.get(1)?;
    let key = SeriesKey {
        topic: row.get::<_, String>(2)?.into(),
        metric: row.get::<_, Option<String>>(3)?.map(Into::into),
    };
    let since: Option<i64> = row.get(4)?;
    let reported: Option<i64> = row.get(5)?;
    let reason: Option<String> = row.get(6)?;
    let current = since.and_then(|since| {
        let (state, since) = phase(since, reported).current()?;
        Some(CurrentAlert {
            name: name.clone(),
            key: key.clone(),
            state,
            since,
            reason: reason.unwrap_or_default(),
        })
    });
    Ok(StateChange { name, key, current })
}

fn phase(since: i64, reported: Option<i64>) -> Phase {
    match reported {
        Some(reported) => Phase::Firing { since, reported },
        None => Phase::Pending { since },
    }
}

fn state(row: &Row<'_>) -> rusqlite::Result<Change> {
    let phase = phase(row.get(3)?, row.get(4)?);
    Ok(Change {
        name: row.get(0)?,
        topic: row.get(1)?,
        metric: row.get(2)?,
        phase,
        reason: row.get(5)?,
        event: None,
    })
}

fn write_state(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<()> {
    let Change {
        name,
        topic,
        metric,
        phase,
        reason,
        ..
    } = change;
    transaction
        .prepare_cached("DELETE FROM states WHERE name = ?1 AND topic = ?2 AND metric IS ?3")?
        .execute(params![name, topic, metric])?;
    let (since, reported) = match *phase {
        Phase::Ok => return Ok(()),
        Phase::Pending { since } => (since, None),
        Phase::Firing { since, reported } => (since, Some(reported)),
    };
    transaction
        .prepare_cached("INSERT INTO states VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![name, topic, metric, since, reported, reason])?;
    Ok(())
}

/// Notes that the store does not have this state; a second change has a new place.
fn note_changed(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO changed (name, topic, metric) VALUES (?1, ?2, ?3)")?
        .execute(params![change.name, change.topic, change.metric])?;
    Ok(())
}

/// Removes a report that does not wait for this destination any more; returns whether it did.
fn take_out(transaction: &Transaction<'_>, destination: &str, id: &str) -> rusqlite::Result<usize> {
    let deleted = transaction
        .prepare_cached("DELETE FROM outbox WHERE destination = ?1 AND id = ?2")?
        .execute([destination, id])?;
    transaction
        .prepare_cached(
            "DELETE FROM events WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM outbox WHERE id = ?1)",
        )?
        .execute([id])?;
    Ok(deleted)
}

fn write_event(
    transaction: &Transaction<'_>,
    event: &Event,
    destinations: &[String],
) -> Result<(), FileError> {
    let json = serde_json::to_string(event)?;
    transaction
        .prepare_cached("INSERT OR IGNORE INTO events VALUES (?1, ?2)")?
        .execute([&event.id, &json])?;
    for destination in destinations {
        transaction
            .prepare_cached("INSERT OR IGNORE INTO outbox VALUES (?1, ?2)")?
            .execute([destination, &event.id])?;
    }
    Ok(())
}

fn drop_oldest(
    transaction: &Transaction<'_>,
    destination: &str,
    limit: u64,
) -> rusqlite::Result<usize> {
    let dropped = transaction.execute(
        "DELETE FROM outbox WHERE destination = ?1 AND id NOT IN
         (SELECT id FROM outbox WHERE destination = ?1 ORDER BY id DESC LIMIT ?2)",
        params![destination, i64::try_from(limit).unwrap_or(i64::MAX)],
    )?;
    count_dropped(transaction, destination, dropped)?;
    Ok(dropped)
}

fn count_dropped(
    transaction: &Transaction<'_>,
    destination: &str,
    count: usize,
) -> rusqlite::Result<()> {
    if count > 0 {
        transaction.execute(
            "INSERT INTO dropped VALUES (?1, ?2)
             ON CONFLICT (destination) DO UPDATE SET count = count + ?2",
            params![destination, i64::try_from(count).unwrap_or(i64::MAX)],
        )?;
    }
    Ok(())
}
