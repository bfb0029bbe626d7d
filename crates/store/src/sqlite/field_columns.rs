//! Fields beside the four, in the embedded store: one column of the table holds them as JSON, and
//! the view shows each as a column. A file that was never asked for any has neither.

use std::sync::Arc;

use rusqlite::{Connection, TransactionBehavior};
use serde_json::{Map, Value as Json};

use crate::reading::Reading;

/// How many columns the view has by itself.
const FOUR_WITHOUT_ID: usize = 3;

/// Makes room for `fields`, beside those that the file has already. Returns whether it has any.
pub(super) fn add(connection: &mut Connection, fields: &[Arc<str>]) -> rusqlite::Result<bool> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let has_column: bool = transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_table_info('readings') WHERE name = 'fields')",
        [],
        |row| row.get(0),
    )?;
    let mut shown: Vec<String> = transaction
        .prepare("SELECT name FROM pragma_table_info('sensors')")?
        .query_map([], |row| row.get(0))?
        .skip(FOUR_WITHOUT_ID)
        .collect::<Result<_, _>>()?;
    let known = shown.len();
    for field in fields {
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
    // Names are letters, digits and _.
    let columns = shown.iter().fold(String::new(), |columns, name| {
        format!("{columns}, json_extract(readings.fields, '$.\"{name}\"') AS \"{name}\"")
    });
    transaction.execute_batch(&format!(
        "DROP VIEW sensors;
         CREATE VIEW sensors AS
         SELECT topics.name AS topic, readings.value AS value, readings.reg_date AS reg_date{columns}
         FROM readings JOIN topics ON topics.id = readings.topic_id
         ORDER BY readings.reg_date, readings.uid"
    ))?;
    transaction.commit()?;
    Ok(true)
}

/// Returns a reading's fields as the column has them.
pub(super) fn text(reading: &Reading) -> Option<String> {
    let fields = &reading.extra.as_ref()?.fields;
    let fields: Map<String, Json> = fields
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_json()))
        .collect();
    (!fields.is_empty()).then(|| Json::Object(fields).to_string())
}
