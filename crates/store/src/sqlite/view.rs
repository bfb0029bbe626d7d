//! The view `sensors`, and the fields of readings beside topic, value and time: one column of the
//! table holds them as JSON, and the view shows each as a column. A file that was never asked for
//! any has neither.
//!
//! A new file's view has the columns metric and unit. One that an earlier version has made gets
//! them with its first reading that has a metric or a unit: until then it is as its owner knows it.

use std::sync::Arc;

use rusqlite::{Connection, TransactionBehavior};
use serde_json::{Map, Value as Json};

use super::about;
use crate::reading::Reading;

const HAS_METRIC: &str = "view_has_metric";
/// What every view has.
const COLUMNS: [&str; 3] = ["topic", "value", "reg_date"];
/// What follows in a file for metrics.
const METRIC_COLUMNS: [(&str, &str); 2] = [
    ("metric", "series.metric"),
    (
        "unit",
        "coalesce(readings.unit, series.first_unit, series.unit)",
    ),
];

/// Makes room for `fields`, beside those that the file has already. Returns whether it has any.
pub(super) fn add_fields(
    connection: &mut Connection,
    fields: &[Arc<str>],
) -> rusqlite::Result<bool> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let has_column = has_fields(&transaction)?;
    let has_metric = has_metric(&transaction)?;
    let mut shown = shown_fields(&transaction, has_metric, has_column)?;
    let known = shown.len();
    for field in fields {
        if has_column && has_metric && is_own(field) {
            continue;
        }
        // SQLite's names don't know capitals from small letters.
        if !shown.iter().any(|name| name.eq_ignore_ascii_case(field)) {
            shown.push(field.to_string());
        }
    }
    if shown.len() == known {
        return Ok(has_column);
    }
    if !has_column {
        transaction.execute_batch("ALTER TABLE readings ADD COLUMN fields TEXT")?;
    }
    make(&transaction, has_metric, &shown)?;
    transaction.commit()?;
    Ok(true)
}

/// Returns whether the view shows metrics and units.
pub(super) fn has_metric(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(about::get::<bool>(connection, HAS_METRIC)?.unwrap_or(false))
}

/// Makes the view show metrics and units, within the transaction that `connection` is in.
pub(super) fn add_metric(connection: &Connection) -> rusqlite::Result<()> {
    let shown = shown_fields(connection, false, has_fields(connection)?)?;
    about::set(connection, HAS_METRIC, true)?;
    make(connection, true, &shown)
}

/// Returns whether readings have a column for fields.
pub(super) fn has_fields(connection: &Connection) -> rusqlite::Result<bool> {
    let column =
        "SELECT EXISTS (SELECT 1 FROM pragma_table_info('readings') WHERE name = 'fields')";
    connection.query_row(column, [], |row| row.get(0))
}

/// Returns the fields that the view shows.
pub(super) fn shown_fields(
    connection: &Connection,
    has_metric: bool,
    has_column: bool,
) -> rusqlite::Result<Vec<String>> {
    if !has_column {
        return Ok(Vec::new());
    }
    let own = COLUMNS.len() + if has_metric { METRIC_COLUMNS.len() } else { 0 };
    connection
        .prepare("SELECT name FROM pragma_table_info('sensors')")?
        .query_map([], |row| row.get(0))?
        .skip(own)
        .collect()
}

/// Makes the view again, with these fields.
pub(super) fn make(
    connection: &Connection,
    has_metric: bool,
    fields: &[String],
) -> rusqlite::Result<()> {
    // Names are letters, digits and _.
    let field = |name: &str| format!("json_extract(readings.fields, '$.\"{name}\"')");
    let mut columns: Vec<String> = Vec::new();
    if has_metric {
        for (name, of_series) in METRIC_COLUMNS {
            // A part of the topic may have been given this name.
            let value = match fields {
                [] => of_series.to_owned(),
                _ => format!("coalesce({of_series}, {})", field(name)),
            };
            columns.push(format!(", {value} AS {name}"));
        }
    }
    for name in fields.iter().filter(|name| !(has_metric && is_own(name))) {
        columns.push(format!(", {} AS \"{name}\"", field(name)));
    }
    let columns = columns.concat();
    connection.execute_batch(&format!(
        "DROP VIEW IF EXISTS sensors;
         CREATE VIEW sensors AS
         SELECT series.topic AS topic, readings.value AS value, readings.reg_date AS reg_date{columns}
         FROM readings JOIN series ON series.id = readings.series_id
         ORDER BY readings.reg_date, readings.uid"
    ))
}

/// Returns whether a column for metrics has this name.
fn is_own(name: &str) -> bool {
    let mut own = METRIC_COLUMNS.iter();
    own.any(|(own, _)| own.eq_ignore_ascii_case(name))
}

/// Returns a reading's fields as the column has them.
pub(super) fn field_text(reading: &Reading) -> Option<String> {
    let fields = &reading.extra.as_ref()?.fields;
    let fields: Map<String, Json> = fields
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_json()))
        .collect();
    (!fields.is_empty()).then(|| Json::Object(fields).to_string())
}
