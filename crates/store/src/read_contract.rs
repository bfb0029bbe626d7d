//! The contract of reading, run on each store.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::contract::{Source, several};
use crate::entry::Entry;
use crate::read::{
    Bucket, Division, Grid, Order, Position, ReadError, Reader, Row, RowQuestion, SeriesFilter,
    SeriesKey, TimeRange,
};
use crate::reading::Reading;
use crate::reading_id::ReadingId;
use crate::readings::Readings;
use crate::received_payload::ReceivedPayload;
use crate::series_update::SeriesUpdate;
use crate::value::Value;

/// A store that is written to and read.
pub(crate) trait ReadSubject {
    /// Stores entries.
    fn store(&mut self, entries: &[Entry]);

    /// Opens it for reading.
    fn reader(&mut self) -> Box<dyn Reader>;
}

/// Runs every rule on a new store.
pub(crate) fn read_contract<S: ReadSubject>(mut new: impl FnMut() -> S) {
    lists_series_with_their_metadata(&mut new());
    passes_rows_in_each_order(&mut new());
    pages_through_rows(&mut new());
    ends_on_request(&mut new());
    returns_rejections(&mut new());
    has_nothing_at_first(&mut new());
}

fn key(topic: &str, metric: Option<&str>) -> SeriesKey {
    SeriesKey {
        topic: topic.into(),
        metric: metric.map(Into::into),
    }
}

fn filter(text: &str) -> SeriesFilter {
    text.parse().expect("a filter")
}

/// When the source's first entry was received.
fn start() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_795_428_000_123).expect("a time")
}

fn lists_series_with_their_metadata(subject: &mut impl ReadSubject) {
    let mut source = Source::new();
    let mut message = several(
        source.ids(),
        "iot/b",
        &[("temp", "20.5", Some("°C")), ("hum", "40", None)],
    );
    if let Entry::Readings(readings) = &mut message {
        readings.series.push(SeriesUpdate {
            topic: "iot/b".into(),
            metric: Some("hum".into()),
            unit: Some("%".into()),
            name: Some("Humidity".into()),
            device: Some("cellar".into()),
            class: Some("humidity".into()),
        });
    }
    let entries = [
        source.entry("iot/b", "true"),
        source.entry("iot/a", "1"),
        source.entry("iot/a", "text"),
        message,
    ];
    subject.store(&entries);
    let mut reader = subject.reader();
    let all = reader.series(&SeriesFilter::default()).expect("series");
    let keys: Vec<_> = all.iter().map(|series| series.key.to_string()).collect();
    assert_eq!(keys, ["iot/a", "iot/b", "iot/b#hum", "iot/b#temp"]);
    let [a, b, hum, temp] = &all[..] else {
        panic!("four series");
    };
    assert_eq!((a.count, b.count, hum.count), (2, 1, 1));
    assert_eq!(a.first, Some(start() + Duration::from_millis(1)));
    let last = a.last.as_ref().expect("a reading");
    assert_eq!(last.value, Value::Text("text".to_owned()));
    assert_eq!(last.time, start() + Duration::from_millis(2));
    assert_eq!(last.id, entries[2].id());
    let last = b.last.as_ref().expect("a reading");
    assert_eq!(last.value, Value::Json(true.into()));
    assert_eq!(
        (a.unit.as_deref(), temp.unit.as_deref()),
        (None, Some("°C"))
    );
    assert_eq!(hum.unit.as_deref(), Some("%"));
    assert_eq!(hum.name.as_deref(), Some("Humidity"));
    assert_eq!(hum.device.as_deref(), Some("cellar"));
    assert_eq!(hum.class.as_deref(), Some("humidity"));

    let latest = reader.latest(&filter("iot/b#temp")).expect("series");
    assert_eq!(latest.len(), 1);
    assert_eq!(latest[0].last, temp.last);
    assert_eq!(reader.series(&filter("iot/+#")).expect("series").len(), 2);
    assert_eq!(reader.latest(&filter("other/#")).expect("series"), []);
}

/// Returns all rows of the answer, which are the same one by one and in batches.
fn rows(reader: &mut dyn Reader, question: &RowQuestion) -> Vec<Row> {
    let mut rows = Vec::new();
    let taken = reader.rows(question, &mut |row| {
        rows.push(row);
        ControlFlow::Continue(())
    });
    taken.expect("rows");
    let mut in_batches = Vec::new();
    let taken = reader.row_batches(question, &mut |batch| {
        assert!(!batch.is_empty());
        in_batches.extend(batch);
        ControlFlow::Continue(())
    });
    taken.expect("rows in batches");
    assert_eq!(in_batches, rows);
    rows
}

fn passes_rows_in_each_order(subject: &mut impl ReadSubject) {
    let mut source = Source::new();
    let values = ["-0.5", "{\"a\":[1,\"x\",null]}", "false", "\"x\"", "on"];
    let mut entries = Vec::new();
    for value in values {
        entries.push(source.entry("iot/b", value));
        entries.push(source.entry("iot/a", value));
    }
    subject.store(&entries);
    let mut reader = subject.reader();
    let question = |order| RowQuestion {
        order,
        ..RowQuestion::default()
    };
    let by_time = rows(&mut *reader, &question(Order::Time));
    let ids: Vec<_> = by_time.iter().map(|row| row.id).collect();
    assert_eq!(ids, entries.iter().map(Entry::id).collect::<Vec<_>>());
    for (row, entry) in by_time.iter().zip(&entries) {
        let reading = entry.as_reading().expect("a reading");
        let text = Value::Json("x".into());
        // MongoDB does not tell a string in JSON from text.
        let is_text = reading.value == text && row.value == Value::Text("x".to_owned());
        assert!(is_text || row.value == reading.value, "{row:?}");
        assert_eq!(row.key, SeriesKey::of_topic(&*reading.topic));
        assert_eq!((row.time, &row.unit), (reading.reg_date, &None));
    }
    let mut backwards = rows(&mut *reader, &question(Order::TimeDescending));
    backwards.reverse();
    assert_eq!(backwards, by_time);
    let by_series = rows(&mut *reader, &question(Order::Series));
    let mut sorted = by_time.clone();
    sorted.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(by_series, sorted);
    let range = TimeRange {
        since: Some(by_time[3].time),
        until: Some(by_time[6].time),
    };
    let some = RowQuestion {
        range,
        ..question(Order::Time)
    };
    assert_eq!(rows(&mut *reader, &some), by_time[3..6]);
}

fn pages_through_rows(subject: &mut impl ReadSubject) {
    let mut source = Source::new();
    let mut entries = source.numbers(50);
    // Several at one time, of two series.
    for index in 0..50 {
        let values = [("m", "1", Some("V")), ("n", "2", None)];
        if index % 2 == 0 {
            entries.push(several(source.ids(), "iot/number", &values));
        }
    }
    subject.store(&entries);
    let mut reader = subject.reader();
    for order in [Order::Time, Order::TimeDescending] {
        let mut question = RowQuestion {
            order,
            ..RowQuestion::default()
        };
        let all = rows(&mut *reader, &question);
        assert_eq!(all.len(), 100);
        question.limit = Some(7);
        let mut paged = Vec::new();
        loop {
            let page = rows(&mut *reader, &question);
            let Some(last) = page.last() else {
                break;
            };
            question.after = Some(Position {
                time: last.time,
                id: last.id,
            });
            paged.extend(page);
        }
        assert_eq!(paged, all);
    }
}

fn ends_on_request(subject: &mut impl ReadSubject) {
    subject.store(&Source::new().numbers(5_000));
    let mut reader = subject.reader();
    let mut count = 0;
    let taken = reader.rows(&RowQuestion::default(), &mut |_| {
        count += 1;
        ControlFlow::Break(())
    });
    assert_eq!((taken, count), (Ok(()), 1));
    let taken = reader.row_batches(&RowQuestion::default(), &mut |_| {
        count += 1;
        ControlFlow::Break(())
    });
    assert_eq!((taken, count), (Ok(()), 2));
    reader.set_timeout(Some(Duration::from_secs(600)));
    assert_eq!(rows(&mut *reader, &RowQuestion::default()).len(), 5_000);
    reader.cancel().cancel();
    let cancelled = reader.rows(&RowQuestion::default(), &mut |_| ControlFlow::Continue(()));
    assert_eq!(cancelled, Err(ReadError::Cancelled));
}

fn returns_rejections(subject: &mut impl ReadSubject) {
    let mut source = Source::new();
    let entries = [
        source.entry("iot/a", ""),
        source.entry("iot/b", [0xff, 0]),
        source.entry("iot/c", ""),
    ];
    subject.store(&entries);
    let mut reader = subject.reader();
    let groups = reader
        .rejection_groups(TimeRange::default())
        .expect("groups");
    let shown: Vec<_> = groups
        .iter()
        .map(|group| (&*group.reason, group.count, group.bytes, group.topics))
        .collect();
    assert_eq!(shown, [("empty payload", 2, 0, 2), ("not UTF-8", 1, 2, 1)]);
    assert_eq!(groups[0].first, start());
    assert_eq!(groups[0].last.id, entries[2].id());
    let mut found = Vec::new();
    let reason = Some("not UTF-8");
    let taken = reader.rejections(TimeRange::default(), reason, &mut |row| {
        found.push(row);
        ControlFlow::Continue(())
    });
    taken.expect("rejections");
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&*found[0].topic, found[0].length, found[0].kept),
        ("iot/b", 2, 2)
    );
    let whole = reader.rejection(entries[1].id()).expect("a rejection");
    assert_eq!(whole.as_ref(), entries[1].as_rejection());
    let none = reader.rejection(ReadingId::from([7; 12]));
    assert_eq!(none, Ok(None));
    let late = TimeRange::since(start() + Duration::from_millis(1));
    let groups = reader.rejection_groups(late).expect("groups");
    assert_eq!(groups[0].count, 1);
}

fn has_nothing_at_first(subject: &mut impl ReadSubject) {
    let mut reader = subject.reader();
    assert_eq!(reader.series(&SeriesFilter::default()), Ok(Vec::new()));
    assert_eq!(rows(&mut *reader, &RowQuestion::default()), []);
    let buckets = reader.all_buckets(&key("a", None), TimeRange::default(), Division::Into(10));
    assert_eq!(buckets, Ok(Vec::new()));
    assert_eq!(
        reader.rejection_groups(TimeRange::default()),
        Ok(Vec::new())
    );
}

/// A reading, as a random test makes it: hour, milliseconds within it, quarters, and a kind.
type Random = (i64, i64, i16, u8);

/// Compares buckets with what a naive computation makes of the same readings, which come in any
/// order, and some of them twice. `store` gets them as several messages.
pub(crate) fn downsampling_is_exact<S: ReadSubject>(cases: u32, new: impl Fn() -> S) {
    let reading = (0..60_i64, 0..3_600_000_i64, any::<i16>(), 0..12_u8);
    // Some hours are full.
    let full = (0..3_i64, 0..3_600_000_i64, any::<i16>(), 0..12_u8);
    let commits = prop::collection::vec(
        prop_oneof![
            prop::collection::vec(reading, 1..60),
            prop::collection::vec(full, 200..400),
        ],
        1..6,
    );
    let division = prop_oneof![
        (1..300_u32).prop_map(Division::Into),
        (60_000..20_000_000_u64).prop_map(|millis| Division::Every(Duration::from_millis(millis))),
        (1..30_u64).prop_map(|minutes| Division::Every(Duration::from_secs(minutes * 60))),
    ];
    let range = (0..216_000_000_i64, 0..216_000_000_i64, 0..8_u8);
    let questions = prop::collection::vec((range, division), 1..12);
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(cases)
    });
    let run = runner.run(&(commits, questions), |(commits, questions)| {
        compare(&mut new(), &commits, &questions)
    });
    run.expect("the buckets are exact");
}

fn compare(
    subject: &mut impl ReadSubject,
    commits: &[Vec<Random>],
    questions: &[((i64, i64, u8), Division)],
) -> Result<(), TestCaseError> {
    // A day and an hour that are over, in the middle of a day.
    let base = 1_750_000_000_000 / 3_600_000 * 3_600_000;
    let mut stored: BTreeMap<(i64, ReadingId), f64> = BTreeMap::new();
    let mut reader = subject.reader();
    let mut id = 0_u32;
    for (index, commit) in commits.iter().enumerate() {
        let mut readings = Vec::new();
        for (hour, millis, quarters, kind) in commit {
            id += 1;
            let mut bytes = [0; 12];
            // In no order of time.
            bytes[..4].copy_from_slice(&id.wrapping_mul(2_654_435_761).to_be_bytes());
            bytes[4..8].copy_from_slice(&id.to_be_bytes());
            let at = base + hour * 3_600_000 + millis / 250 * 250;
            let number = f64::from(*quarters) / 4.0;
            let (value, number) = match kind {
                0 => (
                    Value::Json((*quarters > 0).into()),
                    Some(f64::from(u8::from(*quarters > 0))),
                ),
                1 => (Value::Text("on".to_owned()), None),
                2 => (Value::Text(number.to_string()), Some(number)),
                3 => (Value::Json(serde_json::json!({"a": number})), None),
                _ => (Value::Number(number), Some(number)),
            };
            let id = ReadingId::from(bytes);
            if let Some(number) = number {
                stored.insert((at, id), number);
            }
            readings.push(Reading {
                id,
                topic: "iot/a".into(),
                metric: Some("m".into()),
                value,
                unit: None,
                reg_date: DateTime::from_timestamp_millis(at).expect("a time"),
                extra: None,
                payload: ReceivedPayload::default(),
            });
        }
        let entry = Entry::Readings(Box::new(Readings {
            id: readings[0].id,
            topic: "iot/a".into(),
            received: readings[0].reg_date,
            payload: ReceivedPayload::of_message(b"{}"),
            readings,
            series: Vec::new(),
        }));
        subject.store(std::slice::from_ref(&entry));
        if index % 2 == 1 {
            // It comes again, with nothing new.
            subject.store(&[entry]);
        }
        for ((from, to, open), division) in questions {
            let at = |millis: i64| DateTime::from_timestamp_millis(base + millis).expect("a time");
            let (since, until) = (from.min(to), from.max(to));
            // Whole minutes now and then, and open ends.
            let step = if open % 2 == 0 { 60_000 } else { 1 };
            let range = TimeRange {
                since: (*open < 6).then(|| at(since / step * step)),
                until: (*open > 1).then(|| at(until / step * step)),
            };
            let key = key("iot/a", Some("m"));
            let all = RowQuestion::new(SeriesFilter::of(&key), TimeRange::default());
            let all = rows(&mut *reader, &all);
            let (Some(first), Some(last)) = (all.first(), all.last()) else {
                panic!("no rows");
            };
            let whole = (
                range.since.unwrap_or(first.time),
                range.until.unwrap_or(last.time + Duration::from_millis(1)),
            );
            let found = reader.all_buckets(&key, range, *division).expect("buckets");
            let expected = naive(&stored, whole, *division);
            prop_assert_eq!(found, expected);
        }
    }
    Ok(())
}

fn naive(
    stored: &BTreeMap<(i64, ReadingId), f64>,
    (since, until): (DateTime<Utc>, DateTime<Utc>),
    division: Division,
) -> Vec<Bucket> {
    let at = |millis| DateTime::from_timestamp_millis(millis).expect("a time");
    let parts = Grid::new(since, until, division).parts();
    let bucket = |(start, end): (i64, i64)| {
        let lowest = ReadingId::from([0; 12]);
        let values: Vec<f64> = stored
            .range((start, lowest)..(end, lowest))
            .map(|(_, value)| *value)
            .collect();
        let count = u32::try_from(values.len()).expect("few");
        Some(Bucket {
            start: at(start),
            end: at(end),
            count: u64::from(count),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            // Quarters add up without a rest.
            mean: values.iter().sum::<f64>() / f64::from(count),
            first: *values.first()?,
            last: *values.last()?,
        })
    };
    parts.filter_map(bucket).collect()
}
