//! The minutes of an hour, all in one row: a chart reads them many times faster than as rows of
//! their own, and an hour is rolled up with fewer inserts.

use rusqlite::{Connection, OptionalExtension};

use super::cell::Cell;

/// Bytes of a minute: its number within the hour, two counts, five numbers.
const SIZE: usize = 1 + 2 * 4 + 5 * 8;

/// Writes the minutes of an hour, each with its number since 1970; with none, removes those that
/// are there.
pub(in crate::sqlite) fn write(
    connection: &Connection,
    series: i64,
    hour: i64,
    minutes: &[(i64, Cell)],
) -> rusqlite::Result<()> {
    if minutes.is_empty() {
        connection
            .prepare_cached("DELETE FROM rollup_minutes WHERE series_id = ? AND hour = ?")?
            .execute((series, hour))?;
        return Ok(());
    }
    connection
        .prepare_cached("INSERT OR REPLACE INTO rollup_minutes VALUES (?, ?, ?)")?
        .execute((series, hour, encode(minutes)))?;
    Ok(())
}

/// Returns the minutes of an hour, in order; none if it has too few readings for them.
pub(in crate::sqlite) fn read(
    connection: &Connection,
    series: i64,
    hour: i64,
) -> rusqlite::Result<Vec<(i64, Cell)>> {
    let cells = connection
        .prepare_cached("SELECT cells FROM rollup_minutes WHERE series_id = ? AND hour = ?")?
        .query_row((series, hour), |row| {
            Ok(row.get_ref(0)?.as_blob().map(|cells| decode(cells, hour))?)
        });
    Ok(cells.optional()?.unwrap_or_default())
}

fn encode(minutes: &[(i64, Cell)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(minutes.len() * SIZE);
    for (minute, cell) in minutes {
        bytes.push(u8::try_from(minute.rem_euclid(60)).unwrap_or_default());
        for count in [cell.number, cell.count] {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            bytes.extend(count.to_le_bytes());
        }
        for number in [cell.min, cell.max, cell.sum, cell.first, cell.last] {
            bytes.extend(number.to_le_bytes());
        }
    }
    bytes
}

fn decode(bytes: &[u8], hour: i64) -> Vec<(i64, Cell)> {
    let (minutes, _) = bytes.as_chunks::<SIZE>();
    let minute = |bytes: &[u8; SIZE]| {
        let [minute, rest @ ..] = bytes;
        let (counts, numbers) = rest.split_at(8);
        let (counts, _) = counts.as_chunks::<4>();
        let (numbers, _) = numbers.as_chunks::<8>();
        let count = |at: usize| i64::from(u32::from_le_bytes(counts[at]));
        let number = |at: usize| f64::from_le_bytes(numbers[at]);
        let cell = Cell {
            number: count(0),
            count: count(1),
            min: number(0),
            max: number(1),
            sum: number(2),
            first: number(3),
            last: number(4),
        };
        (hour * 60 + i64::from(*minute), cell)
    };
    minutes.iter().map(minute).collect()
}
