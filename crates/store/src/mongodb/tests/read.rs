//! Reading a collection, plain and time-series, and one that another program has filled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mongodb::bson::{Bson, DateTime, doc};
use testkit::Mongo;

use super::fixture::{Fixture, runtime};
use crate::alert_contract::{AlertSubject, alert_contract};
use crate::alerts::AlertWriter;
use crate::entry::Entry;
use crate::mongodb::{AlertCollections, MongoReader};
use crate::mongodb_options::{Granularity, Options, TimeSeries};
use crate::read::{Division, Order, Reader, RowQuestion, SeriesFilter, SeriesKey, TimeRange};
use crate::read_contract::{ReadSubject, downsampling_is_exact, read_contract};
use crate::value::Value;

struct Collection {
    fixture: Fixture,
    url: String,
    /// Inserts may be repeated.
    repeats: bool,
    seen: Vec<Entry>,
}

impl ReadSubject for Collection {
    fn store(&mut self, entries: &[Entry]) {
        if !self.repeats && entries.iter().all(|entry| self.seen.contains(entry)) {
            return;
        }
        self.fixture.insert(entries).unwrap();
        self.seen.extend_from_slice(entries);
    }

    fn reader(&mut self) -> Box<dyn Reader> {
        Box::new(MongoReader::open(&self.url, &self.fixture.collection).unwrap())
    }
}

impl AlertSubject for Collection {
    fn alerts(&mut self) -> Box<dyn AlertWriter> {
        Box::new(AlertCollections::open(&self.url, &self.fixture.collection).unwrap())
    }
}

#[test]
fn mongodb_keeps_the_contract_of_alerts() {
    let mongo = Mongo::start();
    alert_contract(collections(&mongo, Options::default()));
}

/// Returns what makes a new collection on each call.
fn collections(mongo: &Mongo, options: Options) -> impl Fn() -> Collection {
    let (url, runtime, count) = (mongo.url(), runtime(), AtomicU32::new(0));
    move || {
        let name = format!("sensors_{}", count.fetch_add(1, Ordering::Relaxed));
        let runtime = Arc::clone(&runtime);
        let repeats = options.time_series.is_none();
        Collection {
            fixture: Fixture::used_as(options.clone(), &url, &name, runtime),
            url: url.clone(),
            repeats,
            seen: Vec::new(),
        }
    }
}

fn time_series() -> Options {
    Options {
        time_series: Some(TimeSeries {
            granularity: Granularity::Seconds,
            expire_after: None,
        }),
        ..Options::default()
    }
}

#[test]
fn mongodb_keeps_the_contract_of_reading() {
    let mongo = Mongo::start();
    read_contract(collections(&mongo, Options::default()));
    let indexed = Options {
        index: true,
        ..Options::default()
    };
    let mongo = Mongo::start();
    read_contract(collections(&mongo, indexed));
}

#[test]
fn a_time_series_collection_keeps_the_contract_of_reading() {
    let mongo = Mongo::start();
    read_contract(collections(&mongo, time_series()));
}

#[test]
fn downsampling_is_exact_also_when_late_readings_come() {
    let mongo = Mongo::start();
    downsampling_is_exact(6, collections(&mongo, Options::default()));
    let mongo = Mongo::start();
    downsampling_is_exact(2, collections(&mongo, time_series()));
}

#[test]
fn what_the_tutorial_s_program_has_stored_is_read() {
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    let now = chrono::Utc::now().timestamp_millis();
    // Local time as if it were UTC: in the future, east of Greenwich.
    let at = |seconds: i64| DateTime::from_millis(now + 7_200_000 + seconds * 1_000);
    fixture.command(doc! {"insert": "sensors", "documents": [
        {"topic": "iot/temp", "value": "25.5", "reg_date": at(0)},
        {"topic": "iot/temp", "value": 26_i32, "reg_date": at(1)},
        {"topic": "iot/temp", "value": 27_i64, "reg_date": at(2)},
        {"topic": "iot/temp", "value": 28.5, "reg_date": at(3)},
        {"_id": "of another kind", "topic": "iot/temp", "value": Bson::Null, "reg_date": at(4)},
    ]});
    let mut reader = MongoReader::open(&mongo.url(), "sensors").unwrap();
    let series = reader.latest(&SeriesFilter::default()).unwrap();
    assert_eq!(series.len(), 1);
    assert_eq!(series[0].key, SeriesKey::of_topic("iot/temp"));
    let range = TimeRange::since(chrono::Utc::now());
    let question = RowQuestion {
        range,
        order: Order::Time,
        ..RowQuestion::default()
    };
    let mut values = Vec::new();
    let taken = reader.rows(&question, &mut |row| {
        values.push(row.value);
        std::ops::ControlFlow::Continue(())
    });
    taken.unwrap();
    let number = Value::Number;
    let text = Value::Text("25.5".to_owned());
    assert_eq!(
        values[..4],
        [text, number(26.0), number(27.0), number(28.5)]
    );
    let reader: &mut dyn Reader = &mut reader;
    for division in [
        Division::Into(1),
        Division::Every(std::time::Duration::from_secs(3_600 * 24)),
    ] {
        let buckets = reader.all_buckets(&series[0].key, range, division).unwrap();
        let count: u64 = buckets.iter().map(|bucket| bucket.count).sum();
        assert_eq!(count, 4);
        assert!((buckets[0].first - 25.5).abs() < 1e-9);
    }
}

#[test]
fn a_server_that_is_away_is_reported() {
    let mut reader = MongoReader::open("mongodb://127.0.0.1:1", "sensors").unwrap();
    reader.set_timeout(Some(std::time::Duration::from_millis(500)));
    let error = reader.latest(&SeriesFilter::default()).unwrap_err();
    assert_eq!(error, crate::read::ReadError::TimedOut);
}
