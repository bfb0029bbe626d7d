//! Readings, portion by portion.

use std::cmp::Ordering;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::series_list::{Known, known};
use crate::read::{Order, Row, RowQuestion};
use crate::sqlite::sql_value::{id_of, millis_of, time_of, time_text, value_of};

/// Most rows in memory, and most bytes of their values in one portion.
const ROWS: usize = 20_000;
const BYTES: usize = 4 << 20;
/// Fewest rows of a series that are read at once.
const FEWEST_ROWS: usize = 16;

/// Passes the rows that are asked for to `take`.
pub(super) fn rows(
    connection: &Connection,
    question: &RowQuestion,
    take: &mut dyn FnMut(Row) -> ControlFlow<()>,
) -> rusqlite::Result<()> {
    let mut left = question.limit.unwrap_or(u64::MAX);
    let series = known(connection, &question.filter)?;
    let cursors = series
        .into_iter()
        .map(|series| Cursor::new(series, question));
    let mut take = |row| {
        left -= 1;
        match take(row) {
            ControlFlow::Continue(()) if left > 0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    };
    if question.limit == Some(0) {
        return Ok(());
    }
    let mut cursors: Vec<_> = cursors.collect();
    let portion = question.limit.map_or(ROWS, |limit| {
        ROWS.min(usize::try_from(limit).unwrap_or(ROWS))
    });
    if question.order == Order::Series || cursors.len() == 1 {
        for mut cursor in cursors {
            while let Some(row) = cursor.next(connection, portion)? {
                if take(row).is_break() {
                    return Ok(());
                }
            }
        }
        return Ok(());
    }
    let portion = portion.min(ROWS / cursors.len().max(1)).max(FEWEST_ROWS);
    let is_descending = question.order == Order::TimeDescending;
    let mut heap = BinaryHeap::new();
    for (index, cursor) in cursors.iter_mut().enumerate() {
        if let Some(row) = cursor.next(connection, portion)? {
            heap.push(First {
                row,
                index,
                is_descending,
            });
        }
    }
    while let Some(mut first) = heap.peek_mut() {
        let row = match cursors[first.index].next(connection, portion)? {
            Some(next) => std::mem::replace(&mut first.row, next),
            None => PeekMut::pop(first).row,
        };
        if take(row).is_break() {
            break;
        }
    }
    Ok(())
}

/// The next row of a series, among those of others.
struct First {
    row: Row,
    index: usize,
    is_descending: bool,
}

impl Ord for First {
    /// The greatest comes first.
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |first: &Self| (first.row.time, first.row.id);
        let order = key(self).cmp(&key(other));
        let order = if self.is_descending {
            order
        } else {
            order.reverse()
        };
        order.then(other.index.cmp(&self.index))
    }
}

impl PartialOrd for First {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for First {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for First {}

/// Where reading a series is.
struct Cursor {
    series: Known,
    /// The bounds of what is still to be read: times, and the last id at the one that moves.
    from: (String, Vec<u8>),
    to: (String, Vec<u8>),
    is_descending: bool,
    rows: VecDeque<Row>,
    is_at_end: bool,
}

/// Less than all times, and greater.
const FIRST_TIME: &str = "";
const LAST_TIME: &str = "~";

impl Cursor {
    fn new(series: Known, question: &RowQuestion) -> Self {
        let text = |time: Option<chrono::DateTime<chrono::Utc>>, open: &str| match time {
            Some(time) => time_text(ceiling(time)),
            None => open.to_owned(),
        };
        let is_descending = question.order == Order::TimeDescending;
        // No id is as short, or as long, as these.
        let mut from = (text(question.range.since, FIRST_TIME), Vec::new());
        let mut to = (text(question.range.until, LAST_TIME), Vec::new());
        if let Some(after) = question.after {
            let at = (
                time_text(after.time.timestamp_millis()),
                after.id.bytes().to_vec(),
            );
            if is_descending {
                to = to.min(at);
            } else if at > from {
                from = at;
            }
        }
        Self {
            series,
            from,
            to,
            is_descending,
            rows: VecDeque::new(),
            is_at_end: false,
        }
    }

    /// Returns the next row; reads so many at once.
    fn next(&mut self, connection: &Connection, portion: usize) -> rusqlite::Result<Option<Row>> {
        while self.rows.is_empty() && !self.is_at_end {
            self.read(connection, portion)?;
        }
        Ok(self.rows.pop_front())
    }

    fn read(&mut self, connection: &Connection, portion: usize) -> rusqlite::Result<()> {
        // Only times are compared here, as a comparison of pairs costs each row; ids are compared
        // below.
        let (ascending, descending) = (
            "SELECT reg_date, uid, value, unit FROM readings
             WHERE series_id = ? AND reg_date >= ? AND reg_date <= ? ORDER BY reg_date, uid",
            "SELECT reg_date, uid, value, unit FROM readings
             WHERE series_id = ? AND reg_date >= ? AND reg_date <= ? ORDER BY reg_date DESC, uid DESC",
        );
        let query = if self.is_descending {
            descending
        } else {
            ascending
        };
        let mut query = connection.prepare_cached(query)?;
        let mut rows = query.query(params![self.series.id, self.from.0, self.to.0])?;
        let (mut count, mut bytes) = (0, 0);
        let (mut last_time, mut last_id) = (String::new(), Vec::new());
        while bytes < BYTES && count < portion {
            let Some(row) = rows.next()? else {
                self.is_at_end = true;
                break;
            };
            let (at, id) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_blob()?);
            let is_in_range = (at, id) > (self.from.0.as_str(), self.from.1.as_slice())
                && (at, id) < (self.to.0.as_str(), self.to.1.as_slice());
            if !is_in_range {
                continue;
            }
            let value = row.get_ref(2)?;
            bytes += value.as_bytes().map_or(0, <[u8]>::len);
            count += 1;
            at.clone_into(&mut last_time);
            id.clone_into(&mut last_id);
            let unit: Option<&str> = row.get_ref(3)?.as_str_or_null()?;
            let Some(time) = millis_of(at).and_then(time_of) else {
                continue;
            };
            self.rows.push_back(Row {
                key: self.series.key.clone(),
                value: value_of(value),
                unit: match unit {
                    Some(unit) => Some(Arc::from(unit)),
                    None => self.series.first_unit.clone(),
                },
                time,
                id: id_of(id),
            });
        }
        if count > 0 {
            let last = (last_time, last_id);
            if self.is_descending {
                self.to = last;
            } else {
                self.from = last;
            }
        }
        Ok(())
    }
}

/// Returns the first whole millisecond that is not before `time`.
fn ceiling(time: chrono::DateTime<chrono::Utc>) -> i64 {
    let is_whole = time.timestamp_subsec_nanos().is_multiple_of(1_000_000);
    time.timestamp_millis() + i64::from(!is_whole)
}
