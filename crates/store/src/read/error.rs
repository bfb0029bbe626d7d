//! Why a store could not be read.

use std::fmt;

/// Why a question was not answered. Each is one line, with the store's name and without its
/// password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// There is no such store, it is none of ours, or it was made by a newer version.
    Unusable(String),
    /// It does not answer, or not for now: ask again later.
    Away(String),
    /// It took longer than the timeout.
    TimedOut,
    /// [`Cancel`](super::Cancel) ended it.
    Cancelled,
    /// Anything else.
    Failed(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(line) | Self::Away(line) | Self::Failed(line) => f.write_str(line),
            Self::TimedOut => f.write_str("the store took too long to answer"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl std::error::Error for ReadError {}
