//! The file that keeps states of alerts and what is still to be delivered.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::change::{Change, Phase};
use crate::event::Event;

/// Version of the format; a newer file is refused.
const FORMAT: i64 = 1;

/// Reports that are kept after they were delivered.
const HISTORY: i64 = 10_000;

const SCHEMA: &str = "
CREATE TABLE states (
    name   TEXT NOT NULL,
    topic  TEXT NOT NULL,
    metric TEXT,
    since  INTEGER NOT NULL,
    reported INTEGER
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

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It was written by a newer version.
    #[error("it has format {0}, and this version knows {FORMAT} (use the newer version)")]
    Newer(i64),
    /// SQLite reports this.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A report in it is not JSON.
    #[error("a report in it cannot be read: {0}")]
    Json(#[from] serde_json::Error),
}

/// A report that a destination has not taken yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// The report.
    pub event: Event,
    /// How many are waiting for this destination, this one included.
    pub waiting: u64,
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
            0 => {
                let transaction = connection.transaction()?;
                transaction.execute_batch(SCHEMA)?;
                transaction.pragma_update(None, "user_version", FORMAT)?;
                transaction.commit()?;
            }
            FORMAT => {}
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
        let mut statement = self
            .connection
            .prepare("SELECT name, topic, metric, since, reported FROM states ORDER BY rowid")?;
        let states = statement.query_map([], state)?;
        Ok(states.collect::<Result<_, _>>()?)
    }

    /// Writes changes: all of them, or none. They are on disk when it returns.
    ///
    /// # Errors
    /// The disk is full or reports a fault.
    pub fn commit(&mut self, changes: &[Change]) -> Result<(), FileError> {
        let transaction = self.connection.transaction()?;
        for change in changes {
            write_state(&transaction, change)?;
            if let Some(event) = &change.event {
                write_event(&transaction, event, &self.destinations)?;
            }
        }
        for destination in &self.destinations {
            drop_oldest(&transaction, destination, self.limit)?;
        }
        transaction.execute(
            "DELETE FROM events WHERE id NOT IN (SELECT id FROM outbox)
             AND id NOT IN (SELECT id FROM events ORDER BY id DESC LIMIT ?1)",
            [HISTORY],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// Returns the oldest report that `destination` has not taken yet.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn next(&self, destination: &str) -> Result<Option<Pending>, FileError> {
        let found = self
            .connection
            .query_row(
                "SELECT json, (SELECT count(*) FROM outbox WHERE destination = ?1)
                 FROM outbox JOIN events USING (id) WHERE destination = ?1 ORDER BY id LIMIT 1",
                [destination],
                |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)),
            )
            .optional()?;
        let Some((json, waiting)) = found else {
            return Ok(None);
        };
        let event = serde_json::from_str(&json)?;
        Ok(Some(Pending {
            event,
            waiting: waiting.unsigned_abs(),
        }))
    }

    /// Takes note that `destination` has taken the report `id`.
    ///
    /// # Errors
    /// The disk is full or reports a fault.
    pub fn delivered(&mut self, destination: &str, id: &str) -> Result<(), FileError> {
        self.connection.execute(
            "DELETE FROM outbox WHERE destination = ?1 AND id = ?2",
            [destination, id],
        )?;
        Ok(())
    }

    /// Takes note that the report `id` will never be taken by `destination`.
    ///
    /// # Errors
    /// The disk is full or reports a fault.
    pub fn give_up(&mut self, destination: &str, id: &str) -> Result<(), FileError> {
        let transaction = self.connection.transaction()?;
        let deleted = transaction.execute(
            "DELETE FROM outbox WHERE destination = ?1 AND id = ?2",
            [destination, id],
        )?;
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

    /// Returns the newest reports, newest first.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn history(&self, count: u32) -> Result<Vec<Event>, FileError> {
        let mut statement = self
            .connection
            .prepare("SELECT json FROM events ORDER BY id DESC LIMIT ?1")?;
        let texts = statement.query_map([count], |row| row.get::<_, String>(0))?;
        texts
            .map(|text| Ok(serde_json::from_str(&text?)?))
            .collect()
    }
}

fn state(row: &Row<'_>) -> rusqlite::Result<Change> {
    let since = row.get(3)?;
    let phase = match row.get(4)? {
        Some(reported) => Phase::Firing { since, reported },
        None => Phase::Pending { since },
    };
    Ok(Change {
        name: row.get(0)?,
        topic: row.get(1)?,
        metric: row.get(2)?,
        phase,
        event: None,
    })
}

fn write_state(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<()> {
    let Change {
        name,
        topic,
        metric,
        phase,
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
        .prepare_cached("INSERT INTO states VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![name, topic, metric, since, reported])?;
    Ok(())
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
) -> rusqlite::Result<()> {
    let dropped = transaction.execute(
        "DELETE FROM outbox WHERE destination = ?1 AND id NOT IN
         (SELECT id FROM outbox WHERE destination = ?1 ORDER BY id DESC LIMIT ?2)",
        params![destination, i64::try_from(limit).unwrap_or(i64::MAX)],
    )?;
    count_dropped(transaction, destination, dropped)
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
