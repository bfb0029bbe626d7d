//! Readings whose ids their messages make, in the embedded store: what a file has under such an id.
//! Its own key begins with topic and time, so these need an index, which others don't pay for.

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use crate::reading::Reading;
use crate::reading_id::ReadingId;
use crate::rejection::Rejection;

/// Makes ids unique.
pub(super) const INDEX: &str = "CREATE UNIQUE INDEX IF NOT EXISTS readings_uid ON readings (uid)";

/// Returns whether what is stored under the reading's id has another topic or value; when it came
/// doesn't count.
pub(super) fn is_other(
    connection: &Connection,
    topic_id: i64,
    reading: &Reading,
) -> rusqlite::Result<bool> {
    let other = "SELECT topic_id <> ?2 OR value <> ?3 OR typeof(value) <> typeof(?3) FROM readings WHERE uid = ?1";
    let other = connection
        .prepare_cached(other)?
        .query_row((reading.id.bytes(), topic_id, &reading.value), |row| {
            row.get(0)
        })
        .optional()?;
    Ok(other.unwrap_or(false))
}

/// Returns what becomes of a reading whose id another one has: with the same id on each attempt,
/// and for each message with this content.
pub(super) fn conflict(reading: &Reading) -> Rejection {
    let mut hash = Sha256::new();
    hash.update(reading.id.bytes());
    hash.update(&*reading.topic);
    hash.update([0]);
    hash.update(reading.value.to_string());
    if let Some(received) = reading.received() {
        hash.update(received.kept());
    }
    let hash: [u8; 32] = hash.finalize().into();
    let mut id = reading.id.bytes();
    id[4..].copy_from_slice(&hash[..8]);
    let reason = format!("another reading has its id {}", reading.id);
    Rejection::of_reading(ReadingId::from(id), reading, reason)
}
