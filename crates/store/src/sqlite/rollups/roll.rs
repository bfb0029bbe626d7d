//! Makes the rollups of an hour from its readings.

use rusqlite::Connection;

use super::cell::{Cell, FEWEST_FOR_MINUTES, Span};
use super::minutes;
use crate::sqlite::sql_value::{as_number, minute_of_hour, time_text};

/// Makes the rollups of an hour of a series, and of its day, in the transaction that `connection`
/// is in; the hour is not due any more. Returns how many readings it has.
pub(in crate::sqlite) fn roll(
    connection: &Connection,
    series: i64,
    hour: i64,
) -> rusqlite::Result<i64> {
    let mut of_hour = Cell::default();
    let mut minutes: Vec<(i64, Cell)> = Vec::new();
    {
        let mut readings = connection.prepare_cached(
            "SELECT reg_date, value FROM readings
             WHERE series_id = ? AND reg_date >= ? AND reg_date <= ? ORDER BY reg_date, uid",
        )?;
        let from = time_text(hour * Span::Hour.millis());
        // The next hour may be of the year 10000, which is less as text.
        let last = time_text((hour + 1) * Span::Hour.millis() - 1);
        let mut rows = readings.query((series, from, last))?;
        while let Some(row) = rows.next()? {
            let minute = hour * 60 + minute_of_hour(row.get_ref(0)?.as_str()?);
            let number = as_number(row.get_ref(1)?);
            of_hour.add(number);
            match minutes.last_mut() {
                Some((last, cell)) if *last == minute => cell.add(number),
                _ => {
                    let mut cell = Cell::default();
                    cell.add(number);
                    minutes.push((minute, cell));
                }
            }
        }
    }
    if of_hour.number <= FEWEST_FOR_MINUTES {
        minutes.clear();
    }
    minutes::write(connection, series, hour, &minutes)?;
    write(connection, series, Span::Hour, hour * 60, &of_hour)?;
    roll_day(connection, series, hour)?;
    connection
        .prepare_cached("DELETE FROM rollups_due WHERE series_id = ? AND hour = ?")?
        .execute((series, hour))?;
    Ok(of_hour.number)
}

/// Makes the rollup of the day that an hour is in from those of its hours.
pub(in crate::sqlite) fn roll_day(
    connection: &Connection,
    series: i64,
    hour: i64,
) -> rusqlite::Result<()> {
    let day = hour.div_euclid(24) * Span::Day as i64;
    let mut of_day = Cell::default();
    for (_, cell) in Cell::all(connection, series, Span::Hour, (day, day + 1440))? {
        of_day.add_cell(&cell);
    }
    write(connection, series, Span::Day, day, &of_day)
}

/// Adds a reading to the rollups of an hour whose other readings are gone. Where it is not known
/// whether it came before or after the others, the first and the last one stay what they were.
pub(in crate::sqlite) fn add_late(
    connection: &Connection,
    series: i64,
    millis: i64,
    number: Option<f64>,
) -> rusqlite::Result<()> {
    let minute = millis.div_euclid(Span::Minute.millis());
    let hour = minute.div_euclid(60);
    let mut cells = minutes::read(connection, series, hour)?;
    let mut of_hour = Cell::default();
    if cells.is_empty() {
        for (_, cell) in Cell::all(connection, series, Span::Hour, (hour * 60, hour * 60 + 1))? {
            of_hour = cell;
        }
        of_hour.add_anywhere(number);
    } else {
        let place = cells.binary_search_by_key(&minute, |(start, _)| *start);
        let place = place.unwrap_or_else(|place| {
            cells.insert(place, (minute, Cell::default()));
            place
        });
        cells[place].1.add_anywhere(number);
        minutes::write(connection, series, hour, &cells)?;
        for (_, cell) in &cells {
            of_hour.add_cell(cell);
        }
    }
    of_hour.write(connection, series, Span::Hour, hour * 60)?;
    roll_day(connection, series, hour)
}

/// Writes a cell, or removes it if nothing is in it.
fn write(
    connection: &Connection,
    series: i64,
    span: Span,
    start: i64,
    cell: &Cell,
) -> rusqlite::Result<()> {
    if cell.number > 0 {
        return cell.write(connection, series, span, start);
    }
    connection
        .prepare_cached("DELETE FROM rollups WHERE series_id = ? AND span = ? AND start = ?")?
        .execute((series, span as i64, start))?;
    Ok(())
}
