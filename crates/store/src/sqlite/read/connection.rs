//! A read-only connection.

use std::fmt::Write;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::read::ReadError;
use crate::sqlite::failure::explain;
use crate::sqlite::store_file::FORMAT;

/// How long a statement waits for another program that is folding in the log.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What makes the tables of version 2 look like those of version 3.
const VERSION_2: &str = "
    CREATE TEMP VIEW series AS
    SELECT id, name AS topic, NULL AS metric, NULL AS unit, NULL AS first_unit, NULL AS name,
           NULL AS device, NULL AS class FROM main.topics;
    CREATE TEMP VIEW readings AS
    SELECT topic_id AS series_id, reg_date, uid, value, NULL AS unit FROM main.readings;
    CREATE TEMP TABLE about (name TEXT PRIMARY KEY, value ANY NOT NULL);";

/// Opens the file at `path`, which has to be one of ours.
pub(super) fn open(path: &Path) -> Result<Connection, ReadError> {
    let name = path.display();
    let unusable = |why: &str| ReadError::Unusable(format!("cannot read store `{name}`: {why}"));
    match path.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(unusable("there is no such file"));
        }
        Err(error) => return Err(unusable(&error.kind().to_string())),
        Ok(metadata) if metadata.is_dir() => return Err(unusable("it is a directory")),
        // SQLite would wait for a pipe's other end.
        Ok(metadata) if !metadata.is_file() => {
            return Err(unusable("it is a device or a pipe"));
        }
        Ok(_) => {}
    }
    let connection = connect(path).map_err(|error| unusable(&why_not(path, error)))?;
    let check = || -> rusqlite::Result<(i32, i32)> {
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get(0));
        Ok((pragma("application_id")?, pragma("user_version")?))
    };
    let found = check().map_err(|error| unusable(&explain(error).to_string()))?;
    match found {
        (ours, version) if ours == FORMAT.application_id && version > FORMAT.version => {
            let known = FORMAT.version;
            Err(unusable(&format!(
                "its schema is version {version}, this program knows version {known} (use a newer one)"
            )))
        }
        (ours, version @ 1..) if ours == FORMAT.application_id => {
            if version < 3 {
                let made = connection.execute_batch(VERSION_2);
                made.map_err(|error| unusable(&explain(error).to_string()))?;
            }
            Ok(connection)
        }
        (0, 0) => Err(unusable("it is empty, or not a store of iot-sub")),
        _ => Err(unusable(
            "it is an SQLite database, but not one of iot-sub's",
        )),
    }
}

/// Returns why the file cannot be opened. SQLite does not say it.
fn why_not(path: &Path, error: rusqlite::Error) -> String {
    if error.sqlite_error_code() != Some(ErrorCode::CannotOpen) {
        return explain(error).to_string();
    }
    // Only here: to close a file gives up each lock that this program has on it.
    if let Err(error) = File::open(path) {
        return error.kind().to_string();
    }
    let log = log_of(path);
    let newest = format!("its newest readings are in `{}`", log.display());
    match File::open(&log).map_err(|error| error.kind()) {
        Ok(_) => format!(
            "{newest}, which can be read only where the directory can be written (copy both files \
             to another directory)"
        ),
        Err(ErrorKind::NotFound) => explain(error).to_string(),
        Err(kind) => format!("{newest}: {kind}"),
    }
}

/// Returns where the write-ahead log of a file is.
fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// Opens a file for reading, also in a directory that cannot be written to.
pub(in crate::sqlite) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = |path: &Path, flags| {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // In KiB.
        connection.pragma_update(None, "cache_size", -65_536)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    };
    let opened = open(path, flags);
    if opened.is_err() && !log_of(path).exists() {
        // In a folder that cannot be written to. Nobody writes to the file then, either.
        let mut uri = "file:".to_owned();
        for byte in path.as_os_str().as_encoded_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                    uri.push(char::from(*byte));
                }
                byte => {
                    let _ = write!(uri, "%{byte:02x}");
                }
            }
        }
        uri.push_str("?immutable=1");
        let flags = flags | OpenFlags::SQLITE_OPEN_URI;
        return open(Path::new(&uri), flags).or(opened);
    }
    opened
}
