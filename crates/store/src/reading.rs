//! A reading: one value that was measured, with its topic and its time.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::extra::Extra;
use crate::reading_id::ReadingId;
use crate::received_payload::{PayloadRef, ReceivedPayload};
use crate::value::Value;

/// What was measured, where and when.
#[derive(Clone, Debug)]
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
    /// What it was read from, for the case that a store refuses it.
    pub payload: ReceivedPayload,
}

impl Reading {
    /// Returns the same reading under another id.
    #[must_use]
    pub fn with_id(&self, id: ReadingId) -> Self {
        Self { id, ..self.clone() }
    }
}

impl Reading {
    /// Returns the payload that it was read from, or what is kept of it, if that is not the value's
    /// text.
    pub fn received(&self) -> Option<PayloadRef<'_>> {
        self.payload.unless_text_of(&self.value)
    }
}

impl PartialEq for Reading {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
            && self.topic == other.topic
            && self.value == other.value
            && self.reg_date == other.reg_date
            && self.extra == other.extra
            && self.received() == other.received()
    }
}
