//! What a file says about itself: the table `about`.

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, ToSql};

/// Returns what it says under `name`.
pub(super) fn get<T: FromSql>(connection: &Connection, name: &str) -> rusqlite::Result<Option<T>> {
    connection
        .prepare_cached("SELECT value FROM about WHERE name = ?")?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// Sets it.
pub(super) fn set(connection: &Connection, name: &str, value: impl ToSql) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO about VALUES (?, ?)")?
        .execute((name, value))?;
    Ok(())
}
