//! How much room the spool takes and has.

use std::fs;
use std::path::Path;

use iot_store::sqlite::disk;
use rusqlite::Connection;

use crate::path_suffix::with_suffix;

/// Bytes around a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    /// In its pages that are in use, and in the write-ahead log.
    pub(crate) used: u64,
    /// In its other pages: a DELETE never makes the file smaller.
    pub(crate) unused: u64,
    /// Free on the disk, where the system tells.
    pub(crate) disk: Option<u64>,
}

/// What should stay free on the disk. Even a DELETE needs room first, in the write-ahead log, and
/// what is in that log needs room in the file: a spool that had filled its disk to the last byte
/// could never be emptied.
pub(crate) const RESERVE: u64 = 16 << 20;

/// Returns how much room the spool at `path` takes and has.
pub(super) fn space(connection: &Connection, path: &Path) -> rusqlite::Result<Space> {
    let unused = pragma(connection, "freelist_count")? * pragma(connection, "page_size")?;
    let log = fs::metadata(with_suffix(path, "-wal")).map_or(0, |log| log.len());
    Ok(Space {
        used: used(connection)? + log,
        unused,
        disk: disk::free(path),
    })
}

/// Returns how many bytes of the file are in use.
pub(super) fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let pages = pragma(connection, "page_count")? - pragma(connection, "freelist_count")?;
    Ok(pages * pragma(connection, "page_size")?)
}

/// Returns a pragma's number, which is never negative.
fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<u64> {
    let number = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0))?;
    Ok(number.unsigned_abs())
}
