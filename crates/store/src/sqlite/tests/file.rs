//! The file: how safely it is written, and which files are refused.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use super::fixture::{Fixture, committed};
use crate::sqlite::{Retryable, SqliteStore};

#[test]
fn closed_it_is_one_file() {
    let fixture = Fixture::new();
    drop(fixture.open());
    let files: Vec<_> = fixture.directory.path().read_dir().unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
}

#[test]
fn a_full_disk_keeps_what_was_there_and_a_later_commit_works() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    let first = fixture.entry(0, "a", b"1");
    store.commit(&[first]).unwrap();
    let set_limit = |store: &SqliteStore, pages: i32| {
        let set = |row: &rusqlite::Row<'_>| row.get::<_, i32>(0);
        store
            .connection
            .pragma_update_and_check(None, "max_page_count", pages, set)
            .unwrap();
    };
    set_limit(&store, 30);
    // The topic is new: its id must not be remembered from a transaction that came to nothing.
    let many: Vec<_> = (1..10_000).map(|i| fixture.entry(i, "b", b"2")).collect();
    for _ in 0..2 {
        let error = store.commit(&many).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Retryable::Full));
        assert!(
            format!("{error:#}").ends_with("`: the disk is full"),
            "{error:#}"
        );
    }
    assert_eq!(fixture.rows("select topic, value from sensors"), ["a|1.0"]);
    let third = fixture.entry(1, "a", b"3");
    assert_eq!(store.commit(&[third]).unwrap(), committed(1, 0, 0));
    set_limit(&store, 100_000);
    assert_eq!(store.commit(&many).unwrap(), committed(9_999, 0, 0));
    assert_eq!(
        fixture.rows("select count(*) from sensors where topic = 'b'"),
        ["9999"]
    );
    assert_eq!(fixture.rows("pragma integrity_check"), ["ok"]);
}

#[test]
fn a_reader_is_no_hindrance_and_a_writer_is_named() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    store
        .connection
        .busy_timeout(Duration::from_millis(1))
        .unwrap();
    let other = Connection::open(fixture.path()).unwrap();
    other
        .execute_batch("BEGIN; SELECT * FROM sensors;")
        .unwrap();
    let entry = fixture.entry(0, "a", b"1");
    store.commit(&[entry]).unwrap();
    other.execute_batch("COMMIT; BEGIN IMMEDIATE;").unwrap();
    let entry = fixture.entry(1, "a", b"1");
    let error = store.commit(std::slice::from_ref(&entry)).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Retryable::Locked));
    other.execute_batch("COMMIT;").unwrap();
    assert_eq!(store.commit(&[entry]).unwrap(), committed(1, 0, 0));
}

#[test]
fn a_file_that_is_removed_or_replaced_is_written_to_no_more() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    let entry = fixture.entry(0, "a", b"1");
    store.commit(&[entry]).unwrap();
    let moved = fixture.directory.path().join("old.db");
    std::fs::rename(fixture.path(), moved).unwrap();
    let entry = fixture.entry(1, "a", b"2");
    for _ in 0..2 {
        let error = store.commit(std::slice::from_ref(&entry)).unwrap_err();
        let expected = format!(
            "`{}` was removed while it was in use",
            fixture.path().display()
        );
        assert_eq!(error.to_string(), expected);
        assert!(!error.is::<Retryable>());
        std::fs::write(fixture.path(), "another one").unwrap();
    }
}

#[test]
fn every_commit_is_synced() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let pragma = |name: &str| {
        let value = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
        store
            .connection
            .pragma_query_value(None, name, value)
            .unwrap()
    };
    assert_eq!(pragma("synchronous"), 2.into());
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!(pragma("wal_autocheckpoint"), 10_000.into());
}

#[test]
fn a_file_of_somebody_else_is_refused_and_left_alone() {
    let fixture = Fixture::new();
    std::fs::write(
        fixture.path(),
        "no database, but long enough to be read as one",
    )
    .unwrap();
    assert_eq!(
        fixture.refusal(),
        "cannot open store `PATH`: it is not an SQLite database (give another path)"
    );

    std::fs::remove_file(fixture.path()).unwrap();
    let other = Connection::open(fixture.path()).unwrap();
    other.execute_batch("CREATE TABLE sensors (a)").unwrap();
    drop(other);
    let before = std::fs::read(fixture.path()).unwrap();
    assert_eq!(
        fixture.refusal(),
        "cannot open store `PATH`: it is an SQLite database, but not one of iot-sub's (give another path)"
    );
    assert_eq!(std::fs::read(fixture.path()).unwrap(), before);
}

#[test]
fn a_newer_schema_is_refused() {
    let fixture = Fixture::new();
    let store = fixture.open();
    store
        .connection
        .pragma_update(None, "user_version", 7)
        .unwrap();
    drop(store);
    assert_eq!(
        fixture.refusal(),
        "cannot open store `PATH`: its schema is version 7, this iot-sub knows version 4 (use a newer iot-sub)"
    );
}

#[test]
fn a_path_that_cannot_be_opened_is_reported_with_the_reason() {
    #[track_caller]
    fn case(path: &Path, expected: &str) {
        let error = SqliteStore::open(path).unwrap_err();
        let shown = format!("cannot open store `{}`: {expected}", path.display());
        assert_eq!(format!("{error:#}"), shown);
    }
    let directory = TempDir::new().unwrap();
    case(&directory.path().join("none/iot.db"), "no such directory");
    case(directory.path(), "it is a directory, not a file");
    let no_log = "SQLite can't keep a write-ahead log for it (give a file on a local disk)";
    case(Path::new(":memory:"), no_log);
    case(Path::new(""), no_log);
}
