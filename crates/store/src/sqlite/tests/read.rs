//! Reading a file, with and without rollups.

use std::ops::ControlFlow;
use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;

use super::fixture::Fixture;
use crate::alert_contract::{AlertSubject, alert_contract};
use crate::alerts::AlertWriter;
use crate::entry::Entry;
use crate::read::{Division, ReadError, Reader, RowQuestion, SeriesFilter, SeriesKey, TimeRange};
use crate::read_contract::{ReadSubject, downsampling_is_exact, read_contract};
use crate::sqlite::{AlertTables, RollupMode, SqliteReader, SqliteStore, reindex};

struct Sqlite {
    store: SqliteStore,
    path: PathBuf,
    _folder: TempDir,
    /// After each commit.
    then: fn(&mut SqliteStore),
}

impl ReadSubject for Sqlite {
    fn store(&mut self, entries: &[Entry]) {
        self.store.commit(entries).unwrap();
        (self.then)(&mut self.store);
    }

    fn reader(&mut self) -> Box<dyn Reader> {
        Box::new(SqliteReader::open(&self.path).unwrap())
    }
}

impl AlertSubject for Sqlite {
    fn alerts(&mut self) -> Box<dyn AlertWriter> {
        Box::new(AlertTables::open(&self.path).unwrap())
    }
}

#[test]
fn sqlite_keeps_the_contract_of_alerts() {
    alert_contract(|| new(|_| ()));
}

fn new(then: fn(&mut SqliteStore)) -> Sqlite {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("iot.db");
    let store = SqliteStore::open(&path).unwrap();
    Sqlite {
        store,
        path,
        _folder: folder,
        then,
    }
}

#[test]
fn sqlite_keeps_the_contract_of_reading() {
    read_contract(|| new(|_| ()));
    read_contract(|| {
        let mut subject = new(|_| ());
        subject.store.due.at_once();
        subject
    });
    read_contract(|| {
        let mut subject = new(|_| ());
        subject.store.keep_rollups(false).unwrap();
        subject
    });
}

#[test]
fn downsampling_by_rollups_is_what_the_readings_say() {
    downsampling_is_exact(40, || {
        let mut subject = new(|_| ());
        subject.store.due.at_once();
        subject
    });
}

#[test]
fn downsampling_is_exact_while_all_hours_are_due_and_without_rollups() {
    downsampling_is_exact(8, || new(|_| ()));
    downsampling_is_exact(8, || {
        let mut subject = new(|_| ());
        subject.store.keep_rollups(false).unwrap();
        subject
    });
}

#[test]
fn rollups_that_are_made_later_are_exact() {
    downsampling_is_exact(8, || {
        let mut subject = new(|store| {
            // Turned off and made again, with an interruption.
            let path = PathBuf::from(store.connection.path().unwrap());
            store.keep_rollups(false).unwrap();
            let mut steps = 0;
            reindex(&path, false, &mut |_| {
                steps += 1;
                steps < 2
            })
            .unwrap();
            assert_eq!(store.rollups().unwrap(), RollupMode::Building);
            reindex(&path, false, &mut |_| true).unwrap();
            assert_eq!(store.rollups().unwrap(), RollupMode::On);
        });
        subject.store.due.at_once();
        subject
    });
}

#[test]
fn what_is_no_store_is_refused_in_one_line() {
    let fixture = Fixture::new();
    let refusal = || {
        let refused = SqliteReader::open(&fixture.path()).err().unwrap();
        let ReadError::Unusable(line) = refused else {
            panic!("{refused:?}");
        };
        line.replace(&*fixture.path().to_string_lossy(), "PATH")
    };
    assert_eq!(refusal(), "cannot read store `PATH`: there is no such file");
    #[cfg(unix)]
    {
        let refused = SqliteReader::open(std::path::Path::new("/dev/null")).err();
        let line = refused.unwrap().to_string();
        assert!(line.contains("it is a device or a pipe"), "{line}");
    }
    std::fs::write(fixture.path(), "no database, but long enough to be one").unwrap();
    assert_eq!(
        refusal(),
        "cannot read store `PATH`: it is not an SQLite database (give another path)"
    );
    std::fs::remove_file(fixture.path()).unwrap();
    drop(fixture.open());
    let connection = Connection::open(fixture.path()).unwrap();
    connection.pragma_update(None, "user_version", 9).unwrap();
    assert_eq!(
        refusal(),
        "cannot read store `PATH`: its schema is version 9, this program knows version 4 (use a newer one)"
    );
}

#[test]
fn a_file_of_version_2_is_read_as_it_is() {
    let fixture = Fixture::new();
    let connection = Connection::open(fixture.path()).unwrap();
    let old = include_str!("version_2.sql");
    connection.execute_batch(old).unwrap();
    connection
        .execute_batch(
            "INSERT INTO topics VALUES (7, 'old');
             INSERT INTO readings VALUES (7, '2026-11-23T09:00:00.000Z', x'000000000000000000000001', 25.5),
                                         (7, '2026-11-23T09:00:01.000Z', x'000000000000000000000002', 'true');
             PRAGMA application_id = 1768911987;
             PRAGMA user_version = 2;",
        )
        .unwrap();
    let mut reader = SqliteReader::open(&fixture.path()).unwrap();
    let series = reader.series(&SeriesFilter::default()).unwrap();
    assert_eq!((series.len(), series[0].count), (1, 2));
    let mut count = 0;
    let taken = reader.rows(&RowQuestion::default(), &mut |_| {
        count += 1;
        ControlFlow::Continue(())
    });
    taken.unwrap();
    assert_eq!(count, 2);
    let reader: &mut dyn Reader = &mut reader;
    let buckets = reader.all_buckets(
        &SeriesKey::of_topic("old"),
        TimeRange::default(),
        Division::Into(1),
    );
    let buckets = buckets.unwrap();
    assert_eq!((buckets[0].count, buckets[0].min), (2, 1.0));
    drop(connection);
}

#[test]
fn a_slow_reader_does_not_keep_the_log_from_being_folded_in() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    let entries: Vec<_> = (0..100).map(|i| fixture.entry(i, "a", b"1")).collect();
    store.commit(&entries).unwrap();
    let mut reader = SqliteReader::open(&fixture.path()).unwrap();
    let taken = reader.rows(&RowQuestion::default(), &mut |_| {
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = store
            .connection
            .query_row(checkpoint, [], |row| row.get(0))
            .unwrap();
        assert_eq!(busy, 0);
        ControlFlow::Break(())
    });
    taken.unwrap();
}

#[test]
fn an_hour_that_is_due_at_the_end_of_a_range_is_not_in_it() {
    const DAY: i64 = 86_400_000;
    // Of the midnight after the fixture's first time.
    const MIDNIGHT: i64 = 14 * 3_600_000;
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    let entry = |at| fixture.entry(at, "a", b"1");
    store.commit(&[MIDNIGHT - 1, MIDNIGHT].map(entry)).unwrap();
    let at = |millis| chrono::DateTime::from_timestamp_millis(1_795_428_000_000 + millis);
    let range = TimeRange {
        since: at(MIDNIGHT - 40 * DAY),
        until: at(MIDNIGHT),
    };
    let mut reader = SqliteReader::open(&fixture.path()).unwrap();
    let reader: &mut dyn Reader = &mut reader;
    let key = SeriesKey::of_topic("a");
    let buckets = reader.all_buckets(&key, range, Division::Into(2)).unwrap();
    let counts: Vec<u64> = buckets.iter().map(|bucket| bucket.count).collect();
    assert_eq!(counts, [1]);
}
