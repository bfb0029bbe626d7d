//! Readings whose ids their messages make, in the embedded store: what a file has under such an id.
//! Its own key begins with topic and time, so these need an index, which others don't pay for.

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use crate::reading::Reading;
use crate::reading_id::ReadingId;
use crate::readings::Readings;
use crate::rejection::Rejection;

/// Makes ids unique.
pub(super) const INDEX: &str = "CREATE UNIQUE INDEX IF NOT EXISTS readings_uid ON readings (uid)";

/// Returns whether what is stored under the reading's id has another topic or value; when it came
/// doesn't count.
pub(super) fn is_other(
    connection: &Connection,
    series_id: i64,
    reading: &Reading,
) -> rusqlite::Result<bool> {
    let other = "SELECT series_id <> ?2 OR value <> ?3 OR typeof(value) <> typeof(?3) FROM readings WHERE uid = ?1";
    let other = connection
        .prepare_cached(other)?
        .query_row((reading.id.bytes(), series_id, &reading.value), |row| {
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
    let id = of_same_second(reading.id, hash);
    Rejection::of_reading(id, reading, reason(reading))
}

/// Returns what becomes of a message if another reading has the id of this one of it.
pub(super) fn conflict_in(readings: &Readings, reading: &Reading) -> Rejection {
    let mut hash = Sha256::new();
    hash.update(readings.id.bytes());
    hash.update(&*readings.topic);
    hash.update([0]);
    if let Some(payload) = readings.payload.as_kept() {
        hash.update(payload.kept());
    }
    let id = of_same_second(readings.id, hash);
    Rejection::of_readings(id, readings, reason(reading))
}

fn reason(reading: &Reading) -> String {
    format!("another reading has its id {}", reading.id)
}

fn of_same_second(id: ReadingId, hash: Sha256) -> ReadingId {
    let hash: [u8; 32] = hash.finalize().into();
    let mut id = id.bytes();
    id[4..].copy_from_slice(&hash[..8]);
    ReadingId::from(id)
}
