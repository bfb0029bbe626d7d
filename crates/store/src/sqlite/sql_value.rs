//! Values and times as SQLite holds them.

use chrono::{DateTime, SecondsFormat, Utc};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};
use serde_json::Value as Json;

use crate::value::Value;

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Number(number) => ToSqlOutput::from(*number),
            Self::Json(Json::Bool(value)) => ToSqlOutput::from(i64::from(*value)),
            Self::Json(json) => ToSqlOutput::from(json.to_string()),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// Dates as text; those of one batch are mostly the same.
#[derive(Debug, Default)]
pub(super) struct Date {
    of: Option<DateTime<Utc>>,
    text: String,
}

impl Date {
    /// Returns `date` as `2026-11-23T10:00:00.123Z`.
    pub(super) fn text(&mut self, date: DateTime<Utc>) -> &str {
        if self.of != Some(date) {
            self.text = date.to_rfc3339_opts(SecondsFormat::Millis, true);
            self.of = Some(date);
        }
        &self.text
    }
}
