//! A reading: one value that was measured, with its topic and its time.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::extra::Extra;
use crate::reading_id::ReadingId;
use crate::value::Value;

/// What was measured, where and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Makes a retry harmless: a store that has this id already keeps what it has.
    pub id: ReadingId,
    /// Topic name of the message.
    pub topic: Arc<str>,
    /// What was measured.
    pub value: Value,
    /// When it was measured: what the payload says about that, or when it was received. UTC, whole
    /// milliseconds.
    pub reg_date: DateTime<Utc>,
    /// Fields beside these four.
    pub extra: Option<Box<Extra>>,
}

impl Reading {
    /// Returns the same reading under another id.
    #[must_use]
    pub fn with_id(&self, id: ReadingId) -> Self {
        Self { id, ..self.clone() }
    }
}
