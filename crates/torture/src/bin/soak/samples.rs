//! What is measured every second, kept as readings in an SQLite file that `iot-view plot` draws.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use iot_store::sqlite::SqliteStore;
use iot_store::{Entry, IdGenerator, Reading, ReceivedPayload, Value};

use crate::trend::Trend;

/// One curve: its topic, its unit, and whether the run fails if it rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Curve {
    pub(crate) topic: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) may_rise: bool,
}

/// All samples so far.
pub(crate) struct Samples {
    path: PathBuf,
    start: DateTime<Utc>,
    store: SqliteStore,
    ids: IdGenerator,
    values: BTreeMap<Curve, Vec<f64>>,
}

impl Samples {
    /// Begins a new file.
    pub(crate) fn create(path: &Path) -> Self {
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
        }
        Self {
            path: path.to_owned(),
            start: Utc::now(),
            store: SqliteStore::open(path).expect("a store of samples"),
            ids: IdGenerator::new(),
            values: BTreeMap::new(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// When the first samples were taken, in RFC 3339.
    pub(crate) fn start(&self) -> String {
        self.start.to_rfc3339()
    }

    /// Adds the values of this moment.
    pub(crate) fn add(&mut self, values: &[(Curve, f64)]) {
        let now = Utc::now().trunc_subsecs(3);
        let reading = |(curve, value): &(Curve, f64)| {
            Entry::Reading(Reading {
                id: self.ids.next(now),
                topic: curve.topic.into(),
                metric: None,
                value: Value::Number(*value),
                unit: Some(Arc::from(curve.unit)),
                reg_date: now,
                extra: None,
                payload: ReceivedPayload::default(),
            })
        };
        let entries: Vec<_> = values.iter().map(reading).collect();
        self.store.commit_with(&entries, &[]).expect("a commit");
        for (curve, value) in values {
            self.values.entry(*curve).or_default().push(*value);
        }
    }

    /// How a curve develops, unless there are too few samples.
    pub(crate) fn trend(&self, curve: Curve) -> Option<Trend> {
        Trend::of(self.values.get(&curve)?)
    }
}
