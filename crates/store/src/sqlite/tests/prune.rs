//! Old readings are removed.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::fixture::Fixture;
use crate::expiry::{Expiry, Pruned};
use crate::read::{Division, Reader, RowQuestion, SeriesFilter, SeriesKey, TimeRange};
use crate::sqlite::{SqliteReader, SqliteStore, prune, reindex};

const HOUR: i64 = 3_600_000;

/// Fills a store with a reading each ten seconds for so many hours of `a`, and a rejection each
/// hour.
fn fill(fixture: &mut Fixture, store: &mut SqliteStore, hours: i64) {
    for hour in 0..hours {
        let mut entries: Vec<_> = (0..360)
            .map(|index| {
                let value = format!("{}.5", index % 7);
                fixture.entry(hour * HOUR + index * 10_000, "a", value.as_bytes())
            })
            .collect();
        entries.push(fixture.entry(hour * HOUR, "b", b""));
        store.commit(&entries).unwrap();
    }
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_795_428_000_000).unwrap()
}

fn buckets(fixture: &Fixture, division: Division) -> Vec<crate::read::Bucket> {
    let mut reader = SqliteReader::open(&fixture.path()).unwrap();
    let reader: &mut dyn Reader = &mut reader;
    let key = SeriesKey::of_topic("a");
    reader
        .all_buckets(&key, TimeRange::default(), division)
        .unwrap()
}

fn rows(fixture: &Fixture) -> usize {
    let mut reader = SqliteReader::open(&fixture.path()).unwrap();
    let mut count = 0;
    let taken = reader.rows(&RowQuestion::default(), &mut |_| {
        count += 1;
        ControlFlow::Continue(())
    });
    taken.unwrap();
    count
}

#[test]
fn old_readings_go_with_their_rollups() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    store.due.at_once();
    fill(&mut fixture, &mut store, 30);
    let expiry = Expiry {
        before: start() + Duration::from_secs(20 * 3_600 + 1_000),
        keep_rollups: false,
    };
    let mut steps = 0;
    let pruned = prune(&fixture.path(), expiry, &mut |_| {
        steps += 1;
        true
    });
    let expected = Pruned {
        readings: 20 * 360,
        rejections: 20,
    };
    assert_eq!(pruned.unwrap(), expected);
    assert!(steps > 2, "{steps}");
    assert_eq!(rows(&fixture), 10 * 360);
    let hours = buckets(&fixture, Division::Every(Duration::from_secs(3_600)));
    assert_eq!(hours.len(), 10);
    assert_eq!(hours[0].start, start() + Duration::from_secs(20 * 3_600));
    let days = buckets(&fixture, Division::Every(Duration::from_secs(10 * 86_400)));
    assert_eq!(days.iter().map(|day| day.count).sum::<u64>(), 3_600);
}

#[test]
fn rollups_can_outlive_their_readings() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    // Nothing is rolled up yet: these hours are in the future.
    fill(&mut fixture, &mut store, 30);
    let hours = Division::Every(Duration::from_secs(3_600));
    let minutes = Division::Every(Duration::from_secs(180));
    let before = (buckets(&fixture, hours), buckets(&fixture, minutes));
    let expiry = Expiry {
        before: start() + Duration::from_secs(20 * 3_600),
        keep_rollups: true,
    };
    let pruned = prune(&fixture.path(), expiry, &mut |_| true).unwrap();
    assert_eq!(pruned.readings, 20 * 360);
    assert_eq!(rows(&fixture), 10 * 360);
    let after = (buckets(&fixture, hours), buckets(&fixture, minutes));
    assert_eq!(after, before);
    // One that is late for what is gone is added.
    let late = fixture.entry(10_500, "a", b"1000");
    store.commit(std::slice::from_ref(&late)).unwrap();
    let corrected = [hours, minutes].map(|division| buckets(&fixture, division)[0].clone());
    for (bucket, before) in corrected.iter().zip([&before.0[0], &before.1[0]]) {
        assert_eq!((bucket.count, bucket.min), (before.count + 1, before.min));
        assert_eq!((bucket.first, bucket.last), (before.first, before.last));
        let sum = before.mean * f64::from(u32::try_from(before.count).unwrap()) + 1_000.0;
        assert!((bucket.mean * f64::from(u32::try_from(bucket.count).unwrap()) - sum).abs() < 1e-6);
        assert!((bucket.max - 1_000.0).abs() < 1e-9);
    }
    // Once, however often it comes, and for good.
    store.commit(&[late]).unwrap();
    assert_eq!(count(&fixture), 10 * 360 + 1);
    prune(&fixture.path(), expiry, &mut |_| true).unwrap();
    assert_eq!(rows(&fixture), 10 * 360);
    assert_eq!(count(&fixture), 10 * 360);
    assert_eq!(buckets(&fixture, hours)[0], corrected[0]);
    assert_eq!(buckets(&fixture, minutes)[0], corrected[1]);
    assert_eq!(buckets(&fixture, hours)[1..], before.0[1..]);
}

/// Returns how many readings the list of series says there are.
fn count(fixture: &Fixture) -> u64 {
    let mut reader = SqliteReader::open(&fixture.path()).unwrap();
    let series = reader.series(&SeriesFilter::default()).unwrap();
    series.iter().map(|series| series.count).sum()
}

/// A series with few readings has no rollups by minute.
#[test]
fn late_readings_of_a_sparse_series_are_added_to_its_hours() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    let entries = [0, 600_000, 2_000_000].map(|at| fixture.entry(at, "a", b"2"));
    store.commit(&entries).unwrap();
    let expiry = Expiry {
        before: start() + Duration::from_secs(5 * 3_600),
        keep_rollups: true,
    };
    prune(&fixture.path(), expiry, &mut |_| true).unwrap();
    // More than make rollups by minute, into this hour and one without readings; and text.
    let mut late: Vec<_> = (0..300)
        .flat_map(|index| [index * 1_000, HOUR + index * 1_000])
        .map(|at| fixture.entry(at, "a", b"5"))
        .collect();
    late.push(fixture.entry(1_500, "a", b"text"));
    store.commit(&late).unwrap();
    let found = buckets(&fixture, Division::Every(Duration::from_secs(3_600)));
    let shown: Vec<_> = found
        .iter()
        .map(|hour| (hour.count, hour.min, hour.max, hour.first, hour.last))
        .collect();
    assert_eq!(
        shown,
        [(303, 2.0, 5.0, 2.0, 2.0), (300, 5.0, 5.0, 5.0, 5.0)]
    );
    let halves = buckets(&fixture, Division::Every(Duration::from_secs(1_800)));
    assert_eq!(halves.iter().map(|half| half.count).sum::<u64>(), 603);
    let day = buckets(&fixture, Division::Every(Duration::from_secs(10 * 86_400)));
    assert_eq!((day[0].count, day[0].min, day[0].max), (603, 2.0, 5.0));
}

/// `prune` rolls up and empties an hour that the program that writes still knows as due.
#[test]
fn a_reading_for_an_hour_that_was_just_closed_counts() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    store
        .commit(&[fixture.entry(0, "a", b"1"), fixture.entry(1, "b", b"1")])
        .unwrap();
    let expiry = Expiry {
        before: start() + Duration::from_secs(3_600),
        keep_rollups: true,
    };
    let pruned = prune(&fixture.path(), expiry, &mut |_| true).unwrap();
    assert_eq!(pruned.readings, 2);
    store.commit(&[fixture.entry(2, "a", b"3")]).unwrap();
    let hours = buckets(&fixture, Division::Every(Duration::from_secs(3_600)));
    assert_eq!((hours[0].count, hours[0].max), (2, 3.0));
}

/// `reindex` rolls up an hour that the program that writes still knows as due.
#[test]
fn a_reading_for_an_hour_that_was_just_indexed_counts() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    store.commit(&[fixture.entry(0, "a", b"1")]).unwrap();
    reindex(&fixture.path(), true, &mut |_| true).unwrap();
    store.commit(&[fixture.entry(1, "a", b"3")]).unwrap();
    let hours = buckets(&fixture, Division::Every(Duration::from_secs(3_600)));
    assert_eq!((hours[0].count, hours[0].max), (2, 3.0));
}

/// Hours that were due when the program ended are rolled up by the next one.
#[test]
fn hours_of_an_earlier_run_are_rolled_up() {
    let mut fixture = Fixture::new();
    let now = Utc::now().timestamp_millis() - 1_795_428_000_000;
    fixture
        .open()
        .commit(&[fixture.entry(now - 5 * HOUR, "a", b"1")])
        .unwrap();
    let mut store = fixture.open();
    store.commit(&[fixture.entry(now, "b", b"1")]).unwrap();
    assert!(!is_due(&fixture, "a"));
}

fn is_due(fixture: &Fixture, topic: &str) -> bool {
    let topics = "SELECT topic FROM rollups_due JOIN series ON id = series_id";
    fixture.rows(topics).iter().any(|due| due == topic)
}

/// After each commit of another program, the one that writes forgets which hours are due.
#[test]
fn hours_are_rolled_up_while_another_program_commits() {
    let mut fixture = Fixture::new();
    let now = Utc::now().timestamp_millis() - 1_795_428_000_000;
    let mut stores = [fixture.open(), fixture.open()];
    for store in &mut stores {
        store.due.after_seconds(1);
        store.commit(&[fixture.entry(now, "b", b"1")]).unwrap();
    }
    let old = fixture.entry(now - 5 * HOUR, "a", b"1");
    stores[0].commit(&[old]).unwrap();
    assert!(is_due(&fixture, "a"));
    let begun = Instant::now();
    while is_due(&fixture, "a") {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is due");
        for store in &mut stores {
            store.commit(&[fixture.entry(now, "b", b"1")]).unwrap();
        }
    }
}

#[test]
fn the_program_that_writes_removes_what_is_older_than_it_keeps() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    let now = Utc::now().timestamp_millis() - 1_795_428_000_000;
    let old: Vec<_> = (0..1_000)
        .map(|index| fixture.entry(now - 100 * HOUR + index, "a", b"1"))
        .collect();
    store.commit(&old).unwrap();
    store.keep_for(Duration::from_secs(50 * 3_600));
    let mut commits = 0;
    while rows(&fixture) > commits {
        let entry = fixture.entry(now + i64::try_from(commits).unwrap(), "b", b"1");
        store.commit(&[entry]).unwrap();
        commits += 1;
        assert!(commits < 20, "{} are left", rows(&fixture));
    }
    assert_eq!(fixture.rows("PRAGMA integrity_check"), ["ok"]);
}
