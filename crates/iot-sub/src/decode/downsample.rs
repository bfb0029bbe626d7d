//! `--on-change` and `--min-interval`: of many readings of a series, those that are stored.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use iot_store::{Reading, RecentTable, Value};

/// Bytes of memory for what was last stored of each series: of some 300,000 series.
const TABLE_BYTES: usize = 64 << 20;

/// What is stored of a series' readings; both conditions count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Downsampling {
    /// The value differs from the one last stored, a number by more than this.
    pub(crate) on_change: Option<f64>,
    /// So long after the one last stored.
    pub(crate) min_interval: Option<Duration>,
}

/// Remembers for each series what was last stored, in this run.
#[derive(Debug)]
pub(crate) struct Downsampler {
    on_change: Option<f64>,
    min_interval: Option<TimeDelta>,
    /// The key is the topic, and behind a NUL the metric.
    last: RecentTable<(Value, DateTime<Utc>)>,
    key: String,
}

impl Downsampler {
    /// Returns a downsampler, if one is asked for.
    pub(crate) fn new(downsampling: Downsampling) -> Option<Self> {
        let Downsampling {
            on_change,
            min_interval,
        } = downsampling;
        (downsampling != Downsampling::default()).then(|| Self {
            on_change,
            min_interval: min_interval
                .map(|interval| TimeDelta::from_std(interval).unwrap_or(TimeDelta::MAX)),
            last: RecentTable::new(TABLE_BYTES),
            key: String::new(),
        })
    }

    /// Returns how many series were forgotten because there are too many. The next reading of such
    /// a series is stored.
    pub(crate) fn forgotten(&self) -> u64 {
        self.last.dropped()
    }

    /// Returns whether `reading` is to be stored.
    pub(crate) fn keeps(&mut self, reading: &Reading) -> bool {
        let key = match &reading.metric {
            None => &*reading.topic,
            Some(metric) => {
                self.key.clear();
                self.key.extend([&*reading.topic, "\0", metric]);
                &*self.key
            }
        };
        let keeps = match self.last.get(key) {
            None => true,
            Some((value, time)) => {
                let changed = match (self.on_change, value, &reading.value) {
                    (None, ..) => true,
                    (Some(band), Value::Number(last), Value::Number(now)) => {
                        (now - last).abs() > band
                    }
                    (Some(_), last, now) => last != now,
                };
                let passed = reading.reg_date - *time;
                // A clock that was set back must not silence a series.
                let due = self
                    .min_interval
                    .is_none_or(|interval| passed >= interval || passed < TimeDelta::zero());
                changed && due
            }
        };
        if keeps {
            let last = (reading.value.clone(), reading.reg_date);
            let heap = reading.value.heap_size();
            let key = match &reading.metric {
                None => Arc::clone(&reading.topic),
                Some(_) => Arc::from(key),
            };
            self.last.insert(key, last, heap);
        }
        keeps
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use iot_decode::PlainFormat;
    use iot_store::{Entry, IdGenerator};

    use super::*;
    use crate::decode::read;

    /// Which of these payloads, so many seconds after the start, are stored.
    #[track_caller]
    fn case(
        on_change: Option<f64>,
        min_interval: Option<u64>,
        readings: &[(i64, &str)],
        expected: &[usize],
    ) {
        let mut downsampler = Downsampler::new(Downsampling {
            on_change,
            min_interval: min_interval.map(Duration::from_secs),
        })
        .unwrap();
        let mut ids = IdGenerator::new();
        let mut kept = Vec::new();
        for (at, (seconds, payload)) in readings.iter().enumerate() {
            let now = DateTime::from_timestamp(1_795_428_000 + seconds, 0).unwrap();
            let payload = Bytes::copy_from_slice(payload.as_bytes());
            let Entry::Reading(reading) = read(PlainFormat::Auto, "t", &payload, now, &mut ids)
            else {
                panic!("not a reading");
            };
            if downsampler.keeps(&reading) {
                kept.push(at);
            }
        }
        assert_eq!(kept, expected);
    }

    #[test]
    fn a_change_is_more_than_the_deadband_from_what_was_stored() {
        let readings = [
            (0, "20"),
            (1, "20"),
            (2, "20.4"),
            (3, "20.6"),
            (4, "20.2"),
            (5, "20"),
        ];
        case(Some(0.0), None, &readings, &[0, 2, 3, 4, 5]);
        case(Some(0.5), None, &readings, &[0, 3, 5]);
        let readings = [
            (0, "\"on\""),
            (1, "\"on\""),
            (2, "\"off\""),
            (3, "1"),
            (4, "{\"a\": 1}"),
            (5, "{\"a\":1.0}"),
        ];
        case(Some(0.5), None, &readings, &[0, 2, 3, 4, 5]);
    }

    #[test]
    fn an_interval_counts_from_what_was_stored() {
        let readings = [
            (0, "1"),
            (9, "2"),
            (10, "2"),
            (15, "3"),
            (20, "3"),
            (5, "4"),
            (14, "5"),
            (15, "6"),
        ];
        case(None, Some(10), &readings, &[0, 2, 4, 5, 7]);
        case(
            Some(0.0),
            Some(10),
            &[(0, "1"), (20, "1"), (21, "2"), (22, "3")],
            &[0, 2],
        );
        assert!(Downsampler::new(Downsampling::default()).is_none());
    }
}
