//! A store in memory, for tests.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use iot_store::alerts::{CurrentAlert, Event};
use iot_store::read::{
    Bucket, Cancel, Division, Grid, Latest, ReadError, Reader, RejectionGroup, RejectionRow, Row,
    RowQuestion, Series, SeriesFilter, SeriesKey, TimeRange,
};
use iot_store::{IdGenerator, ReadingId, Rejection, Value};

use crate::sources::OpenReader;

#[derive(Clone, Default)]
pub(crate) struct MemoryReader {
    pub(crate) rows: Vec<Row>,
    cancel: Cancel,
}

pub(crate) fn at(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap()
}

impl MemoryReader {
    pub(crate) fn add(&mut self, topic: &str, value: Value, millis: i64) {
        self.rows.push(Row {
            key: SeriesKey::of_topic(topic),
            value,
            unit: Some("°C".into()),
            time: at(millis),
            id: IdGenerator::new().next(at(millis)),
        });
    }

    /// Returns what opens copies of it.
    pub(crate) fn opener(self) -> Arc<OpenReader> {
        Arc::new(move || {
            let cancel = Cancel::default();
            Ok(Box::new(Self {
                cancel,
                ..self.clone()
            }))
        })
    }

    fn of(&self, key: &SeriesKey) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.key == *key)
    }
}

impl Reader for MemoryReader {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn set_timeout(&mut self, _: Option<Duration>) {}

    fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    fn series(&mut self, filter: &SeriesFilter) -> Result<Vec<Series>, ReadError> {
        let mut keys: Vec<_> = self.rows.iter().map(|row| row.key.clone()).collect();
        keys.sort();
        keys.dedup();
        keys.retain(|key| filter.matches(key));
        let series = |key: &SeriesKey| {
            let last = self.of(key).max_by_key(|row| row.time)?;
            Some(Series {
                key: key.clone(),
                unit: last.unit.clone(),
                count: self.of(key).count() as u64,
                first: self.of(key).map(|row| row.time).min(),
                last: Some(Latest {
                    value: last.value.clone(),
                    time: last.time,
                    id: last.id,
                }),
                ..Series::default()
            })
        };
        Ok(keys.iter().filter_map(series).collect())
    }

    fn latest(&mut self, filter: &SeriesFilter) -> Result<Vec<Series>, ReadError> {
        self.series(filter)
    }

    fn rows(
        &mut self,
        question: &RowQuestion,
        take: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        for row in &self.rows {
            let is_in = question.filter.matches(&row.key) && question.range.contains(row.time);
            if is_in && take(row.clone()).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn buckets(
        &mut self,
        key: &SeriesKey,
        range: TimeRange,
        division: Division,
        take: &mut dyn FnMut(Bucket) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let (since, until) = (range.since.unwrap(), range.until.unwrap());
        for (start, end) in Grid::new(since, until, division).parts() {
            let part = self
                .of(key)
                .filter(|row| (at(start)..at(end)).contains(&row.time));
            let numbers: Vec<f64> = part.filter_map(|row| row.value.as_number()).collect();
            let (Some(&first), Some(&last)) = (numbers.first(), numbers.last()) else {
                continue;
            };
            let bucket = Bucket {
                start: at(start),
                end: at(end),
                count: numbers.len() as u64,
                min: numbers.iter().copied().fold(first, f64::min),
                max: numbers.iter().copied().fold(first, f64::max),
                #[expect(clippy::cast_precision_loss, reason = "few")]
                mean: numbers.iter().sum::<f64>() / numbers.len() as f64,
                first,
                last,
            };
            if take(bucket).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn rejection_groups(&mut self, _: TimeRange) -> Result<Vec<RejectionGroup>, ReadError> {
        Err(ReadError::Away("store `memory` is away".into()))
    }

    fn rejections(
        &mut self,
        _: TimeRange,
        _: Option<&str>,
        _: &mut dyn FnMut(RejectionRow) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        Ok(())
    }

    fn rejection(&mut self, _: ReadingId) -> Result<Option<Rejection>, ReadError> {
        Ok(None)
    }

    fn alerts(&mut self, _: &SeriesFilter) -> Result<Vec<CurrentAlert>, ReadError> {
        Ok(Vec::new())
    }

    fn alert_history(
        &mut self,
        _: &SeriesFilter,
        _: TimeRange,
        _: usize,
    ) -> Result<Vec<Event>, ReadError> {
        Ok(Vec::new())
    }
}
