//! What errors of SQLite mean.

use std::fmt;

use anyhow::anyhow;
use rusqlite::ErrorCode;

/// A cause that can pass by itself, after which the same commit succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retryable {
    /// No room on the disk.
    Full,
    /// The file is as large as this process may make it.
    TooLarge,
    /// Another program is writing to the file, or holds it open to write, for longer than we
    /// waited.
    Locked,
}

impl fmt::Display for Retryable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the disk is full",
            Self::TooLarge => {
                "the file has reached the size limit of this process (`ulimit -f` shows it)"
            }
            Self::Locked => "another program has locked it",
        })
    }
}

impl std::error::Error for Retryable {}

/// The file's content contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damaged {
    /// It doesn't begin as an SQLite file does.
    NotADatabase,
    /// Some page of it is not what it should be.
    Corrupt,
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotADatabase => "it is not an SQLite database (give another path)",
            Self::Corrupt => "the file is damaged",
        })
    }
}

impl std::error::Error for Damaged {}

/// Returns the cause for a file that can be read and not written.
pub(super) fn read_only() -> anyhow::Error {
    anyhow!("the file is read-only (make it writable, or give another path)")
}

/// Returns what SQLite says as one cause: its own errors say it twice, with and without the number.
pub fn explain(error: rusqlite::Error) -> anyhow::Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Retryable::Full.into(),
        Some(ErrorCode::SystemIoFailure) if is_failed_write(&error) && has_size_limit() => {
            Retryable::TooLarge.into()
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Retryable::Locked.into(),
        Some(ErrorCode::NotADatabase) => Damaged::NotADatabase.into(),
        Some(ErrorCode::DatabaseCorrupt) => Damaged::Corrupt.into(),
        Some(ErrorCode::ReadOnly) => read_only(),
        Some(ErrorCode::CannotOpen) => {
            anyhow!("it cannot be opened (check that the file and its directory can be written)")
        }
        _ => match error {
            rusqlite::Error::SqliteFailure(code, Some(text)) => {
                anyhow!("{text} (SQLite error {})", code.extended_code)
            }
            error => anyhow!("{error}"),
        },
    }
}

/// Whether a write failed, after which SQLite has undone the transaction. A failed fsync is none:
/// it is unknown what it leaves on the disk.
fn is_failed_write(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_IOERR_WRITE)
}

/// Whether files of this process have a size limit: SQLite keeps to itself that it was EFBIG.
#[cfg(unix)]
fn has_size_limit() -> bool {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Fsize).current.is_some()
}

#[cfg(not(unix))]
fn has_size_limit() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_is_reported_in_words() {
        for (code, expected) in [
            (
                ffi::SQLITE_READONLY,
                "the file is read-only (make it writable, or give another path)",
            ),
            (
                ffi::SQLITE_READONLY_DIRECTORY,
                "the file is read-only (make it writable, or give another path)",
            ),
            (
                ffi::SQLITE_CANTOPEN,
                "it cannot be opened (check that the file and its directory can be written)",
            ),
        ] {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            assert_eq!(explain(error).to_string(), expected);
        }
    }
}
