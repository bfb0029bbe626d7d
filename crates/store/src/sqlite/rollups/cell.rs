//! What a series did in a span of time.

use rusqlite::{Connection, Row};

/// A span of time, in minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sqlite) enum Span {
    Minute = 1,
    Hour = 60,
    Day = 1440,
}

/// Hours with fewer readings have no rollups by minute: to read them is as fast.
pub(super) const FEWEST_FOR_MINUTES: i64 = 240;

/// Minutes in milliseconds.
pub(in crate::sqlite) const MINUTE: i64 = 60_000;

impl Span {
    /// Returns its length in milliseconds.
    pub(in crate::sqlite) const fn millis(self) -> i64 {
        self as i64 * MINUTE
    }
}

/// What a series did in a span of time, added up in order of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::sqlite) struct Cell {
    /// Readings.
    pub(in crate::sqlite) number: i64,
    /// Those that are numbers.
    pub(in crate::sqlite) count: i64,
    pub(in crate::sqlite) min: f64,
    pub(in crate::sqlite) max: f64,
    pub(in crate::sqlite) sum: f64,
    pub(in crate::sqlite) first: f64,
    pub(in crate::sqlite) last: f64,
}

impl Cell {
    /// Adds a reading, which is later than all so far.
    pub(in crate::sqlite) fn add(&mut self, number: Option<f64>) {
        self.number += 1;
        if let Some(value) = number {
            let one = Self {
                number: 0,
                count: 1,
                min: value,
                max: value,
                sum: value,
                first: value,
                last: value,
            };
            self.add_cell(&one);
        }
    }

    /// Adds a reading that may be earlier or later than the others.
    pub(in crate::sqlite) fn add_anywhere(&mut self, number: Option<f64>) {
        let last = (self.count > 0).then_some(self.last);
        self.add(number);
        self.last = last.unwrap_or(self.last);
    }

    /// Adds another one, which is later than all so far.
    pub(in crate::sqlite) fn add_cell(&mut self, other: &Self) {
        self.number += other.number;
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            let number = self.number;
            *self = Self { number, ..*other };
            return;
        }
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.last = other.last;
    }

    /// Writes it.
    pub(in crate::sqlite) fn write(
        &self,
        connection: &Connection,
        series: i64,
        span: Span,
        start: i64,
    ) -> rusqlite::Result<()> {
        let number = |value: f64| (self.count > 0).then_some(value);
        connection
            .prepare_cached("INSERT OR REPLACE INTO rollups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?
            .execute((
                series,
                span as i64,
                start,
                self.number,
                self.count,
                number(self.min),
                number(self.max),
                number(self.sum),
                number(self.first),
                number(self.last),
            ))?;
        Ok(())
    }

    /// Reads one, and where it starts, from the columns `start` to `last`.
    pub(in crate::sqlite) fn read(row: &Row<'_>) -> rusqlite::Result<(i64, Self)> {
        let number = |index| -> rusqlite::Result<f64> {
            let number: Option<f64> = row.get(index)?;
            Ok(number.unwrap_or_default())
        };
        let cell = Self {
            number: row.get(1)?,
            count: row.get(2)?,
            min: number(3)?,
            max: number(4)?,
            sum: number(5)?,
            first: number(6)?,
            last: number(7)?,
        };
        Ok((row.get(0)?, cell))
    }

    /// Returns the cells of a series that start from one minute to another, in order.
    pub(in crate::sqlite) fn all(
        connection: &Connection,
        series: i64,
        span: Span,
        minutes: (i64, i64),
    ) -> rusqlite::Result<Vec<(i64, Self)>> {
        connection
            .prepare_cached(
                "SELECT start, number, count, min, max, sum, first, last FROM rollups
                 WHERE series_id = ? AND span = ? AND start >= ? AND start < ? ORDER BY start",
            )?
            .query_map((series, span as i64, minutes.0, minutes.1), Self::read)?
            .collect()
    }
}
