//! When notes of series are written.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use mongodb::bson::{Bson, Document};
use testkit::{Mongo, eventually};

use super::fixture::Fixture;
use crate::entry::Entry;
use crate::reading_id::IdGenerator;
use crate::store::Store as _;
use crate::testing::entry;

/// So many that notes of an insert wait for those of the next one.
const SERIES: usize = 300;
const DEADLINE: Duration = Duration::from_secs(60);

/// Returns a reading of each series.
fn entries(value: i64, now: DateTime<Utc>, ids: &mut IdGenerator) -> Vec<Entry> {
    let time = now + TimeDelta::milliseconds(value);
    let payload = value.to_string();
    let series = 0..SERIES;
    series
        .map(|number| entry(&format!("t/{number}"), payload.as_bytes(), time, ids))
        .collect()
}

/// Returns how many series have this as their latest value.
fn noted(fixture: &Fixture, value: f64) -> usize {
    let documents = fixture.documents("sensors_series");
    let latest = |document: &&Document| {
        let last = document.get_document("last").unwrap();
        last.get("value") == Some(&Bson::Double(value))
    };
    documents.iter().filter(latest).count()
}

#[test]
fn notes_are_written_without_a_further_insert() {
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    let (now, mut ids) = (Utc::now(), IdGenerator::new());
    for value in [1, 2] {
        let entries = entries(value, now, &mut ids);
        fixture.insert_first(&entries).unwrap();
    }
    eventually(DEADLINE, "the latest value of each series", || {
        noted(&fixture, 2.0) == SERIES
    });
}

#[test]
fn notes_are_written_before_the_end() {
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    let (now, mut ids) = (Utc::now(), IdGenerator::new());
    for value in [1, 2, 3] {
        let entries = entries(value, now, &mut ids);
        fixture.insert_first(&entries).unwrap();
    }
    fixture.runtime.block_on(fixture.store.finish()).unwrap();
    assert_eq!(noted(&fixture, 3.0), SERIES);
}
