//! The series of a file.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::read::{Latest, Series, SeriesFilter, SeriesKey};
use crate::sqlite::rollups::{self, Cell, Mode, Span};
use crate::sqlite::sql_value::{
    FIRST_ORDERED, bound_text, id_of, millis_of, time_of, time_text, value_of,
};

/// A series of the file.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) id: i64,
    pub(super) key: SeriesKey,
    /// The unit of readings that have none of their own.
    pub(super) first_unit: Option<Arc<str>>,
    unit: Option<Arc<str>>,
    name: Option<Arc<str>>,
    device: Option<Arc<str>>,
    class: Option<Arc<str>>,
}

impl Known {
    /// Returns copies of the key and of the first unit for a portion of rows: two threads that
    /// count references to the same text are slow.
    pub(super) fn own_text(&self) -> (SeriesKey, Option<Arc<str>>) {
        let own = |text: &Arc<str>| Arc::from(&**text);
        let key = SeriesKey {
            topic: own(&self.key.topic),
            metric: self.key.metric.as_ref().map(own),
        };
        (key, self.first_unit.as_ref().map(own))
    }
}

/// Returns the series that `filter` selects, in order of topic and metric.
pub(super) fn known(
    connection: &Connection,
    filter: &SeriesFilter,
) -> rusqlite::Result<Vec<Known>> {
    let columns = "SELECT id, topic, metric, first_unit, unit, name, device, class FROM series";
    let order = "ORDER BY topic, metric";
    let known = |row: &rusqlite::Row<'_>| {
        let text = |index| -> rusqlite::Result<Option<Arc<str>>> {
            let text: Option<String> = row.get(index)?;
            Ok(text.map(Arc::from))
        };
        let unit: Option<Arc<str>> = text(4)?;
        Ok(Known {
            id: row.get(0)?,
            key: SeriesKey {
                topic: row.get::<_, String>(1)?.into(),
                metric: text(2)?,
            },
            first_unit: text(3)?.or_else(|| unit.clone()),
            unit,
            name: text(5)?,
            device: text(6)?,
            class: text(7)?,
        })
    };
    let mut all: Vec<Known> = match filter.exact_topic() {
        Some(topic) => connection
            .prepare_cached(&format!("{columns} WHERE topic = ? {order}"))?
            .query_map([topic], known)?
            .collect::<rusqlite::Result<_>>()?,
        None => connection
            .prepare_cached(&format!("{columns} {order}"))?
            .query_map([], known)?
            .collect::<rusqlite::Result<_>>()?,
    };
    all.retain(|series| filter.matches(&series.key));
    Ok(all)
}

/// Returns the series that `filter` selects with their latest readings, and with counts and first
/// times if `whole`.
pub(super) fn list(
    connection: &Connection,
    filter: &SeriesFilter,
    whole: bool,
) -> rusqlite::Result<Vec<Series>> {
    let transaction = connection.unchecked_transaction()?;
    let has_rollups = whole && rollups::mode(&transaction)? == Mode::On;
    let mut list = Vec::new();
    for known in known(&transaction, filter)? {
        let id = known.id;
        let mut series = Series {
            key: known.key,
            unit: known.unit,
            name: known.name,
            device: known.device,
            class: known.class,
            last: latest(&transaction, id)?,
            ..Series::default()
        };
        if whole {
            series.first = first(&transaction, id)?.and_then(time_of);
            let count = if has_rollups {
                count_by_rollups(&transaction, id)?
            } else {
                count(&transaction, id, None)?
            };
            series.count = count.unsigned_abs();
        }
        list.push(series);
    }
    Ok(list)
}

fn latest(connection: &Connection, series: i64) -> rusqlite::Result<Option<Latest>> {
    let latest = connection
        .prepare_cached(
            "SELECT reg_date, uid, value FROM readings WHERE series_id = ?
             ORDER BY reg_date DESC, uid DESC LIMIT 1",
        )?
        .query_row([series], |row| {
            let time = time_of(millis_of(row.get_ref(0)?.as_str()?).unwrap_or_default());
            Ok(Latest {
                value: value_of(row.get_ref(2)?),
                time: time.unwrap_or_default(),
                id: id_of(row.get_ref(1)?.as_blob()?),
            })
        });
    latest.optional()
}

/// Returns the first time of a series, in milliseconds, of those up to the year 9999.
pub(super) fn first(connection: &Connection, series: i64) -> rusqlite::Result<Option<i64>> {
    let first = "SELECT min(reg_date) FROM readings WHERE series_id = ? AND reg_date >= ?";
    let first: Option<String> = connection
        .prepare_cached(first)?
        .query_row(params![series, FIRST_ORDERED], |row| row.get(0))?;
    Ok(first.as_deref().and_then(millis_of))
}

/// Returns the number of readings of a series, or of an hour of it.
fn count(connection: &Connection, series: i64, hour: Option<i64>) -> rusqlite::Result<i64> {
    let Some(hour) = hour else {
        return connection
            .prepare_cached("SELECT count(*) FROM readings WHERE series_id = ?")?
            .query_row([series], |row| row.get(0));
    };
    let begin = hour.saturating_mul(Span::Hour.millis());
    // The next hour may be of the year 10000, which is less as text.
    let last = begin.saturating_add(Span::Hour.millis() - 1);
    connection
        .prepare_cached(
            "SELECT count(*) FROM readings WHERE series_id = ? AND reg_date >= ? AND reg_date <= ?",
        )?
        .query_row(params![series, time_text(begin), time_text(last)], |row| {
            row.get(0)
        })
}

/// Rollups may outlive their readings: those before the pruned hour are counted one by one, as only
/// late ones are there.
fn count_by_rollups(connection: &Connection, series: i64) -> rusqlite::Result<i64> {
    let pruned = rollups::pruned_hour(connection)?;
    let due: Vec<i64> = connection
        .prepare_cached("SELECT hour FROM rollups_due WHERE series_id = ? ORDER BY hour")?
        .query_map([series], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut number: i64 = connection
        .prepare_cached(
            "SELECT coalesce(sum(number), 0) FROM rollups WHERE series_id = ? AND span = 1440 AND start >= ?",
        )?
        .query_row((series, pruned.div_euclid(24).saturating_mul(1440)), |row| row.get(0))?;
    let mut days: Vec<i64> = due.iter().map(|hour| hour.div_euclid(24) * 1440).collect();
    if pruned > i64::MIN {
        days.insert(0, pruned.div_euclid(24) * 1440);
        days.retain(|day| *day >= pruned.div_euclid(24) * 1440);
        number += count_before(connection, series, pruned)?;
    }
    days.dedup();
    for day in days {
        for (_, cell) in Cell::all(connection, series, Span::Day, (day, day + 1))? {
            number -= cell.number;
        }
        for (start, cell) in Cell::all(connection, series, Span::Hour, (day, day + 1440))? {
            let hour = start.div_euclid(60);
            if hour >= pruned && !due.contains(&hour) {
                number += cell.number;
            }
        }
    }
    for hour in due.into_iter().filter(|hour| *hour >= pruned) {
        number += count(connection, series, Some(hour))?;
    }
    Ok(number)
}

fn count_before(connection: &Connection, series: i64, hour: i64) -> rusqlite::Result<i64> {
    let time = bound_text(hour.saturating_mul(Span::Hour.millis()));
    connection
        .prepare_cached("SELECT count(*) FROM readings WHERE series_id = ? AND reg_date < ?")?
        .query_row(params![series, time], |row| row.get(0))
}
