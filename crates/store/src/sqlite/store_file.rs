//! The file of a store: its format, and how it is opened.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use rusqlite::Connection;

use super::failure::{Damaged, explain};
use super::file::{self, Format};
use super::held;
use super::log::{self, LogState};
use super::upgrade::upgrade;

pub(super) const FORMAT: Format = Format {
    // `iots`
    application_id: 0x69_6f_74_73,
    // 3: series in place of topics, and rollups. 4: minutes by the hour.
    version: 4,
    upgrade,
    schema: &[
        include_str!("schema.sql"),
        include_str!("rollups.sql"),
        include_str!("rollup_minutes.sql"),
        held::SCHEMA,
    ],
    settings: &[
        // No series is ever removed while it has readings; to check that again costs each insert.
        ("foreign_keys", 0),
        // Few and large checkpoints are fast; the limit gives the log's room back after a burst.
        ("wal_autocheckpoint", 10_000),
        ("journal_size_limit", 64 << 20),
        // In KiB; filled only as far as it is used. One page for each of some thousand topics stays
        // in memory.
        ("cache_size", -16_384),
    ],
};

/// Opens the file to write to it, if it is there.
pub(super) fn connect_to_existing(path: &Path) -> anyhow::Result<Connection> {
    let failed = || format!("cannot open store `{}`", path.display());
    if log::is_missing(path) {
        return Err(anyhow!("no such file")).with_context(failed);
    }
    // A log that nobody has looked through is not folded in by us.
    file::connect(path, &FORMAT).with_context(failed)
}

/// Opens the file, after a look at its log: SQLite would drop what is behind damage, and all of it
/// if the database is missing.
pub(super) fn connect(path: &Path, report: &dyn Fn(String)) -> anyhow::Result<Connection> {
    if log::is_missing(path) && log::holds_commits(path)? {
        bail!(
            "it is missing or empty, but its write-ahead log `{}-wal` holds readings (put the file back, or move the \
             log away to start with a new file)",
            path.display()
        );
    }
    let state = log::repair(path, report)?;
    let connection = file::connect(path, &FORMAT)?;
    if state == LogState::Incomplete {
        let verdict: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(explain)?;
        if verdict != "ok" {
            bail!(Damaged::Corrupt);
        }
    }
    Ok(connection)
}
