//! The tables `sensors_alerts`, what alerts have reported, and `sensors_alert_states`, those that
//! are not ok. They are made when the first alert changes.

use std::path::Path;

use anyhow::Context;
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, Row, Transaction, params};
use serde_json::Value as Json;

use super::failure::explain;
use super::sql_value::{millis_of, time_text};
use super::store_file::connect_to_existing;
use crate::alerts::{AlertState, AlertWriter, CurrentAlert, CurrentState, Event, StateChange};
use crate::read::{SeriesFilter, SeriesKey, TimeRange};

/// In one transaction: a program that reads one of the tables finds the other, too.
const SCHEMA: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS sensors_alerts (
        id       TEXT PRIMARY KEY,
        name     TEXT NOT NULL,
        topic    TEXT NOT NULL,
        metric   TEXT,
        state    TEXT NOT NULL,
        repeated INTEGER NOT NULL,
        value    ANY,
        unit     TEXT,
        since    TEXT NOT NULL,
        reg_date TEXT NOT NULL,
        reason   TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS sensors_alerts_reg_date ON sensors_alerts (reg_date);
    CREATE TABLE IF NOT EXISTS sensors_alert_states (
        name   TEXT NOT NULL,
        topic  TEXT NOT NULL,
        metric TEXT,
        state  TEXT NOT NULL,
        since  TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS sensors_alert_states_series ON sensors_alert_states (name, topic);
    COMMIT";

/// Writes alerts into a file.
pub struct AlertTables {
    connection: Connection,
    name: String,
}

impl AlertTables {
    /// Opens the file at `path`, which has to be one of ours.
    ///
    /// # Errors
    /// It can't be written.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let connection = connect_to_existing(path)?;
        connection.execute_batch(SCHEMA).map_err(explain)?;
        Ok(Self {
            connection,
            name: path.display().to_string(),
        })
    }

    fn write(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> anyhow::Result<()> {
        let written = || {
            let transaction = self.connection.unchecked_transaction()?;
            write(&transaction)?;
            transaction.commit()
        };
        let written = written().map_err(explain);
        written.with_context(|| format!("cannot write store `{}`", self.name))
    }
}

impl AlertWriter for AlertTables {
    fn name(&self) -> &str {
        &self.name
    }

    fn write_events(&mut self, events: &[Event]) -> anyhow::Result<()> {
        self.write(|transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT OR IGNORE INTO sensors_alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?;
            for event in events {
                let value = event.value.as_ref().map(sql_value);
                insert.execute(params![
                    event.id,
                    event.name,
                    event.topic,
                    event.metric,
                    event.state.name(),
                    event.repeated,
                    value,
                    event.unit,
                    time_text(event.since),
                    time_text(event.time),
                    event.reason,
                ])?;
            }
            Ok(())
        })
    }

    fn write_states(&mut self, changes: &[StateChange]) -> anyhow::Result<()> {
        self.write(|transaction| {
            let mut delete = transaction.prepare_cached(
                "DELETE FROM sensors_alert_states WHERE name = ? AND topic = ? AND metric IS ?",
            )?;
            let mut insert = transaction
                .prepare_cached("INSERT INTO sensors_alert_states VALUES (?, ?, ?, ?, ?, ?)")?;
            for StateChange { name, key, current } in changes {
                let (topic, metric) = (&*key.topic, key.metric.as_deref());
                delete.execute(params![name, topic, metric])?;
                if let Some(current) = current {
                    insert.execute(params![
                        name,
                        topic,
                        metric,
                        current.state.name(),
                        time_text(current.since),
                        current.reason,
                    ])?;
                }
            }
            Ok(())
        })
    }
}

/// Returns a value as SQLite holds it: a number, or text as it is.
fn sql_value(value: &Json) -> SqlValue {
    match (value, value.as_f64()) {
        (_, Some(number)) => SqlValue::Real(number),
        (Json::String(text), _) => SqlValue::Text(text.clone()),
        (other, _) => SqlValue::Text(other.to_string()),
    }
}

/// Whether the file has had alerts.
pub(super) fn exist(connection: &Connection) -> rusqlite::Result<bool> {
    let exists = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sensors_alerts')";
    connection
        .prepare_cached(exists)?
        .query_row([], |row| row.get(0))
}

/// Returns the alerts that are not ok: those that are firing first, the latest first.
pub(super) fn current(
    connection: &Connection,
    filter: &SeriesFilter,
) -> rusqlite::Result<Vec<CurrentAlert>> {
    if !exist(connection)? {
        return Ok(Vec::new());
    }
    let mut all = connection.prepare_cached(
        "SELECT name, topic, metric, state, since, reason FROM sensors_alert_states",
    )?;
    let all = all.query_map([], |row| {
        let since: String = row.get(4)?;
        let state: String = row.get(3)?;
        Ok(CurrentAlert {
            name: row.get(0)?,
            key: key(row, 1)?,
            state: CurrentState::of_name(&state).unwrap_or(CurrentState::Pending),
            since: millis_of(&since).unwrap_or_default(),
            reason: row.get(5)?,
        })
    })?;
    let mut found = all.collect::<rusqlite::Result<Vec<_>>>()?;
    found.retain(|alert| filter.matches(&alert.key));
    CurrentAlert::sort(&mut found);
    Ok(found)
}

/// Returns reports, the latest first.
pub(super) fn history(
    connection: &Connection,
    filter: &SeriesFilter,
    range: TimeRange,
    limit: usize,
) -> rusqlite::Result<Vec<Event>> {
    if !exist(connection)? {
        return Ok(Vec::new());
    }
    let text = |time: chrono::DateTime<chrono::Utc>| time_text(time.timestamp_millis());
    let since = range.since.map_or_else(String::new, text);
    let until = range.until.map_or_else(|| "~".to_owned(), text);
    let mut rows = connection.prepare_cached(
        "SELECT id, name, topic, metric, state, repeated, value, unit, since, reg_date, reason
         FROM sensors_alerts WHERE reg_date >= ? AND reg_date < ? ORDER BY reg_date DESC, id DESC",
    )?;
    let mut rows = rows.query([since, until])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if found.len() >= limit {
            break;
        }
        if filter.matches(&key(row, 2)?) {
            found.push(event(row)?);
        }
    }
    Ok(found)
}

/// Removes up to so many reports before a time; returns how many.
pub(super) fn prune(connection: &Connection, before: &str, rows: i64) -> rusqlite::Result<usize> {
    if !exist(connection)? {
        return Ok(0);
    }
    connection
        .prepare_cached(
            "DELETE FROM sensors_alerts WHERE id IN
             (SELECT id FROM sensors_alerts WHERE reg_date < ? ORDER BY reg_date LIMIT ?)",
        )?
        .execute(params![before, rows])
}

fn key(row: &Row<'_>, topic: usize) -> rusqlite::Result<SeriesKey> {
    Ok(SeriesKey {
        topic: row.get::<_, String>(topic)?.into(),
        metric: row.get::<_, Option<String>>(topic + 1)?.map(Into::into),
    })
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let (state, since, time): (String, String, String) = (row.get(4)?, row.get(8)?, row.get(9)?);
    let value = match row.get(6)? {
        SqlValue::Real(number) => Some(Json::from(number)),
        SqlValue::Integer(number) => Some(Json::from(number)),
        SqlValue::Text(text) => Some(Json::from(text)),
        SqlValue::Null | SqlValue::Blob(_) => None,
    };
    Ok(Event {
        id: row.get(0)?,
        name: row.get(1)?,
        topic: row.get(2)?,
        metric: row.get(3)?,
        state: AlertState::of_name(&state),
        repeated: row.get(5)?,
        value,
        unit: row.get(7)?,
        since: millis_of(&since).unwrap_or_default(),
        time: millis_of(&time).unwrap_or_default(),
        reason: row.get(10)?,
    })
}
