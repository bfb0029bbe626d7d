//! How an SQLite file is opened and checked, and how safely it is written.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{anyhow, bail};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::failure::{explain, read_only};
use super::private_file;

/// How long a commit waits for another program that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What tells one kind of file from the others.
#[derive(Debug)]
pub struct Format {
    /// Marks the file as ours in SQLite's header.
    pub application_id: i32,
    /// Version of the schema, in SQLite's `user_version`. Raise it with every change of the schema,
    /// and change `upgrade` then.
    pub version: i32,
    /// Makes the present schema of that of an earlier version, within a transaction.
    pub upgrade: fn(&Connection, i32) -> rusqlite::Result<()>,
    /// The statements that make its tables.
    pub schema: &'static [&'static str],
    /// Pragmas that are set on each connection.
    pub settings: &'static [(&'static str, i64)],
}

/// Opens and checks the file, and makes the tables in a new one.
///
/// # Errors
/// A file that can't be opened, isn't an SQLite database, is somebody else's, or was made by a
/// newer version. None of these files is changed.
pub fn connect(path: &Path, format: &Format) -> anyhow::Result<Connection> {
    let mut connection = open(path)?;
    prepare(&mut connection, format)?;
    Ok(connection)
}

/// Opens the file, without a look at what is in it. A new one is for nobody else to read; SQLite
/// gives its log the same rights.
pub fn open(path: &Path) -> anyhow::Result<Connection> {
    if !is_in_memory(path) {
        // If that fails, SQLite fails as well.
        let _ = private_file::create_unless_there(path);
    }
    // Not the default flags: those read a path that begins with `file:` as a URI.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| cannot_open(path, error))?;
    // SQLite opens a file that it cannot write without a word.
    if connection.is_readonly(rusqlite::MAIN_DB).map_err(explain)? {
        return Err(read_only());
    }
    connection.busy_timeout(BUSY_TIMEOUT).map_err(explain)?;
    Ok(connection)
}

/// Whether the path is none to SQLite.
fn is_in_memory(path: &Path) -> bool {
    path.as_os_str().is_empty() || path == Path::new(":memory:")
}

/// Checks whose file it is, sets how it is written, and makes the tables in a new one.
pub fn prepare(connection: &mut Connection, format: &Format) -> anyhow::Result<()> {
    // First of all whose file it is, for the settings below are written into it.
    let made = check(connection, format)?;
    configure(connection, format)?;
    if made {
        upgrade(connection, format).map_err(explain)?;
    } else {
        create(connection, format).map_err(explain)?;
        // Another process may have been first, and another version.
        check(connection, format)?;
    }
    Ok(())
}

/// Returns whether the tables are there (`false`: the file is new and empty).
fn check(connection: &Connection, format: &Format) -> anyhow::Result<bool> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let application_id = pragma("application_id").map_err(explain)?;
    let version = pragma("user_version").map_err(explain)?;
    let occupied: bool = connection
        .query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| {
            row.get(0)
        })
        .map_err(explain)?;
    let known = format.version;
    match (application_id, version) {
        (0, 0) if !occupied => Ok(false),
        (ours, 1..) if ours == format.application_id && version <= known => Ok(true),
        (ours, newer) if ours == format.application_id && newer > known => bail!(
            "its schema is version {newer}, this iot-sub knows version {known} (use a newer iot-sub)"
        ),
        _ => bail!("it is an SQLite database, but not one of iot-sub's (give another path)"),
    }
}

fn configure(connection: &Connection, format: &Format) -> anyhow::Result<()> {
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(explain)?;
    if mode != "wal" {
        bail!("SQLite can't keep a write-ahead log for it (give a file on a local disk)");
    }
    // With NORMAL a loss of power takes commits with it that were acknowledged.
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(explain)?;
    for (name, value) in format.settings {
        connection
            .pragma_update(None, name, value)
            .map_err(explain)?;
    }
    Ok(())
}

fn create(connection: &mut Connection, format: &Format) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let exists: bool =
        transaction.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| {
            row.get(0)
        })?;
    if !exists {
        for statements in format.schema {
            transaction.execute_batch(statements)?;
        }
        transaction.pragma_update(None, "application_id", format.application_id)?;
        transaction.pragma_update(None, "user_version", format.version)?;
    }
    transaction.commit()
}

/// Brings the file of an earlier version to the present one.
fn upgrade(connection: &mut Connection, format: &Format) -> rusqlite::Result<()> {
    let version = |connection: &Connection| {
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, i32>(0))
    };
    if version(connection)? == format.version {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been first.
    let found = version(&transaction)?;
    if found < format.version {
        (format.upgrade)(&transaction, found)?;
        transaction.pragma_update(None, "user_version", format.version)?;
    }
    transaction.commit()
}

/// Returns the system's reason, which SQLite keeps to itself, for a file that can't be opened.
fn cannot_open(path: &Path, error: rusqlite::Error) -> anyhow::Error {
    let tried = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    match tried {
        Err(error) if error.kind() == io::ErrorKind::NotFound => anyhow!("no such directory"),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            anyhow!("it is a directory, not a file")
        }
        Err(error) => anyhow!("{}", error.kind()),
        Ok(_) => explain(error),
    }
}
