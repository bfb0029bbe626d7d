//! From decoded values to an entry: each reading gets its id, its time and its fields, once and for
//! ever.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use iot_decode::{Decoded, Measured, SeriesFacts};
use iot_store::{
    Entry, Extra, IdGenerator, Reading, ReadingId, Readings, ReceivedPayload, SeriesUpdate,
};
use serde_json::Value as Json;

use super::id_key::reading_id;

/// What is known of a message beside its decoded values.
pub(super) struct Parts<'a> {
    pub(super) topic: Arc<str>,
    pub(super) payload: &'a [u8],
    /// When it was received.
    pub(super) now: DateTime<Utc>,
    /// The time that an option or a rule has found in its payload; it counts for all readings.
    pub(super) time: Option<DateTime<Utc>>,
    /// What makes the message what it is; empty if ids are drawn.
    pub(super) id: Vec<Json>,
    /// What is stored with each reading.
    pub(super) extra: Extra,
}

/// Returns the entry of a message. A message without readings, about whose series nothing is known,
/// has none.
pub(super) fn entry(decoded: Decoded, parts: Parts<'_>, ids: &mut IdGenerator) -> Option<Entry> {
    let Decoded {
        readings, series, ..
    } = decoded;
    if readings.is_empty() && series.is_empty() {
        return None;
    }
    let mut assembly = Assembly {
        message_id: None,
        reg_date: parts.time.unwrap_or(parts.now).trunc_subsecs(3),
        seen: HashMap::new(),
        parts: &parts,
        ids,
    };
    let mut readings: Vec<Reading> = { readings.into_iter() }
        .map(|measured| assembly.reading(measured))
        .collect();
    let id = assembly.message_id();
    if let [reading] = &mut readings[..]
        && series.is_empty()
        && reading.topic == parts.topic
    {
        reading.payload = ReceivedPayload::new(parts.payload, &reading.value);
        return readings.pop().map(Entry::Reading);
    }
    let series = { series.into_iter() }.map(|facts| update(facts, &parts.topic));
    Some(Entry::Readings(Box::new(Readings {
        id,
        received: parts.now.trunc_subsecs(3),
        payload: ReceivedPayload::of_message(parts.payload),
        series: series.collect(),
        readings,
        topic: parts.topic,
    })))
}

struct Assembly<'a, 'p> {
    /// The id of the first reading, if one was given already.
    message_id: Option<ReadingId>,
    /// The time of each reading that says nothing else.
    reg_date: DateTime<Utc>,
    /// How many readings each series has, with ids that the message itself makes.
    seen: HashMap<(Arc<str>, Option<Arc<str>>), usize>,
    parts: &'a Parts<'p>,
    ids: &'a mut IdGenerator,
}

impl Assembly<'_, '_> {
    fn reading(&mut self, measured: Measured) -> Reading {
        let Measured {
            topic,
            metric,
            value,
            unit,
            time,
        } = measured;
        let parts = self.parts;
        let topic = topic.unwrap_or_else(|| Arc::clone(&parts.topic));
        let metric = metric.filter(|metric| !metric.is_empty());
        let id = self.id(&topic, metric.as_ref());
        // What an option has found counts for all of them.
        let own_time = time.filter(|_| parts.time.is_none());
        let has_extra = parts.extra.once || !parts.extra.fields.is_empty();
        Reading {
            id,
            topic,
            metric,
            value,
            unit: unit.filter(|unit| !unit.is_empty()),
            reg_date: own_time.map_or(self.reg_date, |time| time.trunc_subsecs(3)),
            extra: has_extra.then(|| Box::new(parts.extra.clone())),
            payload: ReceivedPayload::default(),
        }
    }

    fn id(&mut self, topic: &Arc<str>, metric: Option<&Arc<str>>) -> ReadingId {
        let id = if self.parts.id.is_empty() {
            self.ids.next(self.parts.now)
        } else {
            let series = (Arc::clone(topic), metric.cloned());
            let count = self.seen.entry(series).or_default();
            let nth = *count;
            *count += 1;
            let series = (&**topic, metric.map(|metric| &**metric));
            reading_id(&self.parts.topic, &self.parts.id, series, nth)
        };
        self.message_id.get_or_insert(id);
        id
    }

    fn message_id(&mut self) -> ReadingId {
        match self.message_id {
            Some(id) => id,
            None => self.ids.next(self.parts.now),
        }
    }
}

fn update(facts: SeriesFacts, topic: &Arc<str>) -> SeriesUpdate {
    SeriesUpdate {
        topic: facts.topic.unwrap_or_else(|| Arc::clone(topic)),
        metric: facts.metric,
        unit: facts.unit,
        name: facts.name,
        device: facts.device,
        class: facts.device_class,
    }
}
