//! What was rejected.

use std::ops::ControlFlow;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::read::{RejectionGroup, RejectionRow, TimeRange};
use crate::reading_id::ReadingId;
use crate::rejection::Rejection;
use crate::sqlite::sql_value::{id_of, millis_of, time_of, time_text};

/// Rows that are read at once.
const ROWS: i64 = 1_000;

const COLUMNS: &str = "uid, topic, reason, length, length(payload), sha256, reg_date, rowid";

/// Returns the rejections by reason, the most frequent first.
pub(super) fn groups(
    connection: &Connection,
    range: TimeRange,
) -> rusqlite::Result<Vec<RejectionGroup>> {
    let (since, until) = bounds(range);
    let transaction = connection.unchecked_transaction()?;
    let mut groups = transaction.prepare_cached(
        "SELECT reason, count(*), sum(length), count(DISTINCT topic), min(reg_date), max(rowid)
         FROM sensors_rejected WHERE reg_date >= ? AND reg_date < ?
         GROUP BY reason ORDER BY count(*) DESC, reason",
    )?;
    let mut last = transaction.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM sensors_rejected WHERE rowid = ?"
    ))?;
    let groups = groups.query_map((since, until), |row| {
        let first: String = row.get(4)?;
        Ok(RejectionGroup {
            reason: row.get(0)?,
            count: row.get::<_, i64>(1)?.unsigned_abs(),
            bytes: row.get::<_, i64>(2)?.unsigned_abs(),
            topics: row.get::<_, i64>(3)?.unsigned_abs(),
            first: millis_of(&first).and_then(time_of).unwrap_or_default(),
            last: last.query_row([row.get::<_, i64>(5)?], read)?,
        })
    })?;
    groups.collect()
}

/// Passes rejections to `take`, the latest first.
pub(super) fn rows(
    connection: &Connection,
    range: TimeRange,
    reason: Option<&str>,
    take: &mut dyn FnMut(RejectionRow) -> ControlFlow<()>,
) -> rusqlite::Result<()> {
    let (since, until) = bounds(range);
    let mut before = i64::MAX;
    loop {
        let mut portion = Vec::new();
        {
            let mut rows = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM sensors_rejected
                 WHERE rowid < ?1 AND reg_date >= ?2 AND reg_date < ?3 AND (?4 IS NULL OR reason = ?4)
                 ORDER BY rowid DESC LIMIT ?5"
            ))?;
            let mut rows = rows.query(params![before, since, until, reason, ROWS])?;
            while let Some(row) = rows.next()? {
                before = row.get(7)?;
                portion.push(read(row)?);
            }
        }
        if portion.is_empty() {
            return Ok(());
        }
        for row in portion {
            if take(row).is_break() {
                return Ok(());
            }
        }
    }
}

/// Returns a rejection with its payload.
pub(super) fn one(connection: &Connection, id: ReadingId) -> rusqlite::Result<Option<Rejection>> {
    let one = format!("SELECT {COLUMNS}, payload FROM sensors_rejected WHERE uid = ?");
    connection
        .prepare_cached(&one)?
        .query_row([id.bytes()], |row| {
            let of_row = read(row)?;
            Ok(Rejection {
                id: of_row.id,
                topic: of_row.topic,
                payload: Bytes::from(row.get::<_, Vec<u8>>(8)?),
                length: of_row.length,
                sha256: from_hex(&of_row.sha256),
                reason: of_row.reason,
                reg_date: of_row.time,
                once: false,
            })
        })
        .optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<RejectionRow> {
    let time: String = row.get(6)?;
    Ok(RejectionRow {
        id: id_of(row.get_ref(0)?.as_blob()?),
        topic: row.get::<_, String>(1)?.into(),
        reason: row.get(2)?,
        length: row.get::<_, i64>(3)?.unsigned_abs(),
        kept: row.get::<_, i64>(4)?.unsigned_abs(),
        sha256: row.get(5)?,
        time: millis_of(&time).and_then(time_of).unwrap_or_default(),
    })
}

fn bounds(range: TimeRange) -> (String, String) {
    let text = |time: chrono::DateTime<chrono::Utc>| time_text(time.timestamp_millis());
    (
        range.since.map_or_else(String::new, text),
        range.until.map_or_else(|| "~".to_owned(), text),
    )
}

fn from_hex(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(2 * index..2 * index + 2);
        *byte = digits
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .unwrap_or_default();
    }
    bytes
}
