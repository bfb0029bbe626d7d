//! The connection to the spool's file.

use std::path::Path;

use anyhow::bail;
use iot_store::sqlite::Damaged;
use iot_store::sqlite::failure::explain;
use iot_store::sqlite::file::{self, Format};
use iot_store::sqlite::held;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::space::used;

const FORMAT: Format = Format {
    // `iotq`
    application_id: 0x69_6f_74_71,
    // 3: entries that carry the payload they were read from; 4: metrics, units, several readings.
    version: 4,
    upgrade: held::upgrade,
    schema: &[include_str!("spool.sql"), held::SCHEMA],
    settings: &[
        // In pages. Together with one transaction that is half of [`RESERVE`], which has to do for
        // folding it in.
        ("wal_autocheckpoint", 1_000),
        ("journal_size_limit", 4 << 20),
        // In KiB: only the two ends of the table are in use.
        ("cache_size", -4_096),
    ],
};

/// Opens the file, takes care that nobody else opens it, and sees that it is whole, if no more than
/// so many bytes of it are in use.
pub(super) fn connect(path: &Path, most: u64) -> anyhow::Result<Connection> {
    let mut connection = file::open(path)?;
    // A damaged file is not to be written to, not even at the end.
    keep_log_at_end(&connection, true)?;
    connection
        .pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))
        .map_err(explain)?;
    file::prepare(&mut connection, &FORMAT)?;
    if used(&connection).map_err(explain)? <= most {
        let verdict: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(explain)?;
        if verdict != "ok" {
            bail!(Damaged::Corrupt);
        }
    }
    keep_log_at_end(&connection, false)?;
    Ok(connection)
}

/// Chooses whether the write-ahead log stays as it is when the connection is closed.
pub(super) fn keep_log_at_end(connection: &Connection, keep: bool) -> anyhow::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep)
        .map_err(explain)?;
    Ok(())
}
