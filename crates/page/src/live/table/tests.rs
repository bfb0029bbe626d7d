//! Tests of the table.

use iot_store::{IdGenerator, ReceivedPayload};

use super::*;

fn at(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap()
}

fn reading(topic: &str, value: f64, millis: i64) -> Reading {
    Reading {
        id: IdGenerator::new().next(at(millis)),
        topic: topic.into(),
        metric: None,
        value: Value::Number(value),
        unit: None,
        reg_date: at(millis),
        extra: None,
        payload: ReceivedPayload::default(),
    }
}

#[test]
fn a_tick_has_each_changed_series_once() {
    let mut table = Table::default();
    for (topic, value) in [("a", 1.0), ("b", 5.0), ("a", 3.0), ("a", 2.0)] {
        table.reading(&reading(topic, value, 1_000), at(1_000));
    }
    let tick = table.tick();
    assert_eq!(tick.series.len(), 2);
    let [a, b] = &tick.updates[..] else {
        panic!("{tick:?}");
    };
    assert_eq!(a.value, ShownValue::Number(2.0));
    let since = a.since;
    assert_eq!(
        (since.count, since.min, since.max, since.sum),
        (3, 1.0, 3.0, 6.0)
    );
    assert_eq!((b.id, b.since.count), (1, 1));
    let tick = table.tick();
    assert!(tick.series.is_empty() && tick.updates.is_empty());
    table.reading(&reading("b", 6.0, 2_000), at(2_000));
    let tick = table.tick();
    assert!(tick.series.is_empty());
    assert_eq!(tick.updates.len(), 1);
    assert_eq!(table.snapshot().len(), 2);
}

#[test]
fn metrics_of_a_topic_are_series_of_their_own_and_a_new_unit_is_announced() {
    let mut table = Table::default();
    let of = |metric: &str, unit: &str| Reading {
        metric: Some(metric.into()),
        unit: Some(unit.into()),
        ..reading("a", 1.0, 1_000)
    };
    for reading in [of("temp", "°C"), of("hum", "%"), of("temp", "°C")] {
        table.reading(&reading, at(1_000));
    }
    assert_eq!(table.tick().series.len(), 2);
    table.reading(&of("temp", "K"), at(1_000));
    let tick = table.tick();
    let [(0, series)] = &tick.series[..] else {
        panic!("{tick:?}");
    };
    assert_eq!(series.unit.as_deref(), Some("K"));
}

#[test]
fn a_late_reading_is_not_the_latest_but_one_of_the_future_gives_way() {
    let mut table = Table::default();
    let latest = |table: &Table| table.snapshot()[0].time;
    table.reading(&reading("a", 1.0, 10_000), at(10_000));
    table.reading(&reading("a", 2.0, 9_000), at(10_000));
    assert_eq!(latest(&table), 10_000);
    assert_eq!(table.tick().updates[0].since.count, 2);
    table.reading(&reading("a", 3.0, 99_000_000), at(11_000));
    table.reading(&reading("a", 4.0, 12_000), at(12_000));
    assert_eq!(latest(&table), 12_000);
}

#[test]
fn memory_is_bounded() {
    let mut table = Table::default();
    let long = "x".repeat(60_000);
    for count in 0..1_000 {
        table.reading(&reading(&format!("{long}{count}"), 1.0, 1_000), at(1_000));
    }
    assert!(table.name_bytes <= NAME_BYTES_LIMIT);
    assert_eq!(table.left_out(), 1_000 - table.snapshot().len() as u64);
    assert!(table.left_out() > 0);
}
