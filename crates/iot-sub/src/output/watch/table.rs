//! The latest value of each series, in bounded memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use iot_alert::Interval;
use iot_cli::printable;
use iot_store::RecentTable;

use super::rate::{Rate, age_text};

/// Bytes of memory for the series on the screen.
const TABLE_BYTES: usize = 16 << 20;
/// Characters of a value that are kept.
const VALUE_CHARS: usize = 200;
/// A series whose interval is not known is silent after this time.
const UNKNOWN_SILENT: Duration = Duration::from_mins(10);
/// What separates topic and metric in a key: no topic has it.
const SEPARATOR: char = '\0';

#[derive(Debug)]
struct Series {
    value: String,
    unit: Option<Box<str>>,
    seen: Instant,
    rate: Rate,
    interval: Interval,
}

/// A row as it is drawn: nothing in it that a terminal would obey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) topic: String,
    pub(super) metric: String,
    pub(super) value: String,
    pub(super) unit: String,
    pub(super) age: String,
    pub(super) rate: String,
    pub(super) is_silent: bool,
}

/// All series, in order of topic and metric.
#[derive(Debug)]
pub(super) struct Table {
    series: RecentTable<Series>,
    /// Keys in order. Unless `is_sorted` is set, in any order, and with some that are gone.
    order: Vec<Arc<str>>,
    is_sorted: bool,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            series: RecentTable::new(TABLE_BYTES),
            order: Vec::new(),
            is_sorted: true,
        }
    }

    /// Shows a value of a series that came at `now`.
    pub(super) fn show(
        &mut self,
        (topic, metric): (&str, Option<&str>),
        value: &str,
        unit: Option<&str>,
        now: Instant,
    ) {
        let value: String = value.chars().take(VALUE_CHARS).collect();
        let joined;
        let key = match metric {
            None => topic,
            Some(metric) => {
                joined = format!("{topic}{SEPARATOR}{metric}");
                &joined
            }
        };
        if let Some(series) = self.series.get_mut(key) {
            let interval = now.saturating_duration_since(series.seen);
            series.rate.add(interval);
            let millis = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
            series.interval.add(millis);
            series.value = value;
            if series.unit.as_deref() != unit {
                series.unit = unit.map(Into::into);
            }
            series.seen = now;
            return;
        }
        let key: Arc<str> = key.into();
        let series = Series {
            value,
            unit: unit.map(Into::into),
            seen: now,
            rate: Rate::default(),
            interval: Interval::default(),
        };
        let heap = VALUE_CHARS + size_of::<Arc<str>>();
        // Those that had no reading for the longest time make room, and stay in `order` until then.
        self.series.insert(Arc::clone(&key), series, heap);
        self.order.push(key);
        self.is_sorted = false;
        if self.order.len() > 2 * self.series.len() {
            self.sort();
        }
    }

    fn sort(&mut self) {
        self.order.retain(|key| self.series.peek(key).is_some());
        self.order.sort_unstable();
        self.order.dedup();
        self.is_sorted = true;
    }

    /// Returns how many series there are.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Returns how many were dropped for lack of memory.
    pub(super) fn dropped(&self) -> u64 {
        self.series.dropped()
    }

    /// Returns rows from `first` on.
    pub(super) fn rows(&mut self, first: usize, count: usize, now: Instant) -> Vec<Row> {
        if !self.is_sorted {
            self.sort();
        }
        let shown = self.order.iter().skip(first).take(count);
        let rows = shown.filter_map(|key| Some(row(key, self.series.peek(key)?, now)));
        rows.collect()
    }
}

fn row(key: &str, series: &Series, now: Instant) -> Row {
    let (topic, metric) = key.split_once(SEPARATOR).unwrap_or((key, ""));
    let text = |text: &str| printable(text).into_owned();
    let age = now.saturating_duration_since(series.seen);
    let silent_after = series
        .interval
        .silent_after()
        .map_or(UNKNOWN_SILENT, |millis| {
            Duration::from_millis(millis.unsigned_abs())
        });
    Row {
        topic: text(topic),
        metric: text(metric),
        value: text(&series.value),
        unit: text(series.unit.as_deref().unwrap_or_default()),
        age: age_text(age),
        rate: series.rate.text(age),
        is_silent: age >= silent_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_series_has_a_row_in_order_and_foreign_text_is_printable() {
        let now = Instant::now();
        let mut table = Table::new();
        table.show(("b", None), "1", None, now);
        table.show(("a", Some("t")), "20.5", Some("°C"), now);
        table.show(("a", None), "\u{1b}[2J", None, now);
        table.show(("b", None), "2", None, now + Duration::from_secs(2));
        let rows = table.rows(0, 10, now + Duration::from_secs(3));
        let shown: Vec<_> = { rows.iter() }
            .map(|row| {
                format!(
                    "{} {} {} {} {} {}",
                    row.topic, row.metric, row.value, row.unit, row.age, row.rate
                )
            })
            .collect();
        assert_eq!(
            shown,
            ["a  \\u{1b}[2J  3s ", "a t 20.5 °C 3s ", "b  2  1s 30/min"]
        );
        assert_eq!(table.rows(1, 1, now)[0].metric, "t");
    }

    #[test]
    fn a_series_without_its_usual_readings_is_silent() {
        let start = Instant::now();
        let mut table = Table::new();
        for second in 0..10 {
            table.show(("a", None), "1", None, start + Duration::from_secs(second));
        }
        let after = |seconds: u64| start + Duration::from_secs(9 + seconds);
        assert!(!table.rows(0, 1, after(4))[0].is_silent);
        assert!(table.rows(0, 1, after(5))[0].is_silent);
    }

    #[test]
    fn the_memory_is_bounded() {
        let now = Instant::now();
        let mut table = Table::new();
        for number in 0..100_000 {
            table.show((&format!("topic/{number}"), None), "1", None, now);
        }
        assert!(table.dropped() > 0);
        assert_eq!(
            table.len() + usize::try_from(table.dropped()).unwrap(),
            100_000
        );
        assert_eq!(table.rows(table.len() - 1, 5, now)[0].topic, "topic/99999");
    }
}
