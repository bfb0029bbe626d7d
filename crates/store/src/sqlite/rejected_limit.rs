//! Drops the oldest rejections of the embedded store if they take too much room.

use rusqlite::Connection;

use crate::keep_rejected::KeepRejected;
use crate::rejection::Rejection;

/// Bytes of a row beside payload and texts that vary: hash, time, id and their places.
const ROW: usize = 150;

/// The same as [`size`], of a row.
const SIZE: &str = "length(payload) + octet_length(topic) + octet_length(reason) + 150";

/// Returns roughly how many bytes a rejection takes in the file.
pub(super) fn size(rejection: &Rejection) -> u64 {
    (rejection.payload.len() + rejection.topic.len() + rejection.reason.len() + ROW) as u64
}

/// Drops the oldest rejections if all take more than `limit` bytes. `before` is what they took
/// before `added`, if that is known. Returns what they take now.
pub(super) fn apply(
    connection: &Connection,
    limit: u64,
    before: Option<u64>,
    added: u64,
) -> rusqlite::Result<u64> {
    let all = if let Some(before) = before {
        before + added
    } else {
        let sum = format!("SELECT coalesce(sum({SIZE}), 0) FROM sensors_rejected");
        let sum: i64 = connection.query_row(&sum, [], |row| row.get(0))?;
        sum.unsigned_abs()
    };
    if all <= limit {
        return Ok(all);
    }
    let excess = all - KeepRejected::kept_bytes(limit);
    let mut oldest = connection.prepare_cached(&format!(
        "SELECT rowid, {SIZE} FROM sensors_rejected ORDER BY rowid"
    ))?;
    let mut rows = oldest.query([])?;
    let (mut last, mut dropped) = (i64::MIN, 0_u64);
    while dropped < excess
        && let Some(row) = rows.next()?
    {
        last = row.get(0)?;
        dropped += row.get::<_, i64>(1)?.unsigned_abs();
    }
    connection
        .prepare_cached("DELETE FROM sensors_rejected WHERE rowid <= ?")?
        .execute([last])?;
    Ok(all.saturating_sub(dropped))
}
