//! Readings to store.

use std::sync::Arc;

use chrono::{DateTime, Duration, SubsecRound, Utc};
use iot_store::{Entry, IdGenerator, Reading, ReceivedPayload, Value};

/// A reading every two seconds for a year.
pub(crate) const LONG_SERIES: u64 = 15_768_000;
/// Entries of one commit.
pub(crate) const BATCH: usize = 5_000;

/// Makes readings, one after the other.
pub(crate) struct Source {
    ids: IdGenerator,
    long: Arc<str>,
    others: Vec<Arc<str>>,
    pub(crate) start: DateTime<Utc>,
    pub(crate) now: DateTime<Utc>,
    count: u32,
}

impl Source {
    /// Begins so long ago that so many readings, every two seconds, end now.
    pub(crate) fn ending_now(readings: u64) -> Self {
        let ago = i64::try_from(readings).unwrap_or_default() * 2;
        let start = Utc::now().trunc_subsecs(0) - Duration::seconds(ago);
        Self {
            ids: IdGenerator::new(),
            long: "plant/line/temperature".into(),
            others: (0..10_000)
                .map(|index| format!("plant/{index}/value").into())
                .collect(),
            start,
            now: start,
            count: 0,
        }
    }

    pub(crate) fn long(&self) -> &Arc<str> {
        &self.long
    }

    /// Returns the next commit, of at most so many readings: of the long series and, beside each of
    /// its readings, of so many others, minus one.
    pub(crate) fn step(&mut self, others: u64, most: u64) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(BATCH);
        let most = usize::try_from(most).unwrap_or(BATCH).min(BATCH);
        while entries.len() < most {
            let topic = Arc::clone(&self.long);
            entries.push(self.entry(topic));
            for other in 1..others {
                let index = usize::try_from(other).unwrap_or_default() % self.others.len();
                if entries.len() < most {
                    let topic = Arc::clone(&self.others[index]);
                    entries.push(self.entry(topic));
                }
            }
            self.now += Duration::seconds(2);
        }
        entries
    }

    /// Returns a reading of each of so many topics.
    pub(crate) fn each(&mut self, topics: usize) -> Vec<Entry> {
        let topics: Vec<_> = self.others.iter().take(topics).map(Arc::clone).collect();
        let entries = topics.into_iter().map(|topic| self.entry(topic)).collect();
        self.now += Duration::seconds(2);
        entries
    }

    fn entry(&mut self, topic: Arc<str>) -> Entry {
        self.count = self.count.wrapping_add(1);
        let value = Value::Number(f64::from(self.count % 1_000) / 10.0);
        Entry::Reading(Reading {
            id: self.ids.next(self.now),
            topic,
            metric: None,
            payload: ReceivedPayload::default(),
            value,
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
