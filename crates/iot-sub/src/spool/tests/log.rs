//! A write-ahead log that was damaged after `kill -9`, and a file that is gone.

use std::fs;

use iot_store::Entry;

use super::fixture::{Fixture, all};
use crate::path_suffix::with_suffix;
use crate::spool::connection::keep_log_at_end;

/// A spool whose entries are in its log only, as `kill -9` leaves it.
fn killed(fixture: &mut Fixture) -> Vec<Entry> {
    let mut spool = fixture.open();
    let entries = fixture.entries(0..600, 30);
    for entries in entries.chunks(30) {
        spool.commit(entries, 0).unwrap();
    }
    keep_log_at_end(&spool.connection, true).unwrap();
    drop(spool);
    entries
}

#[test]
fn a_flipped_bit_in_the_log_loses_nothing_silently() {
    let mut fixture = Fixture::new();
    let entries = killed(&mut fixture);
    let (path, log) = (fixture.path(), with_suffix(&fixture.path(), "-wal"));
    let (file, mut bytes) = (fs::read(&path).unwrap(), fs::read(&log).unwrap());
    let mut complete = 0;
    let bits = (0..bytes.len() * 8).step_by(30_011);
    let all_bits = bits.clone().count();
    for bit in bits {
        for file in fixture.directory.path().read_dir().unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &file).unwrap();
        fs::write(&log, &bytes).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(with_suffix(&path, ".lock"), "").unwrap();
        let found = all(&fixture.open());
        let lines = fixture.lines.take();
        assert!(!lines.is_empty(), "bit {bit}: nothing was reported");
        complete += usize::from(found == entries);
        // At most the entry that the bit is in.
        assert!(
            found.len() + 1 >= entries.len(),
            "bit {bit}: {} are left",
            found.len()
        );
    }
    assert!(complete * 10 > all_bits * 7, "{complete} of {all_bits}");
}

#[test]
fn a_file_that_is_missing_or_empty_beside_its_log_is_salvaged_from_that() {
    for is_empty in [false, true] {
        let mut fixture = Fixture::new();
        let entries = killed(&mut fixture);
        if is_empty {
            fs::write(fixture.path(), "").unwrap();
        } else {
            fs::remove_file(fixture.path()).unwrap();
        }
        assert_eq!(all(&fixture.open()), entries);
        let lines = fixture.lines.take();
        assert!(lines[0].contains("is missing or empty now"), "{lines:?}");
        assert!(lines[3].ends_with(": 600"), "{lines:?}");
    }
}

#[test]
fn a_file_that_is_missing_or_empty_beside_its_lock_is_reported() {
    for is_empty in [false, true] {
        let mut fixture = Fixture::new();
        let entries = fixture.entries(0..3, 10);
        fixture.open().commit(&entries, 0).unwrap();
        if is_empty {
            fs::write(fixture.path(), "").unwrap();
        } else {
            fs::remove_file(fixture.path()).unwrap();
        }
        assert_eq!(fixture.open().len(), 0);
        let lines = fixture.lines.take();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("is missing or empty now"), "{lines:?}");
        assert!(lines[1].contains("none of its entries"), "{lines:?}");
        drop(fixture.open());
        assert_eq!(*fixture.lines.borrow(), [""; 0]);
    }
}

#[test]
fn a_start_that_never_finished_the_file_is_no_damage() {
    let fixture = Fixture::new();
    fs::write(with_suffix(&fixture.path(), ".lock"), "new\n").unwrap();
    fs::write(fixture.path(), "").unwrap();
    assert_eq!(fixture.open().len(), 0);
    assert_eq!(*fixture.lines.borrow(), [""; 0]);
}
