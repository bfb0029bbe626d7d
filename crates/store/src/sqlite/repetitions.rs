//! Retained messages that have come again: what a series' last reading or a topic's last rejection
//! holds.

use rusqlite::{Connection, OptionalExtension};

use crate::reading::Reading;
use crate::rejection::Rejection;

/// Returns whether the series' last reading has the same value, and is not this one.
pub(super) fn repeats(
    connection: &Connection,
    series: i64,
    reading: &Reading,
) -> rusqlite::Result<bool> {
    let last = "SELECT value = ?2 AND typeof(value) = typeof(?2) AND uid <> ?3 FROM readings WHERE series_id = ?1
                ORDER BY reg_date DESC, uid DESC LIMIT 1";
    let same = connection
        .prepare_cached(last)?
        .query_row((series, &reading.value, reading.id.bytes()), |row| {
            row.get(0)
        })
        .optional()?;
    Ok(same.unwrap_or(false))
}

/// Returns whether the topic's last rejection, if it is among the latest of all, is of the same
/// payload.
pub(super) fn is_rejected(
    connection: &Connection,
    rejection: &Rejection,
) -> rusqlite::Result<bool> {
    let last =
        "SELECT sha256 = ?2 FROM (SELECT * FROM sensors_rejected ORDER BY rowid DESC LIMIT 10000)
                WHERE topic = ?1 AND uid <> ?3 LIMIT 1";
    let id = rejection.id.bytes();
    let same = connection
        .prepare_cached(last)?
        .query_row((&*rejection.topic, rejection.sha256_hex(), id), |row| {
            row.get(0)
        })
        .optional()?;
    Ok(same.unwrap_or(false))
}
