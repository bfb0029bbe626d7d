//! What the tests of the built program share.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses its own part"
)]

pub mod path;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use iot_store::alerts::{AlertState, CurrentAlert, CurrentState, Event, StateChange};
use iot_store::read::SeriesKey;
use iot_store::sqlite::SqliteStore;
use iot_store::{Entry, IdGenerator, Reading, ReceivedPayload, Value};
use testkit::{Program, Running};

/// A finished run.
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `iot-view` in a folder to its end.
#[track_caller]
pub fn view_in(folder: &Path, args: &[&str]) -> Done {
    done(
        Program::new(env!("CARGO_BIN_EXE_iot-view"))
            .args(args)
            .current_dir(folder)
            .spawn(),
    )
}

/// Runs `iot-view` on a store to its end.
#[track_caller]
pub fn view(store: &Store, args: &[&str]) -> Done {
    view_of(&store.url(), store.folder.path(), args)
}

/// The same of a store with this URL.
#[track_caller]
pub fn view_of(url: &str, folder: &Path, args: &[&str]) -> Done {
    let program = Program::new(env!("CARGO_BIN_EXE_iot-view"))
        .args(args)
        .env("IOT_STORE", url)
        .env("TZ", "UTC")
        .current_dir(folder);
    done(program.spawn())
}

fn done(mut program: Running) -> Done {
    let status = program.wait();
    Done {
        code: status.code().unwrap_or(-1),
        stdout: program.stdout(),
        stderr: program.stderr(),
    }
}

/// An SQLite store with readings.
pub struct Store {
    pub folder: tempfile::TempDir,
    ids: IdGenerator,
}

impl Store {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            ids: IdGenerator::new(),
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("iot.db")
    }

    pub fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    /// Stores readings: topic and metric (`TOPIC#METRIC`), value, unit, milliseconds since 1970.
    pub fn insert(&mut self, readings: &[(&str, Value, Option<&str>, i64)]) {
        let entries: Vec<Entry> = readings
            .iter()
            .map(|(key, value, unit, at)| {
                let (topic, metric) = match key.split_once('#') {
                    Some((topic, metric)) => (topic, Some(Arc::from(metric))),
                    None => (*key, None),
                };
                let time = at_millis(*at);
                Entry::Reading(Reading {
                    id: self.ids.next(time),
                    topic: topic.into(),
                    metric,
                    value: value.clone(),
                    unit: unit.map(Arc::from),
                    reg_date: time,
                    extra: None,
                    payload: ReceivedPayload::default(),
                })
            })
            .collect();
        self.insert_entries(&entries);
    }

    pub fn insert_entries(&mut self, entries: &[Entry]) {
        let mut store = SqliteStore::open(&self.path()).expect("a store");
        store.commit_with(entries, &[]).expect("stored");
    }
}

pub fn at_millis(millis: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis)
}

/// 2026-06-21T00:00:00Z in milliseconds.
pub const DAY: i64 = 1_782_000_000_000;

pub fn number(number: f64) -> Value {
    Value::Number(number)
}

pub fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// What an alert has reported in this hour of [`DAY`].
pub fn event(hour: i64, topic: &str, state: AlertState) -> Event {
    Event {
        id: format!("{hour:024x}"),
        name: "hot".into(),
        topic: topic.into(),
        metric: None,
        state,
        repeated: false,
        value: Some(31.5.into()),
        unit: Some("°C".into()),
        since: DAY + hour * 3_600_000,
        time: DAY + hour * 3_600_000,
        reason: "31.5 °C (> 30)".into(),
    }
}

/// An alert that is not ok.
pub fn current(topic: &str, state: CurrentState) -> StateChange {
    let key = SeriesKey::of_topic(topic);
    StateChange {
        name: "hot".into(),
        key: key.clone(),
        current: Some(CurrentAlert {
            name: "hot".into(),
            key,
            state,
            since: DAY,
            reason: "31.5 °C (> 30)".into(),
        }),
    }
}
