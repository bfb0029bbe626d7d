//! A range of a series, downsampled: whole rollups in the middle of each part, and readings where a
//! part does not begin or end with a rollup, or the rollups of an hour are not those of its
//! readings.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use rusqlite::{Connection, params};

use super::series_list::{first, known};
use crate::read::{Bucket, Division, Grid, SeriesFilter, SeriesKey, TimeRange};
use crate::sqlite::rollups::{self, Cell, Mode, Span};
use crate::sqlite::sql_value::{as_number, bound_text, millis_of, time_of};

/// Parts that are made of one state of the file.
const PARTS: usize = 2_000;

/// Passes the buckets to `take`.
pub(super) fn buckets(
    connection: &Connection,
    key: &SeriesKey,
    range: TimeRange,
    division: Division,
    take: &mut dyn FnMut(Bucket) -> ControlFlow<()>,
) -> rusqlite::Result<()> {
    let Some(series) = known(connection, &SeriesFilter::of(key))?.pop() else {
        return Ok(());
    };
    let Some((since, until)) = whole_range(connection, series.id, range)? else {
        return Ok(());
    };
    let mut parts = Grid::new(since, until, division).parts().peekable();
    while parts.peek().is_some() {
        let some: Vec<(i64, i64)> = parts.by_ref().take(PARTS).collect();
        let made = {
            let transaction = connection.unchecked_transaction()?;
            Source::new(&transaction, series.id, &some)?.make()?
        };
        for ((start, end), cell) in some.into_iter().zip(made) {
            let Some(bucket) = bucket(start, end, &cell) else {
                continue;
            };
            if take(bucket).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn bucket(start: i64, end: i64, cell: &Cell) -> Option<Bucket> {
    let count = u64::try_from(cell.count).ok().filter(|count| *count > 0)?;
    Some(Bucket {
        start: time_of(start)?,
        end: time_of(end)?,
        count,
        min: cell.min,
        max: cell.max,
        #[expect(
            clippy::cast_precision_loss,
            reason = "a mean of so many has no more digits"
        )]
        mean: cell.sum / count as f64,
        first: cell.first,
        last: cell.last,
    })
}

type Times = (chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>);

/// Returns the range, with what it leaves open; nothing if the series has no readings and the range
/// is open.
fn whole_range(
    connection: &Connection,
    series: i64,
    range: TimeRange,
) -> rusqlite::Result<Option<Times>> {
    let since = match range.since {
        None => begin(connection, series)?.and_then(time_of),
        since => since,
    };
    let until = match range.until {
        None => {
            let since = since.map(|since| since.timestamp_millis());
            let last = last(connection, series)?.or(since);
            last.map(|last| last + 1).and_then(time_of)
        }
        until => until,
    };
    Ok(since.zip(until))
}

/// Returns the first time of a series, also if its readings are gone and its rollups are not.
fn begin(connection: &Connection, series: i64) -> rusqlite::Result<Option<i64>> {
    let cell = "SELECT min(start) FROM rollups WHERE series_id = ? AND span = 60";
    let minutes: Option<i64> = match rollups::mode(connection)? {
        Mode::On => connection
            .prepare_cached(cell)?
            .query_row([series], |row| row.get(0))?,
        Mode::Off | Mode::Building => None,
    };
    let pruned = rollups::pruned_hour(connection)?.saturating_mul(60);
    let of_cells = minutes.filter(|minutes| *minutes < pruned);
    let of_cells = of_cells.map(|minutes| minutes * Span::Minute.millis());
    let of_readings = first(connection, series)?;
    Ok(of_cells.into_iter().chain(of_readings).min())
}

fn last(connection: &Connection, series: i64) -> rusqlite::Result<Option<i64>> {
    let last = "SELECT max(reg_date) FROM readings WHERE series_id = ?";
    let last: Option<String> = connection
        .prepare_cached(last)?
        .query_row([series], |row| row.get(0))?;
    Ok(last.as_deref().and_then(millis_of))
}

/// What the buckets of some parts are made of, in order of time.
struct Source<'a> {
    connection: &'a Connection,
    series: i64,
    parts: &'a [(i64, i64)],
    cells: Vec<Cell>,
    /// The part that the present time is in.
    index: usize,
    /// Hours whose rollups do not count.
    due: BTreeSet<i64>,
    pruned_hour: i64,
    has_rollups: bool,
}

impl<'a> Source<'a> {
    fn new(
        connection: &'a Connection,
        series: i64,
        parts: &'a [(i64, i64)],
    ) -> rusqlite::Result<Self> {
        let mut source = Self {
            connection,
            series,
            parts,
            cells: vec![Cell::default(); parts.len()],
            index: 0,
            due: BTreeSet::new(),
            pruned_hour: i64::MIN,
            has_rollups: rollups::mode(connection)? == Mode::On,
        };
        if source.has_rollups {
            let (from, to) = source.span();
            let hour = |millis: i64| millis.div_euclid(Span::Hour.millis());
            source.due = connection
                .prepare_cached(
                    "SELECT hour FROM rollups_due WHERE series_id = ? AND hour >= ? AND hour <= ?",
                )?
                .query_map(params![series, hour(from), hour(to - 1)], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            source.pruned_hour = rollups::pruned_hour(connection)?;
        }
        Ok(source)
    }

    /// Returns where the parts begin and end.
    fn span(&self) -> (i64, i64) {
        match (self.parts.first(), self.parts.last()) {
            (Some((from, _)), Some((_, to))) => (*from, *to),
            _ => (0, 0),
        }
    }

    fn make(mut self) -> rusqlite::Result<Vec<Cell>> {
        let (from, to) = self.span();
        let longest = self.parts.iter().map(|(start, end)| end - start).max();
        let longest = longest.unwrap_or_default();
        let is_pruned = from.div_euclid(Span::Hour.millis()) < self.pruned_hour;
        if !self.has_rollups || (longest < 2 * Span::Minute.millis() && !is_pruned) {
            self.readings(from, to)?;
        } else if longest < 4 * Span::Day.millis() {
            self.hours(from, to)?;
        } else {
            self.days(from, to)?;
        }
        Ok(self.cells)
    }

    /// Goes on to the part that `millis` is in, or the next one.
    fn advance(&mut self, millis: i64) {
        while self
            .parts
            .get(self.index)
            .is_some_and(|(_, end)| *end <= millis)
        {
            self.index += 1;
        }
    }

    /// Adds what is in a span, if that is within one part.
    fn add(&mut self, start: i64, span: Span, cell: &Cell) -> bool {
        self.advance(start);
        let Some((from, to)) = self.parts.get(self.index) else {
            return false;
        };
        let is_within = *from <= start && start + span.millis() <= *to;
        if is_within {
            self.cells[self.index].add_cell(cell);
        }
        is_within
    }

    fn days(&mut self, from: i64, to: i64) -> rusqlite::Result<()> {
        let minutes = (floor(from, Span::Day), floor(to - 1, Span::Day) + 1);
        let mut cells = Cell::all(self.connection, self.series, Span::Day, minutes)?;
        // A day may have no rollups yet.
        for hour in &self.due {
            let day = hour.div_euclid(24) * Span::Day as i64;
            if let Err(place) = cells.binary_search_by_key(&day, |(start, _)| *start) {
                cells.insert(place, (day, Cell::default()));
            }
        }
        for (minute, cell) in cells {
            let start = minute * Span::Minute.millis();
            let hour = minute.div_euclid(60);
            let is_due = self.due.range(hour..hour + 24).next().is_some();
            if is_due || !self.add(start, Span::Day, &cell) {
                let end = start + Span::Day.millis();
                self.hours(start.max(from), end.min(to))?;
            }
        }
        Ok(())
    }

    fn hours(&mut self, from: i64, to: i64) -> rusqlite::Result<()> {
        let minutes = (floor(from, Span::Hour), floor(to - 1, Span::Hour) + 1);
        let mut cells = Cell::all(self.connection, self.series, Span::Hour, minutes)?;
        let due = self
            .due
            .range(minutes.0.div_euclid(60)..=minutes.1.div_euclid(60));
        for hour in due {
            if let Err(place) = cells.binary_search_by_key(&(hour * 60), |(start, _)| *start) {
                cells.insert(place, (hour * 60, Cell::default()));
            }
        }
        for (minute, cell) in cells {
            let hour = minute.div_euclid(60);
            let start = minute * Span::Minute.millis();
            let (first, end) = (start.max(from), (start + Span::Hour.millis()).min(to));
            if first >= end {
                continue;
            }
            if self.due.contains(&hour) {
                self.readings(first, end)?;
            } else if !self.add(start, Span::Hour, &cell) {
                self.parts_of_hour(hour, &cell, first, end)?;
            }
        }
        Ok(())
    }

    /// Adds an hour that more than one part has a share in, or of which only a share is wanted.
    fn parts_of_hour(
        &mut self,
        hour: i64,
        cell: &Cell,
        from: i64,
        to: i64,
    ) -> rusqlite::Result<()> {
        let is_pruned = hour < self.pruned_hour;
        let minutes = rollups::read_minutes(self.connection, self.series, hour)?;
        if minutes.is_empty() {
            if !is_pruned {
                return self.readings(from, to);
            }
            // Nothing tells its parts from each other any more.
            self.add_whole(hour * Span::Hour.millis(), from, to, cell);
        }
        for (minute, cell) in minutes {
            let start = minute * Span::Minute.millis();
            let (first, end) = (start.max(from), (start + Span::Minute.millis()).min(to));
            if first >= end || self.add(start, Span::Minute, &cell) {
                continue;
            }
            if is_pruned {
                self.add_whole(start, from, to, &cell);
            } else {
                self.readings(first, end)?;
            }
        }
        Ok(())
    }

    /// Adds a span to the part that it begins in.
    fn add_whole(&mut self, start: i64, from: i64, to: i64, cell: &Cell) {
        if start < from || start >= to {
            return;
        }
        self.advance(start);
        if let Some(part) = self.cells.get_mut(self.index) {
            part.add_cell(cell);
        }
    }

    fn readings(&mut self, from: i64, to: i64) -> rusqlite::Result<()> {
        let mut readings = self.connection.prepare_cached(
            "SELECT reg_date, value FROM readings
             WHERE series_id = ? AND reg_date >= ? AND reg_date < ? ORDER BY reg_date, uid",
        )?;
        let mut rows = readings.query(params![self.series, bound_text(from), bound_text(to)])?;
        while let Some(row) = rows.next()? {
            let Some(number) = as_number(row.get_ref(1)?) else {
                continue;
            };
            let Some(millis) = millis_of(row.get_ref(0)?.as_str()?) else {
                continue;
            };
            self.advance(millis);
            if let Some(cell) = self.cells.get_mut(self.index) {
                cell.add(Some(number));
            }
        }
        Ok(())
    }
}

/// Returns where the span begins that `millis` is in, in minutes.
fn floor(millis: i64, span: Span) -> i64 {
    millis.div_euclid(span.millis()) * span as i64
}
