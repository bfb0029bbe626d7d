//! What one message became that gives more, or less, than one reading of its own topic.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::reading::Reading;
use crate::reading_id::ReadingId;
use crate::received_payload::ReceivedPayload;
use crate::series_update::SeriesUpdate;

/// The readings of one message: any number of them.
///
/// A store takes all of them in one step, and counts one message. Each reading has an id of its
/// own, and the payload is here, once: that of each reading stays at its default.
#[derive(Clone, Debug, PartialEq)]
pub struct Readings {
    /// Id of the message: of its rejection, if a store refuses one of the readings. It may be the
    /// id of the first reading.
    pub id: ReadingId,
    /// Topic name of the message; the readings may name other series.
    pub topic: Arc<str>,
    /// When the message was received. UTC, whole milliseconds.
    pub received: DateTime<Utc>,
    /// What it was read from, as [`ReceivedPayload::of_message`] makes it.
    pub payload: ReceivedPayload,
    /// The readings. No two of them have the same id.
    pub readings: Vec<Reading>,
    /// What the message says about series beside their values.
    pub series: Vec<SeriesUpdate>,
}

impl Readings {
    /// Returns roughly how many bytes it holds on the heap, topics and metrics included.
    pub(crate) fn heap_size(&self) -> usize {
        let readings = self.readings.iter().map(Reading::heap_size).sum::<usize>();
        let series = self.series.iter().map(SeriesUpdate::heap_size);
        size_of::<Self>()
            + self.topic.len()
            + self.payload.heap_size()
            + self.readings.capacity() * size_of::<Reading>()
            + readings
            + series.sum::<usize>()
    }
}
