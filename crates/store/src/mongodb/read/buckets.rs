//! A range of a series, downsampled.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use mongodb::action::{Action, Find};
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, doc};

use super::cells::{Cell, HOUR, MINUTE, Timed};
use super::days;
use super::questions::{of_key, of_range};
use super::server::Server;
use super::value::{id, value};
use crate::read::{Bucket, Division, Grid, ReadError, SeriesKey, TimeRange};
use crate::reading_id::ReadingId;

/// Passes the buckets to `take`.
pub(super) fn buckets(
    server: &Server,
    key: &SeriesKey,
    range: TimeRange,
    division: Division,
    take: &mut dyn FnMut(Bucket) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let (Some(first), Some(last)) = (end(server, key, range, 1)?, end(server, key, range, -1)?)
    else {
        return Ok(());
    };
    let since = range.since.map_or(first, |since| since.timestamp_millis());
    let until = range
        .until
        .map_or(last + 1, |until| until.timestamp_millis());
    let (Some(since), Some(until)) = (at(since), at(until)) else {
        return Ok(());
    };
    let grid = Grid::new(since, until, division);
    let mut parts = Parts {
        rest: Box::new(grid.parts()),
        present: None,
        cell: Cell::default(),
        take,
    };
    // Readings are only where the series has some.
    let (from, to) = (grid.since().max(first), grid.until().min(last + 1));
    let passed = match length(grid) {
        None => readings(server, key, (from, to), &mut parts)?,
        Some(length) => {
            let up = |millis: i64| (millis + length - 1).div_euclid(length) * length;
            let middle = (up(from).min(to), to.div_euclid(length) * length);
            let middle = (middle.0, middle.1.max(middle.0));
            let mut passed = readings(server, key, (from, middle.0), &mut parts)?;
            if passed.is_continue() && middle.0 < middle.1 {
                let cells = days::cells(server, key, middle, length)?;
                passed = cells.into_iter().try_for_each(|cell| parts.add(cell));
            }
            if passed.is_continue() {
                passed = readings(server, key, (middle.1, to), &mut parts)?;
            }
            passed
        }
    };
    if passed.is_continue() {
        let _ = parts.finish();
    }
    Ok(())
}

fn at(millis: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis)
}

/// Returns the first or the last time of a series in a range.
fn end(
    server: &Server,
    key: &SeriesKey,
    range: TimeRange,
    way: i32,
) -> Result<Option<i64>, ReadError> {
    let mut filter = of_key(key);
    filter.extend(of_range(range));
    let (readings, max_time) = (server.collections.readings.clone(), server.max_time());
    let found = server.all(async move {
        readings
            .find(filter)
            .sort(doc! {"reg_date": way})
            .limit(1)
            .projection(doc! {"_id": 0, "reg_date": 1})
            .optional(max_time, Find::max_time)
            .await
    })?;
    let time = |document: &Document| match document.get("reg_date") {
        Some(Bson::DateTime(time)) => Some(time.timestamp_millis()),
        _ => None,
    };
    Ok(found.first().and_then(time))
}

/// Returns the longest cells that the parts of a grid consist of, but for its ends; nothing if no
/// cells fit.
fn length(grid: Grid) -> Option<i64> {
    let mut length = Some(HOUR);
    for (_, end) in grid.parts() {
        if end == grid.until() {
            break;
        }
        while let Some(present) = length
            && end % present != 0
        {
            length = (present == HOUR).then_some(MINUTE);
        }
        if length.is_none() {
            break;
        }
    }
    length
}

/// Adds readings, one by one, of which only what counts is fetched.
fn readings(
    server: &Server,
    key: &SeriesKey,
    (from, to): (i64, i64),
    parts: &mut Parts<'_>,
) -> Result<ControlFlow<()>, ReadError> {
    if from >= to {
        return Ok(ControlFlow::Continue(()));
    }
    let mut filter = of_key(key);
    filter.extend(of_range(TimeRange {
        since: at(from),
        until: at(to),
    }));
    let (readings, max_time) = (server.collections.readings.clone(), server.max_time());
    let find = async move {
        let find = readings.find(filter).sort(doc! {"reg_date": 1});
        find.projection(doc! {"reg_date": 1, "value": 1})
            .optional(max_time, Find::max_time)
            .await
    };
    // Those of the same time come in any order: an index by time does not know the ids.
    let mut same_time: Vec<(i64, ReadingId, f64)> = Vec::new();
    let mut add = |readings: &mut Vec<(i64, ReadingId, f64)>| {
        readings.sort_by_key(|(_, id, _)| *id);
        let mut cells = readings
            .drain(..)
            .map(|(time, _, number)| (time, Cell::of(number)));
        cells.try_for_each(|cell| parts.add(cell))
    };
    let mut passed = ControlFlow::Continue(());
    server.documents(find, &mut |document| {
        let Some(reading) = number(document) else {
            return ControlFlow::Continue(());
        };
        if same_time.last().is_some_and(|last| last.0 != reading.0) {
            passed = add(&mut same_time);
        }
        same_time.push(reading);
        passed
    })?;
    if passed.is_continue() {
        passed = add(&mut same_time);
    }
    Ok(passed)
}

/// Returns the time, the id and the number of a reading that is one.
fn number(document: &RawDocument) -> Option<(i64, ReadingId, f64)> {
    let number = match document.get("value").ok()?? {
        RawBsonRef::Double(number) if number.is_finite() => number,
        other => value(Bson::try_from(other).ok()?).as_number()?,
    };
    let time = document.get_datetime("reg_date").ok()?;
    let id = id(document.get("_id").ok()?);
    Some((time.timestamp_millis(), id, number))
}

/// Makes buckets of cells that come in order of time.
struct Parts<'a> {
    rest: Box<dyn Iterator<Item = (i64, i64)>>,
    present: Option<(i64, i64)>,
    cell: Cell,
    take: &'a mut dyn FnMut(Bucket) -> ControlFlow<()>,
}

impl Parts<'_> {
    fn add(&mut self, (start, cell): Timed) -> ControlFlow<()> {
        while self.present.is_none_or(|(_, end)| end <= start) {
            self.finish()?;
            self.present = self.rest.next();
            if self.present.is_none() {
                return ControlFlow::Break(());
            }
        }
        self.cell.add(&cell);
        ControlFlow::Continue(())
    }

    /// Passes the present part on.
    fn finish(&mut self) -> ControlFlow<()> {
        let cell = std::mem::take(&mut self.cell);
        let Some((start, end)) = self.present.filter(|_| cell.count > 0) else {
            return ControlFlow::Continue(());
        };
        let (Some(start), Some(end)) = (at(start), at(end)) else {
            return ControlFlow::Continue(());
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "a mean of so many has no more digits"
        )]
        let mean = cell.sum / cell.count as f64;
        (self.take)(Bucket {
            start,
            end,
            count: cell.count,
            min: cell.min,
            max: cell.max,
            mean,
            first: cell.first,
            last: cell.last,
        })
    }
}
