//! The latest value of each series, in bounded memory. One look-up a reading.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use iot_store::{Reading, Value};

use super::shown_value::ShownValue;

/// Limit of the series in the table. Readings of further series are not shown live.
pub(super) const SERIES_LIMIT: usize = 100_000;
/// Limit of the bytes of their names and units.
const NAME_BYTES_LIMIT: usize = 32 << 20;
/// Readings that are further in the future do not keep later ones from being the latest.
const CLOCK_TOLERANCE_MS: i64 = 60_000;

/// A series and its latest reading.
#[derive(Clone, Debug)]
pub(super) struct LiveSeries {
    pub(super) topic: Arc<str>,
    pub(super) metric: Option<Arc<str>>,
    pub(super) unit: Option<Arc<str>>,
    pub(super) value: ShownValue,
    /// Milliseconds since 1970.
    pub(super) time: i64,
    /// Readings since the program began.
    pub(super) count: u64,
    /// The usual time between two readings, in milliseconds; 0 before the second.
    pub(super) interval: f32,
    since_tick: SinceTick,
}

/// What was received since the last tick.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SinceTick {
    /// All readings.
    pub(super) count: u32,
    /// Those that are numbers.
    pub(super) numbers: u32,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) sum: f64,
}

impl SinceTick {
    fn add(&mut self, value: &ShownValue) {
        self.count += 1;
        let Some(number) = value.number() else {
            return;
        };
        if self.numbers == 0 {
            (self.min, self.max, self.sum) = (number, number, 0.0);
        }
        self.numbers += 1;
        self.min = self.min.min(number);
        self.max = self.max.max(number);
        self.sum += number;
    }
}

/// The latest reading of a series, with what came since the last tick.
#[derive(Clone, Debug)]
pub(super) struct Update {
    pub(super) id: u32,
    pub(super) value: ShownValue,
    pub(super) time: i64,
    pub(super) since: SinceTick,
}

/// The series of one topic: few, so that a search from the start is quick.
#[derive(Debug, Default)]
struct TopicSeries(Vec<u32>);

/// All series, by the number that stands for them in updates.
#[derive(Debug, Default)]
pub(super) struct Table {
    topics: HashMap<Arc<str>, TopicSeries>,
    series: Vec<LiveSeries>,
    /// Series with readings since the last tick.
    changed: Vec<u32>,
    /// How many series browsers know.
    announced: usize,
    /// Series whose unit has changed since the last tick.
    renamed: Vec<u32>,
    name_bytes: usize,
    /// Readings of series for which there was no room.
    left_out: u64,
}

/// What is new since the last tick.
#[derive(Debug, Default)]
pub(super) struct Tick {
    pub(super) series: Vec<(u32, LiveSeries)>,
    pub(super) updates: Vec<Update>,
}

impl Table {
    /// Takes a reading that was received at `now`.
    pub(super) fn reading(&mut self, reading: &Reading, now: DateTime<Utc>) {
        self.take(
            &reading.topic,
            reading.metric.as_ref(),
            reading.unit.as_ref(),
            &reading.value,
            reading.reg_date.timestamp_millis(),
            now.timestamp_millis(),
        );
    }

    fn take(
        &mut self,
        topic: &Arc<str>,
        metric: Option<&Arc<str>>,
        unit: Option<&Arc<str>>,
        value: &Value,
        time: i64,
        now: i64,
    ) {
        let value = ShownValue::of(value);
        let found = self.topics.get(topic).and_then(|topic| {
            let is_it = |id: &&u32| self.series[**id as usize].metric.as_ref() == metric;
            topic.0.iter().find(is_it).copied()
        });
        let Some(id) = found else {
            self.add(topic, metric, unit, value, time);
            return;
        };
        let series = &mut self.series[id as usize];
        if series.since_tick.count == 0 {
            self.changed.push(id);
        }
        series.since_tick.add(&value);
        series.count += 1;
        let gap = time - series.time;
        // A late reading is counted, but it is not the latest.
        if gap >= 0 || series.time > now + CLOCK_TOLERANCE_MS {
            series.interval = smooth(series.interval, gap);
            series.time = time;
            series.value = value;
        }
        if let Some(unit) = unit
            && series.unit.as_ref() != Some(unit)
        {
            series.unit = Some(Arc::clone(unit));
            self.renamed.push(id);
        }
    }

    fn add(
        &mut self,
        topic: &Arc<str>,
        metric: Option<&Arc<str>>,
        unit: Option<&Arc<str>>,
        value: ShownValue,
        time: i64,
    ) {
        let metric_bytes = metric.map_or(0, |metric| metric.len());
        let bytes = topic.len() + metric_bytes + unit.map_or(0, |unit| unit.len());
        if self.series.len() >= SERIES_LIMIT || self.name_bytes + bytes > NAME_BYTES_LIMIT {
            self.left_out += 1;
            return;
        }
        self.name_bytes += bytes;
        let Ok(id) = u32::try_from(self.series.len()) else {
            return;
        };
        let mut since_tick = SinceTick::default();
        since_tick.add(&value);
        self.series.push(LiveSeries {
            topic: Arc::clone(topic),
            metric: metric.cloned(),
            unit: unit.cloned(),
            value,
            time,
            count: 1,
            interval: 0.0,
            since_tick,
        });
        self.changed.push(id);
        self.topics.entry(Arc::clone(topic)).or_default().0.push(id);
    }

    /// Returns what is new since the last call.
    pub(super) fn tick(&mut self) -> Tick {
        let mut tick = Tick::default();
        for id in self.renamed.drain(..) {
            if (id as usize) < self.announced {
                tick.series.push((id, self.series[id as usize].clone()));
            }
        }
        let new = self.series.iter().enumerate().skip(self.announced);
        let new = new.filter_map(|(id, series)| Some((u32::try_from(id).ok()?, series.clone())));
        tick.series.extend(new);
        self.announced = self.series.len();
        tick.updates.reserve(self.changed.len());
        for id in self.changed.drain(..) {
            let series = &mut self.series[id as usize];
            tick.updates.push(Update {
                id,
                value: series.value.clone(),
                time: series.time,
                since: std::mem::take(&mut series.since_tick),
            });
        }
        tick
    }

    /// Returns all series.
    pub(super) fn snapshot(&self) -> Vec<LiveSeries> {
        self.series.clone()
    }

    /// Returns how many readings are not shown live, because there are too many series.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }
}

/// Returns the usual interval after a gap of so many milliseconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "what is lost is below what is shown"
)]
fn smooth(interval: f32, gap: i64) -> f32 {
    let gap = gap.max(0) as f32;
    if interval == 0.0 {
        gap
    } else {
        interval + (gap - interval) * 0.2
    }
}

#[cfg(test)]
mod tests;
