//! Why a store did not take what it was given.

use std::fmt;

/// Why an attempt was not a success; both texts are one line, without the store's name or its
/// password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The store is away, or it is unknown what it did: try again, with growing delay.
    Unknown(String),
    /// The store answers, but not to us: trying again helps only after somebody has changed
    /// something.
    NotAllowed {
        /// What the store says.
        reason: String,
        /// What that somebody can do.
        advice: String,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(reason) => f.write_str(reason),
            Self::NotAllowed { reason, advice } => write!(f, "{reason} ({advice})"),
        }
    }
}

impl std::error::Error for Failure {}
