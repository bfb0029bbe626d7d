//! Server-sent events of the live readings, as compact JSON.
//!
//! - `series`: `[[id, topic, metric, unit, value, time, count, interval], …]`, all series at the
//!   start, later the new ones.
//! - `readings`: `[[id, value, time], …]`, or `[id, value, time, count, mean, min, max]` where more
//!   than one came since the last event.

use std::io::Write;

use bytes::Bytes;
use serde::Serialize;

use super::table::{LiveSeries, Update};

/// Returns the event about `series`, each with its number.
pub(super) fn series<'a>(
    name: &str,
    series: impl IntoIterator<Item = (u32, &'a LiveSeries)>,
) -> Bytes {
    let mut event = Event::new(name);
    for (id, series) in series {
        event.begin_item();
        event.json(id);
        event.json_after_comma(&*series.topic);
        event.json_after_comma(series.metric.as_deref());
        event.json_after_comma(series.unit.as_deref());
        event.json_after_comma(&series.value);
        event.json_after_comma(series.time);
        event.json_after_comma(series.count);
        event.json_after_comma(series.interval.round());
        event.end_item();
    }
    event.finish()
}

/// Returns the event about new readings.
pub(super) fn updates(updates: &[Update]) -> Bytes {
    let mut event = Event::new("readings");
    for update in updates {
        event.begin_item();
        event.json(update.id);
        event.json_after_comma(&update.value);
        event.json_after_comma(update.time);
        let since = update.since;
        if since.count > 1 {
            event.json_after_comma(since.count);
        }
        if since.count > 1 && since.numbers > 0 {
            event.json_after_comma(since.sum / f64::from(since.numbers));
            event.json_after_comma(since.min);
            event.json_after_comma(since.max);
        }
        event.end_item();
    }
    event.finish()
}

/// Returns the event `name` with `data`.
pub(super) fn object(name: &str, data: &impl Serialize) -> Bytes {
    let mut event = Vec::with_capacity(1 << 10);
    // Writing to memory does not fail.
    let _ = write!(event, "event: {name}\ndata: ");
    let _ = serde_json::to_writer(&mut event, data);
    event.extend_from_slice(b"\n\n");
    event.into()
}

/// An event with a list.
struct Event {
    text: Vec<u8>,
    is_first: bool,
}

impl Event {
    fn new(name: &str) -> Self {
        let mut text = Vec::with_capacity(4 << 10);
        let _ = write!(text, "event: {name}\ndata: [");
        Self {
            text,
            is_first: true,
        }
    }

    fn begin_item(&mut self) {
        if !self.is_first {
            self.text.push(b',');
        }
        self.is_first = false;
        self.text.push(b'[');
    }

    fn end_item(&mut self) {
        self.text.push(b']');
    }

    /// JSON holds no line break outside of its strings, and escapes those in them.
    fn json(&mut self, value: impl Serialize) {
        let _ = serde_json::to_writer(&mut self.text, &value);
    }

    fn json_after_comma(&mut self, value: impl Serialize) {
        self.text.push(b',');
        self.json(value);
    }

    fn finish(mut self) -> Bytes {
        self.text.extend_from_slice(b"]\n\n");
        self.text.into()
    }
}
