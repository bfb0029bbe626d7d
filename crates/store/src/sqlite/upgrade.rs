//! Files of earlier versions.
//!
//! - Version 1 has a table `held` that was never used.
//! - Version 2 has a table of topics in place of `series`, text `true` and `false` for booleans,
//!   and no unit.
//! - Version 3 has a row for each minute; `iot-view reindex` makes its rollups again.
//!
//! Readings stay where they are, so it takes a moment, whatever the size of the file. The view of
//! such a file keeps its columns until there is a metric or a unit to show.

use rusqlite::Connection;

use super::{held, view};

/// Makes the table of series of that of topics. The first statement also renames what `readings`
/// refers to.
const SERIES: &str = "
    DROP VIEW sensors;
    ALTER TABLE topics RENAME TO series;
    CREATE TABLE new_series (
        id         INTEGER PRIMARY KEY,
        topic      TEXT NOT NULL,
        metric     TEXT,
        unit       TEXT,
        first_unit TEXT,
        name       TEXT,
        device     TEXT,
        class      TEXT
    ) STRICT;
    INSERT INTO new_series (id, topic) SELECT id, name FROM series;
    DROP TABLE series;
    ALTER TABLE new_series RENAME TO series;
    CREATE UNIQUE INDEX series_metric ON series (topic, metric) WHERE metric IS NOT NULL;
    CREATE UNIQUE INDEX series_plain ON series (topic) WHERE metric IS NULL;
    CREATE INDEX series_topic ON series (topic);
    ALTER TABLE readings RENAME COLUMN topic_id TO series_id;
    ALTER TABLE readings ADD COLUMN unit TEXT;
    CREATE TABLE about (
        name  TEXT PRIMARY KEY,
        value ANY NOT NULL
    ) STRICT, WITHOUT ROWID;";

/// Makes the present version of `version`, within the transaction that `connection` is in.
pub(super) fn upgrade(connection: &Connection, version: i32) -> rusqlite::Result<()> {
    held::upgrade(connection, version)?;
    if version < 3 {
        let fields = view::shown_fields(connection, false, view::has_fields(connection)?)?;
        connection.execute_batch(SERIES)?;
        connection.execute_batch(include_str!("rollups.sql"))?;
        view::make(connection, false, &fields)?;
    }
    if version < 4 {
        connection.execute_batch(include_str!("rollup_minutes.sql"))?;
    }
    Ok(())
}
