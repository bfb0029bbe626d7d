//! What the entries of one insert say about their series, collected before anything is copied: most
//! readings have others of the same series in the same insert.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::document;
use crate::entry::Entry;
use crate::reading::Reading;
use crate::series_update::SeriesUpdate;
use crate::value::Value;

/// A day in milliseconds.
pub(super) const DAY: i64 = 86_400_000;
/// A day counts as over so long before it is, as clocks differ.
const EARLY: i64 = 600_000;

/// Topic and metric.
pub(super) type SeriesKey<'a> = (&'a str, Option<&'a str>);

/// What entries say about their series.
#[derive(Debug, Default)]
pub(super) struct BatchNotes<'a> {
    pub(super) series: HashMap<SeriesKey<'a>, BatchNote<'a>>,
    /// Days that are over and have got a reading, by their number since 1970.
    pub(super) late: HashSet<(SeriesKey<'a>, i64)>,
    /// There are facts that no reading has.
    pub(super) has_facts: bool,
}

/// What entries say about one series. Of several facts of a kind the last counts.
#[derive(Debug, Default)]
pub(super) struct BatchNote<'a> {
    pub(super) first: Option<DateTime<Utc>>,
    /// The latest reading that a document can hold.
    pub(super) last: Option<&'a Reading>,
    pub(super) unit: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) device: Option<&'a str>,
    pub(super) class: Option<&'a str>,
}

impl<'a> BatchNotes<'a> {
    /// Collects what `entries` say; `now` tells which days are over.
    pub(super) fn of(entries: &'a [Entry], now: DateTime<Utc>) -> Self {
        let mut notes = Self::default();
        let now = now.timestamp_millis();
        for entry in entries {
            for reading in entry.readings() {
                notes.add(reading, now);
            }
            if let Entry::Readings(readings) = entry {
                for update in &readings.series {
                    notes.add_facts(update);
                }
            }
        }
        notes
    }

    fn add(&mut self, reading: &'a Reading, now: i64) {
        let series = (&*reading.topic, reading.metric.as_deref());
        let day = reading.reg_date.timestamp_millis().div_euclid(DAY);
        if (day + 1) * DAY <= now + EARLY {
            self.late.insert((series, day));
        }
        let note = self.series.entry(series).or_default();
        note.unit = reading.unit.as_deref().or(note.unit);
        let first = note.first.unwrap_or(reading.reg_date);
        note.first = Some(first.min(reading.reg_date));
        let time = |reading: &Reading| (reading.reg_date, reading.id);
        if note.last.is_none_or(|last| time(last) < time(reading)) && is_storable(reading) {
            note.last = Some(reading);
        }
    }

    fn add_facts(&mut self, update: &'a SeriesUpdate) {
        let series = (&*update.topic, update.metric.as_deref());
        let note = self.series.entry(series).or_default();
        note.unit = update.unit.as_deref().or(note.unit);
        note.name = update.name.as_deref().or(note.name);
        note.device = update.device.as_deref().or(note.device);
        note.class = update.class.as_deref().or(note.class);
        self.has_facts = true;
    }
}

/// Whether a document can hold a reading.
fn is_storable(reading: &Reading) -> bool {
    let is_small = matches!(reading.value, Value::Number(_) | Value::Json(Json::Bool(_)));
    (is_small && reading.extra.is_none()) || document::reading(reading).is_ok()
}

#[cfg(test)]
mod tests {
    use std::slice;
    use std::sync::Arc;

    use chrono::TimeDelta;

    use super::*;
    use crate::reading_id::IdGenerator;
    use crate::readings::Readings;
    use crate::received_payload::ReceivedPayload;
    use crate::testing;

    const NOW: i64 = 1_795_428_000_123;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp_millis(NOW).unwrap()
    }

    /// Returns entries of the topic `t`, so many seconds after now.
    fn entries(payloads: &[(i64, &str)]) -> Vec<Entry> {
        let mut ids = IdGenerator::new();
        let entries = payloads.iter().map(|(seconds, payload)| {
            let time = now() + TimeDelta::seconds(*seconds);
            testing::entry("t", payload.as_bytes(), time, &mut ids)
        });
        entries.collect()
    }

    #[test]
    fn the_latest_reading_that_can_be_stored_is_noted() {
        let entries = entries(&[(1, "1"), (3, "3"), (2, "2"), (4, r#"{"a\u0000":1}"#)]);
        let notes = BatchNotes::of(&entries, now());
        let note = &notes.series[&("t", None)];
        assert_eq!(note.last, entries[1].as_reading());
        assert_eq!(note.first, Some(now() + TimeDelta::seconds(1)));
        assert_eq!(notes.series.len(), 1);
        assert!(notes.late.is_empty() && !notes.has_facts);
    }

    #[test]
    fn of_readings_of_one_moment_the_last_is_noted() {
        let entries = entries(&[(1, "1"), (1, "2"), (0, "3"), (1, "[1]")]);
        let notes = BatchNotes::of(&entries, now());
        assert_eq!(notes.series[&("t", None)].last, entries[3].as_reading());
    }

    #[test]
    fn each_day_that_is_over_is_named_once() {
        let day = NOW / DAY;
        let seconds = |day: i64, seconds: i64| (day * DAY - NOW) / 1_000 + seconds;
        let entries = entries(&[
            (0, "1"),
            (seconds(day, 1), "1"),
            (seconds(day, -2), "1"),
            (seconds(day, -3), "1"),
            (seconds(day - 1, -2), "1"),
        ]);
        let late = BatchNotes::of(&entries, now()).late;
        let expected = [(("t", None), day - 1), (("t", None), day - 2)];
        assert_eq!(late, HashSet::from(expected));
    }

    #[test]
    fn of_several_facts_the_last_counts() {
        let update = |unit: Option<&str>, name: Option<&str>| SeriesUpdate {
            topic: "t".into(),
            unit: unit.map(Arc::from),
            name: name.map(Arc::from),
            ..SeriesUpdate::default()
        };
        let readings = Readings {
            id: IdGenerator::new().next(now()),
            topic: "t".into(),
            received: now(),
            payload: ReceivedPayload::default(),
            readings: Vec::new(),
            series: vec![
                update(Some("°C"), Some("a")),
                update(None, Some("b")),
                update(Some("°F"), None),
            ],
        };
        let entry = Entry::Readings(Box::new(readings));
        let notes = BatchNotes::of(slice::from_ref(&entry), now());
        let note = &notes.series[&("t", None)];
        assert_eq!((note.unit, note.name), (Some("°F"), Some("b")));
        assert_eq!((note.first, note.last), (None, None));
        assert!(notes.has_facts);
    }
}
