//! Old readings are removed.

use std::ops::ControlFlow;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::fixture::Fixture;
use crate::expiry::{Expiry, Pruned};
use crate::read::{Division, Reader, RowQuestion, SeriesKey, TimeRange};
use crate::sqlite::{SqliteReader, SqliteStore, prune};

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
    // One that is late for what is gone does not spoil it.
    let late = fixture.entry(10_000, "a", b"1000");
    store.commit(&[late]).unwrap();
    assert_eq!(buckets(&fixture, hours)[0], before.0[0]);
    prune(&fixture.path(), expiry, &mut |_| true).unwrap();
    assert_eq!(rows(&fixture), 10 * 360);
    assert_eq!(buckets(&fixture, hours), before.0);
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
