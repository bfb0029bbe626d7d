//! Files that are not used.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use super::fixture::Fixture;
use crate::spool::spool_file::Spool;

#[test]
fn a_second_process_is_refused() {
    let fixture = Fixture::new();
    let _spool = fixture.open();
    assert_eq!(
        fixture.refusal(),
        "cannot use spool `PATH`: another iot-sub uses it (end it first)"
    );
}

#[test]
fn what_is_for_one_store_is_not_sent_to_another() {
    let mut fixture = Fixture::new();
    let mut spool = fixture.open();
    spool.supply("a").unwrap();
    spool.supply("b").unwrap();
    let entries = fixture.entries(0..1, 10);
    spool.commit(&entries, 0).unwrap();
    drop(spool);
    let mut spool = fixture.open();
    spool.supply("b").unwrap();
    let error = spool.supply("a").unwrap_err().to_string();
    assert!(
        error.contains("it holds readings for store `b` (give"),
        "{error}"
    );
    spool.trim(1).unwrap();
    spool.supply("a").unwrap();
}

#[test]
fn a_file_of_somebody_else_is_refused_and_left_alone() {
    let fixture = Fixture::new();
    let other = Connection::open(fixture.path()).unwrap();
    other.execute_batch("CREATE TABLE entries (a)").unwrap();
    drop(other);
    let before = fs::read(fixture.path()).unwrap();
    assert_eq!(
        fixture.refusal(),
        "cannot use spool `PATH`: it is an SQLite database, but not one of iot-sub's (give another path)"
    );
    assert_eq!(fs::read(fixture.path()).unwrap(), before);
}

#[test]
fn a_file_that_never_was_a_spool_is_refused_and_left_alone() {
    let fixture = Fixture::new();
    for text in ["vm\n", "no database, but long enough to be read as one"] {
        fs::write(fixture.path(), text).unwrap();
        for _ in 0..2 {
            assert_eq!(
                fixture.refusal(),
                "cannot use spool `PATH`: it is not an SQLite database (give another path)"
            );
        }
        assert_eq!(fs::read_to_string(fixture.path()).unwrap(), text);
        assert_eq!(fixture.files(), ["spool"]);
    }
}

#[test]
fn a_path_that_cannot_be_used_is_reported_with_the_reason() {
    #[track_caller]
    fn case(path: &Path, expected: &str) {
        let error = Spool::open(path, "", &|_| ()).unwrap_err();
        let shown = format!("cannot use spool `{}`: {expected}", path.display());
        assert_eq!(format!("{error:#}"), shown);
    }
    let directory = TempDir::new().unwrap();
    case(&directory.path().join("none/spool"), "no such directory");
    case(directory.path(), "it is a directory, not a file");
}
