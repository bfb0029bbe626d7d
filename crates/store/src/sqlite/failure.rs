//! What errors of SQLite mean.

use std::fmt;

use anyhow::anyhow;
use rusqlite::ErrorCode;

/// A cause that can pass by itself, after which the same commit succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retryable {
    /// No room on the disk.
    Full,
    /// Another program is writing to the file, or holds it open to write, for longer than we
    /// waited.
    Locked,
}

impl fmt::Display for Retryable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the disk is full",
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

/// Returns what SQLite says as one cause: its own errors say it twice, with and without the number.
pub fn explain(error: rusqlite::Error) -> anyhow::Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Retryable::Full.into(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Retryable::Locked.into(),
        Some(ErrorCode::NotADatabase) => Damaged::NotADatabase.into(),
        Some(ErrorCode::DatabaseCorrupt) => Damaged::Corrupt.into(),
        Some(ErrorCode::ReadOnly) => anyhow!("it can't be written to"),
        _ => match error {
            rusqlite::Error::SqliteFailure(code, Some(text)) => {
                anyhow!("{text} (SQLite error {})", code.extended_code)
            }
            error => anyhow!("{error}"),
        },
    }
}
