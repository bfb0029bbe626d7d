//! Readings, portion by portion.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::vec;

use rusqlite::{Connection, params};

use super::series_list::{Known, known};
use crate::read::{Order, Row, RowBatch, RowQuestion};
use crate::sqlite::sql_value::{
    FIRST_ORDERED, LAST_TIME, Times, bound_text, id_of, time_text, value_of,
};

/// Most rows in memory, if there are few series.
const ROWS: usize = 20_000;
/// Most rows in one portion, which should not be larger than a processor's cache, and most bytes of
/// their values.
const PORTION: usize = 2_048;
const BYTES: usize = 4 << 20;
/// Fewest rows of a series that are read at once.
const FEWEST_ROWS: usize = 16;

/// Passes the rows that are asked for to `take`.
pub(super) fn rows(
    connection: &Connection,
    question: &RowQuestion,
    take: &mut dyn FnMut(Row) -> ControlFlow<()>,
) -> rusqlite::Result<()> {
    let series = known(connection, &question.filter)?;
    rows_of(connection, series, question, take)
}

/// Passes the rows of these series.
fn rows_of(
    connection: &Connection,
    series: Vec<Known>,
    question: &RowQuestion,
    take: &mut dyn FnMut(Row) -> ControlFlow<()>,
) -> rusqlite::Result<()> {
    let mut left = question.limit.unwrap_or(u64::MAX);
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
    let portion = question.limit.map_or(PORTION, |limit| {
        PORTION.min(usize::try_from(limit).unwrap_or(PORTION))
    });
    if question.order == Order::Series || cursors.len() == 1 {
        for mut cursor in cursors {
            while cursor.has_rows(connection, portion)? {
                for row in &mut cursor.rows {
                    if take(row).is_break() {
                        return Ok(());
                    }
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
            Some(next) => mem::replace(&mut first.row, next),
            None => PeekMut::pop(first).row,
        };
        if take(row).is_break() {
            break;
        }
    }
    Ok(())
}

/// Passes the rows that are asked for to `take`, many at a time: those of a single series as they
/// are read.
pub(super) fn row_batches(
    connection: &Connection,
    question: &RowQuestion,
    take: &mut dyn FnMut(Vec<Row>) -> ControlFlow<()>,
) -> rusqlite::Result<()> {
    let series = known(connection, &question.filter)?;
    if let ([only], None) = (&series[..], question.limit) {
        let mut cursor = Cursor::new(only.clone(), question);
        while cursor.has_rows(connection, PORTION)? {
            if take(mem::take(&mut cursor.rows).collect()).is_break() {
                break;
            }
        }
        return Ok(());
    }
    let mut batch = RowBatch::default();
    rows_of(connection, series, question, &mut |row| {
        batch.push(row, take)
    })?;
    batch.finish(take);
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
    /// What is still to be read of the time that is reached: what comes after this id.
    reached: Option<(String, Vec<u8>)>,
    /// The times behind that: from the first one on, and before the second.
    from: String,
    to: String,
    is_descending: bool,
    rows: vec::IntoIter<Row>,
    times: Times,
    is_at_end: bool,
}

/// Less than all times. [`LAST_TIME`] behind a time is greater than that one, and less than the
/// next.
const FIRST_TIME: &str = "";

/// What is read of a series: of one time, and of others.
const OF_TIME: &str = "SELECT reg_date, uid, value, unit FROM readings
     WHERE series_id = ? AND reg_date = ? AND uid > ? ORDER BY uid";
const OF_TIME_DESCENDING: &str = "SELECT reg_date, uid, value, unit FROM readings
     WHERE series_id = ? AND reg_date = ? AND uid < ? ORDER BY uid DESC";
const OF_TIMES: &str = "SELECT reg_date, uid, value, unit FROM readings
     WHERE series_id = ? AND reg_date >= ? AND reg_date < ? ORDER BY reg_date, uid";
const OF_TIMES_DESCENDING: &str = "SELECT reg_date, uid, value, unit FROM readings
     WHERE series_id = ? AND reg_date >= ? AND reg_date < ? ORDER BY reg_date DESC, uid DESC";

impl Cursor {
    fn new(series: Known, question: &RowQuestion) -> Self {
        let text = |time: Option<chrono::DateTime<chrono::Utc>>, open: &str| match time {
            Some(time) => bound_text(ceiling(time)),
            None => open.to_owned(),
        };
        // Years beyond 9999 are in a range without an end only.
        let first = match question.range.until {
            Some(_) => FIRST_ORDERED,
            None => FIRST_TIME,
        };
        let is_descending = question.order == Order::TimeDescending;
        let mut cursor = Self {
            series,
            reached: None,
            from: text(question.range.since, first),
            to: text(question.range.until, LAST_TIME),
            is_descending,
            rows: Vec::new().into_iter(),
            times: Times::default(),
            is_at_end: false,
        };
        if let Some(after) = question.after {
            let time = time_text(after.time.timestamp_millis());
            let is_before = time < cursor.from;
            let is_behind = time >= cursor.to;
            match (is_before, is_behind) {
                (false, false) => cursor.reach(time, after.id.bytes().to_vec()),
                (true, _) => cursor.is_at_end = is_descending,
                (_, true) => cursor.is_at_end = !is_descending,
            }
        }
        cursor
    }

    /// The reading with this time and id was read.
    fn reach(&mut self, time: String, id: Vec<u8>) {
        if self.is_descending {
            self.to.clone_from(&time);
        } else {
            self.from = format!("{time}{LAST_TIME}");
        }
        self.reached = Some((time, id));
    }

    /// Returns the next row, after [`has_rows`](Self::has_rows).
    fn next(&mut self, connection: &Connection, portion: usize) -> rusqlite::Result<Option<Row>> {
        self.has_rows(connection, portion)?;
        Ok(self.rows.next())
    }

    /// Returns whether there is a next row; reads so many at once.
    fn has_rows(&mut self, connection: &Connection, portion: usize) -> rusqlite::Result<bool> {
        while self.rows.len() == 0 && !self.is_at_end {
            self.read(connection, portion)?;
        }
        Ok(self.rows.len() > 0)
    }

    fn read(&mut self, connection: &Connection, portion: usize) -> rusqlite::Result<()> {
        // Two queries, as a comparison of pairs of time and id costs each row.
        let query = match (&self.reached, self.is_descending) {
            (Some(_), false) => OF_TIME,
            (Some(_), true) => OF_TIME_DESCENDING,
            (None, false) => OF_TIMES,
            (None, true) => OF_TIMES_DESCENDING,
        };
        let mut query = connection.prepare_cached(query)?;
        let mut rows = match &self.reached {
            Some((time, id)) => query.query(params![self.series.id, time, id])?,
            None => query.query(params![self.series.id, self.from, self.to])?,
        };
        let (mut count, mut bytes) = (0, 0);
        let mut read = Vec::new();
        let (key, first_unit) = self.series.own_text();
        let reached = loop {
            let Some(row) = rows.next()? else {
                break None;
            };
            let (at, id) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_blob()?);
            let value = row.get_ref(2)?;
            bytes += value.as_bytes().map_or(0, <[u8]>::len);
            count += 1;
            let unit: Option<&str> = row.get_ref(3)?.as_str_or_null()?;
            if let Some(time) = self.times.of(at) {
                if read.is_empty() {
                    read.reserve(portion);
                }
                read.push(Row {
                    key: key.clone(),
                    value: value_of(value),
                    unit: match unit {
                        Some(unit) => Some(Arc::from(unit)),
                        None => first_unit.clone(),
                    },
                    time,
                    id: id_of(id),
                });
            }
            if bytes >= BYTES || count >= portion {
                break Some((at.to_owned(), id.to_vec()));
            }
        };
        self.rows = read.into_iter();
        match reached {
            Some((time, id)) => self.reach(time, id),
            None => self.is_at_end = self.reached.take().is_none(),
        }
        Ok(())
    }
}

/// Returns the first whole millisecond that is not before `time`.
fn ceiling(time: chrono::DateTime<chrono::Utc>) -> i64 {
    let is_whole = time.timestamp_subsec_nanos().is_multiple_of(1_000_000);
    time.timestamp_millis() + i64::from(!is_whole)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use chrono::DateTime;

    use super::*;
    use crate::read::SeriesFilter;
    use crate::reading_id::IdGenerator;
    use crate::sqlite::SqliteStore;
    use crate::testing;

    #[test]
    fn readings_of_the_same_time_are_read_once_each() {
        const READINGS: usize = 2_000;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("iot.db");
        let (mut ids, time) = (IdGenerator::new(), DateTime::UNIX_EPOCH);
        let entry = |_| testing::entry("a", b"1", time, &mut ids);
        let entries: Vec<_> = (0..READINGS).map(entry).collect();
        let mut store = SqliteStore::open(&path).unwrap();
        store.commit(&entries).unwrap();
        let mut connection = Connection::open(path).unwrap();
        let steps = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&steps);
        let handler = move || {
            count.fetch_add(1, Ordering::Relaxed);
            false
        };
        connection.progress_handler(1, Some(handler)).unwrap();
        for order in [Order::Time, Order::TimeDescending] {
            steps.store(0, Ordering::Relaxed);
            let question = RowQuestion {
                order,
                ..RowQuestion::default()
            };
            let series = known(&connection, &SeriesFilter::default()).unwrap();
            let mut cursor = Cursor::new(series[0].clone(), &question);
            let mut ids = Vec::new();
            while let Some(row) = cursor.next(&connection, 10).unwrap() {
                ids.push(row.id);
            }
            let is_sorted = ids.is_sorted() || ids.is_sorted_by(|a, b| a > b);
            assert_eq!((ids.len(), is_sorted), (READINGS, true));
            let of_each = steps.load(Ordering::Relaxed) / READINGS as u64;
            assert!(of_each < 200, "{of_each} steps for each reading");
        }
    }
}
