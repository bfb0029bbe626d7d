//! What is committed, read back and trimmed.

use std::fs;

use iot_store::sqlite::Retryable;

use super::fixture::{Fixture, all, limit_pages};

#[test]
fn what_was_committed_is_there_after_opening_again_in_its_order() {
    let mut fixture = Fixture::new();
    let entries = fixture.entries(0..2_500, 10);
    let mut spool = fixture.open();
    assert_eq!(spool.commit(&entries[..1_000], 0).unwrap(), 1);
    assert_eq!(spool.commit(&entries[1_000..], 0).unwrap(), 1_001);
    drop(spool);
    let spool = fixture.open();
    assert_eq!(spool.len(), 2_500);
    assert_eq!(all(&spool), entries);
    assert_eq!(*fixture.lines.borrow(), [""; 0]);
    drop(spool);
    assert_eq!(fixture.files(), ["spool", "spool.lock"]);
}

#[test]
fn numbers_are_never_given_twice() {
    let mut fixture = Fixture::new();
    let entries = fixture.entries(0..3, 10);
    let mut spool = fixture.open();
    assert_eq!(spool.commit(&entries, 0).unwrap(), 1);
    assert_eq!(spool.commit(&entries, 3).unwrap(), 4);
    spool.trim(6).unwrap();
    assert_eq!(spool.len(), 0);
    drop(spool);
    let mut spool = fixture.open();
    assert_eq!(spool.trimmed(), 6);
    assert_eq!(spool.commit(&entries, 0).unwrap(), 7);
    // One that comes late deletes nothing new.
    spool.trim(6).unwrap();
    assert_eq!(spool.len(), 3);
}

#[test]
fn a_trim_deletes_a_bounded_number_at_a_time() {
    let mut fixture = Fixture::new();
    let mut spool = fixture.open();
    let entries = fixture.entries(0..25_000, 10);
    spool.commit(&entries, 0).unwrap();
    for left in [15_000, 5_000, 1] {
        spool.trim(24_999).unwrap();
        assert_eq!(spool.len(), left);
    }
    assert_eq!(all(&spool), entries[24_999..]);
}

#[test]
fn a_fetch_is_bounded_in_entries_and_bytes() {
    let mut fixture = Fixture::new();
    let mut spool = fixture.open();
    let entries = fixture.entries(0..10, 10_000);
    spool.commit(&entries, 0).unwrap();
    for (after, most, bytes, count, more) in [
        (0, 100, usize::MAX, 10, false),
        (0, 3, usize::MAX, 3, true),
        (7, 3, usize::MAX, 3, false),
        (0, 100, 25_000, 2, true),
        (0, 100, 0, 1, true),
        (10, 100, usize::MAX, 0, false),
    ] {
        let fetched = spool.fetch(after, most, bytes).unwrap();
        assert_eq!((fetched.entries.len(), fetched.more), (count, more));
    }
}

#[test]
fn every_commit_is_synced() {
    let fixture = Fixture::new();
    let spool = fixture.open();
    let pragma = |name: &str| {
        let value = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
        spool
            .connection
            .pragma_query_value(None, name, value)
            .unwrap()
    };
    assert_eq!(pragma("synchronous"), 2.into());
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!(pragma("locking_mode"), "exclusive".to_owned().into());
}

#[test]
fn a_full_disk_refuses_a_commit_and_a_trim_makes_room() {
    let mut fixture = Fixture::new();
    let mut spool = fixture.open();
    limit_pages(&spool, 100);
    let entries = fixture.entries(0..1_000, 100);
    let mut count = 0;
    let error = loop {
        match spool.commit(&entries, 0) {
            Ok(_) => count += 1_000,
            Err(error) => break error,
        }
    };
    assert_eq!(error.downcast_ref(), Some(&Retryable::Full));
    assert!(
        format!("{error:#}").ends_with("`: the disk is full"),
        "{error:#}"
    );
    // All or nothing, and what was there is there.
    assert_eq!(spool.len(), count);
    assert!(count > 0);
    // Also in one with the trim that makes the room.
    assert!(spool.commit(&entries, 1_000).is_ok());
    assert_eq!(spool.len(), count);
}

#[test]
fn usage_counts_pages_in_use_and_the_log() {
    let mut fixture = Fixture::new();
    let mut spool = fixture.open();
    let entries = fixture.entries(0..5_000, 100);
    let empty = spool.space().unwrap().used;
    spool.commit(&entries, 0).unwrap();
    let before = spool.space().unwrap().used;
    assert!(before > empty + 2 * 5_000 * 100, "{before}");
    spool.fold().unwrap();
    let folded = spool.space().unwrap().used;
    assert!((700_000..1_000_000).contains(&folded), "{folded}");
    assert_eq!(folded, fs::metadata(fixture.path()).unwrap().len());
    spool.trim(5_000).unwrap();
    spool.fold().unwrap();
    assert!(spool.space().unwrap().used < 50_000);
    assert_eq!(fs::metadata(fixture.path()).unwrap().len(), folded);
}

#[test]
fn a_large_file_becomes_small_once_it_is_empty() {
    let mut fixture = Fixture::new();
    let mut spool = fixture.open();
    let entries = fixture.entries(0..2_000, 10_000);
    spool.commit(&entries, 0).unwrap();
    spool.fold().unwrap();
    spool.trim(2_000).unwrap();
    spool.shrink(1 << 20).unwrap();
    assert!(fs::metadata(fixture.path()).unwrap().len() < 100_000);
    assert_eq!(spool.commit(&entries[..1], 0).unwrap(), 2_001);
}

#[test]
fn an_entry_whose_bytes_have_changed_is_rejected_and_the_others_are_not() {
    let mut fixture = Fixture::new();
    let mut spool = fixture.open();
    let entries = fixture.entries(0..3, 10);
    spool.commit(&entries, 0).unwrap();
    let change = "UPDATE entries SET entry = x'696f7431ff' WHERE seq = 2";
    spool.connection.execute(change, []).unwrap();
    let found = all(&spool);
    let rejection = found[1].as_rejection().unwrap();
    assert_eq!(rejection.payload, &b"iot1\xff"[..]);
    assert_eq!(rejection.reason, "its bytes in the spool were damaged");
    assert_eq!([&found[0], &found[2]], [&entries[0], &entries[2]]);
    // It is the same one each time.
    assert_eq!(all(&spool)[1].id(), found[1].id());
}
