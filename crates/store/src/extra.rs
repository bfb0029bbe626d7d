//! What a reading carries beside its four fields, where that is asked for.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value as Json;

/// Beside topic, value and time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra {
    /// It is not stored where the topic's last stored reading has the same value: a retained
    /// message comes again at each start.
    pub once: bool,
    /// What is stored with it, in this order; no name comes twice.
    pub fields: Vec<(Arc<str>, FieldValue)>,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// Anything in JSON.
    Json(Json),
    /// A time, in whole milliseconds.
    Date(DateTime<Utc>),
}

impl FieldValue {
    /// Returns it as JSON; a date is text, as SQLite has it.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Json(json) => json.clone(),
            Self::Date(date) => date.to_rfc3339_opts(SecondsFormat::Millis, true).into(),
        }
    }
}

/// The field that tells when a message was received, where its time is the payload's.
pub const RECEIVED: &str = "received";

impl Extra {
    /// Returns when the message was received, where that is not the reading's time.
    pub(crate) fn received(&self) -> Option<DateTime<Utc>> {
        let mut fields = self.fields.iter();
        fields.find_map(|(name, value)| match value {
            FieldValue::Date(date) if &**name == RECEIVED => Some(*date),
            _ => None,
        })
    }

    /// Returns roughly how many bytes it holds on the heap.
    pub(crate) fn heap_size(&self) -> usize {
        let field = |(name, value): &(Arc<str>, FieldValue)| {
            size_of::<(Arc<str>, FieldValue)>()
                + name.len()
                + match value {
                    FieldValue::Json(json) => crate::value::json_heap_size(json),
                    FieldValue::Date(_) => 0,
                }
        };
        size_of::<Self>() + self.fields.iter().map(field).sum::<usize>()
    }
}
