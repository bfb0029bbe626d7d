//! What was rejected, as a reader returns it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::reading_id::ReadingId;

/// Rejections with the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectionGroup {
    /// Why, in one line.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// Length of their payloads in bytes.
    pub bytes: u64,
    /// Number of different topics.
    pub topics: u64,
    /// When the first was received.
    pub first: DateTime<Utc>,
    /// The latest one.
    pub last: RejectionRow,
}

/// A rejected message without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectionRow {
    /// Its id, by which [`Reader::rejection`](super::Reader::rejection) returns all of it.
    pub id: ReadingId,
    /// Topic name of the message.
    pub topic: Arc<str>,
    /// Why, in one line.
    pub reason: String,
    /// Length of the whole payload in bytes.
    pub length: u64,
    /// How many bytes of it are kept.
    pub kept: u64,
    /// SHA-256 of the whole payload, 64 hex digits.
    pub sha256: String,
    /// When it was received.
    pub time: DateTime<Utc>,
}
