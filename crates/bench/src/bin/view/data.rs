//! Readings to store.

use std::sync::Arc;

use chrono::{DateTime, Duration, SubsecRound, Utc};
use iot_store::{Entry, IdGenerator, Reading, ReceivedPayload, Value};

/// A reading every two seconds for a year.
pub(crate) const LONG_SERIES: u64 = 15_768_000;
/// Its topic.
pub(crate) const LONG_TOPIC: &str = "plant/line/temperature";
/// Time between two of its readings.
pub(crate) const INTERVAL: Duration = Duration::seconds(2);

/// The time of a series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) since: DateTime<Utc>,
    pub(crate) readings: u64,
}

impl Span {
    /// Begins so long ago that so many readings end now.
    pub(crate) fn ending_now(readings: u64) -> Self {
        let ago = INTERVAL * i32::try_from(readings).unwrap_or(i32::MAX);
        Self {
            since: Utc::now().trunc_subsecs(0) - ago,
            readings,
        }
    }

    /// Returns where it ends.
    pub(crate) fn until(self) -> DateTime<Utc> {
        self.since + INTERVAL * i32::try_from(self.readings).unwrap_or(i32::MAX)
    }
}

/// Returns the value of the reading with this number: a temperature with one decimal.
pub(crate) fn value(number: u64) -> f64 {
    let digits = u32::try_from(number * 7 % 1_000).unwrap_or_default();
    f64::from(digits) / 10.0
}

/// Makes readings, one after the other.
pub(crate) struct Source {
    ids: IdGenerator,
    topics: Vec<Arc<str>>,
    now: DateTime<Utc>,
    count: u64,
}

impl Source {
    /// Begins at a time.
    pub(crate) fn beginning(now: DateTime<Utc>) -> Self {
        Self {
            ids: IdGenerator::new(),
            topics: (0..10_000)
                .map(|index| format!("plant/{index}/value").into())
                .collect(),
            now,
            count: 0,
        }
    }

    /// Returns so many readings of so many topics in turn; each round of them is so much later.
    pub(crate) fn rounds(&mut self, topics: usize, step: Duration, readings: usize) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(readings);
        while entries.len() < readings {
            for index in 0..topics.min(readings - entries.len()) {
                let topic = Arc::clone(&self.topics[index]);
                entries.push(self.entry(topic));
            }
            self.now += step;
        }
        entries
    }

    /// Returns a reading of each of so many topics.
    pub(crate) fn each(&mut self, topics: usize) -> Vec<Entry> {
        self.rounds(topics, INTERVAL, topics)
    }

    fn entry(&mut self, topic: Arc<str>) -> Entry {
        self.count += 1;
        Entry::Reading(Reading {
            id: self.ids.next(self.now),
            topic,
            metric: None,
            payload: ReceivedPayload::default(),
            value: Value::Number(value(self.count)),
            unit: None,
            reg_date: self.now,
            extra: None,
        })
    }
}

/// Returns how many there are of the first for each of the second.
#[expect(clippy::cast_precision_loss, reason = "it is shown with few digits")]
pub(crate) fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other.max(1) as f64
}

/// Returns how many there are in a second.
pub(crate) fn rate(count: u64, time: std::time::Duration) -> f64 {
    ratio(count, 1) / time.as_secs_f64()
}
