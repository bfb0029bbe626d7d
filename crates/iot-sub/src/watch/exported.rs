//! `--export-readings`: the latest value of each series as metrics.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use iot_store::read::{SeriesFilter, SeriesKey};
use iot_store::{Entry, FieldValue, Reading};

use crate::decode::topic_pattern::TopicPattern;

/// How long the timestamp of a silent series is kept.
const TIMESTAMP_KEPT: TimeDelta = TimeDelta::hours(24);

/// Which series are exported, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct ExportPlan {
    pub(crate) filter: SeriesFilter,
    /// The value of a series without a reading for this time is removed; `None` keeps it.
    pub(crate) expiry: Option<Duration>,
    /// Most series that are exported.
    pub(crate) limit: usize,
    /// Whose levels become labels; the first that a topic has the form of counts.
    pub(crate) patterns: Vec<TopicPattern>,
}

/// The latest value of each series. The thread that receives writes it, a scrape reads it.
#[derive(Debug)]
pub(crate) struct Exported {
    plan: ExportPlan,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    series: HashMap<SeriesKey, Latest>,
    /// Readings of series beyond the limit.
    left_out: u64,
}

#[derive(Debug)]
struct Latest {
    /// The labels, as they are written, without braces.
    labels: Arc<str>,
    unit: Option<Arc<str>>,
    value: Option<f64>,
    time: DateTime<Utc>,
    received: DateTime<Utc>,
    count: u64,
}

/// A copy of what is written of a series.
#[derive(Debug)]
pub(super) struct Row {
    /// As they are written, without braces.
    pub(super) labels: Arc<str>,
    /// `None` if it has none, or if it has expired.
    pub(super) value: Option<f64>,
    pub(super) time: DateTime<Utc>,
    pub(super) count: u64,
}

impl Exported {
    pub(crate) fn new(plan: ExportPlan) -> Self {
        Self {
            plan,
            table: Mutex::default(),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes entries that were received at `now`. Returns whether one of them is the first beyond
    /// the limit.
    pub(crate) fn record<'a>(
        &self,
        entries: impl IntoIterator<Item = &'a Entry>,
        now: DateTime<Utc>,
    ) -> bool {
        let mut table = self.table();
        let before = table.left_out;
        for reading in entries.into_iter().flat_map(Entry::readings) {
            self.record_one(&mut table, reading, now);
        }
        before == 0 && table.left_out > 0
    }

    fn record_one(&self, table: &mut Table, reading: &Reading, now: DateTime<Utc>) {
        let key = SeriesKey {
            topic: Arc::clone(&reading.topic),
            metric: reading.metric.clone(),
        };
        if let Some(latest) = table.series.get_mut(&key) {
            latest.count += 1;
            if reading.reg_date < latest.time {
                return;
            }
            if latest.unit != reading.unit {
                latest.labels = self.labels(reading).into();
                latest.unit.clone_from(&reading.unit);
            }
            latest.value = reading.value.as_number();
            latest.time = reading.reg_date;
            latest.received = now;
            return;
        }
        if !self.plan.filter.matches(&key) {
            return;
        }
        if table.series.len() >= self.plan.limit {
            table.left_out += 1;
            return;
        }
        let latest = Latest {
            labels: self.labels(reading).into(),
            unit: reading.unit.clone(),
            value: reading.value.as_number(),
            time: reading.reg_date,
            received: now,
            count: 1,
        };
        table.series.insert(key, latest);
    }

    fn labels(&self, reading: &Reading) -> String {
        let mut labels = String::new();
        label(&mut labels, "topic", &reading.topic);
        if let Some(metric) = &reading.metric {
            label(&mut labels, "metric", metric);
        }
        if let Some(unit) = &reading.unit {
            label(&mut labels, "unit", unit);
        }
        let mut patterns = self.plan.patterns.iter();
        let levels = patterns.find_map(|pattern| pattern.fields(&reading.topic));
        for (name, value) in levels.into_iter().flatten() {
            if let FieldValue::Json(serde_json::Value::String(value)) = value {
                label(&mut labels, &label_name(&name), &value);
            }
        }
        labels
    }

    /// Returns how many readings were of series beyond the limit.
    pub(super) fn left_out(&self) -> u64 {
        self.table().left_out
    }

    /// Returns all series, and removes what has expired at `now`. Nothing is formatted here,
    /// because the thread that receives waits meanwhile.
    pub(super) fn rows(&self, now: DateTime<Utc>) -> Vec<Row> {
        let mut table = self.table();
        let expiry = self.plan.expiry;
        let expiry = expiry.and_then(|expiry| TimeDelta::from_std(expiry).ok());
        if let Some(expiry) = expiry {
            let kept = TIMESTAMP_KEPT.max(expiry);
            table
                .series
                .retain(|_, latest| now - latest.received < kept);
        }
        let is_current =
            |latest: &Latest| expiry.is_none_or(|expiry| now - latest.received < expiry);
        let rows = table.series.values().map(|latest| Row {
            labels: Arc::clone(&latest.labels),
            value: latest.value.filter(|_| is_current(latest)),
            time: latest.time,
            count: latest.count,
        });
        rows.collect()
    }
}

/// Adds a label, escaped as the text format wants it.
pub(super) fn label(labels: &mut String, name: &str, value: &str) {
    if !labels.is_empty() {
        labels.push(',');
    }
    // Writing to memory does not fail.
    let _ = write!(labels, "{name}=\"");
    for c in value.chars() {
        match c {
            '\\' => labels.push_str("\\\\"),
            '"' => labels.push_str("\\\""),
            '\n' => labels.push_str("\\n"),
            c => labels.push(c),
        }
    }
    labels.push('"');
}

/// Returns a name for a label: letters, digits and `_`, and none that is taken.
fn label_name(name: &str) -> String {
    let letters = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    let name: String = letters.collect();
    let is_taken = matches!(&*name, "topic" | "metric" | "unit" | "instance");
    if is_taken || name.starts_with("__") || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        format!("level_{name}")
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_named_as_prometheus_wants_them() {
        let mut labels = String::new();
        label(&mut labels, "topic", "a\"b\\c\nd");
        label(&mut labels, "unit", "°C");
        assert_eq!(labels, r#"topic="a\"b\\c\nd",unit="°C""#);
        for (name, expected) in [
            ("home", "home"),
            ("a-b", "a_b"),
            ("topic", "level_topic"),
            ("1", "level_1"),
            ("__x", "level___x"),
        ] {
            assert_eq!(label_name(name), expected);
        }
    }
}
