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
    /// Topic name of the message, or of the series that the message names.
    pub topic: Arc<str>,
    /// Its name within the message, if that has several values. Never empty. Topic and metric are
    /// the series.
    pub metric: Option<Arc<str>>,
    /// What was measured.
    pub value: Value,
    /// The unit, such as `°C`, where it is known. Never empty.
    pub unit: Option<Arc<str>>,
    /// When it was measured: what the payload says about that, or when it was received. UTC, whole
    /// milliseconds.
    pub reg_date: DateTime<Utc>,
    /// Fields beside these four.
    pub extra: Option<Box<Extra>>,
    /// What it was read from, for the case that a store refuses it. One of [`Readings`] leaves
    /// that to them.
    ///
    /// [`Readings`]: crate::Readings
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

    /// Returns roughly how many bytes it holds on the heap, its topic included.
    pub(crate) fn heap_size(&self) -> usize {
        /// An `Arc<str>` has two counters before its text.
        const ARC: usize = 16;
        let extra = self.extra.as_ref().map_or(0, |extra| extra.heap_size());
        let names = [&self.metric, &self.unit].into_iter().flatten();
        let names = names.map(|name| ARC + name.len()).sum::<usize>();
        let value = self.value.heap_size() + self.payload.heap_size();
        ARC + self.topic.len() + names + value + extra
    }
}

impl PartialEq for Reading {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
            && self.topic == other.topic
            && self.metric == other.metric
            && self.value == other.value
            && self.unit == other.unit
            && self.reg_date == other.reg_date
            && self.extra == other.extra
            && self.received() == other.received()
    }
}
