//! Damaged files.

use std::collections::HashSet;
use std::fs;
use std::io::SeekFrom;

use bytes::Bytes;
use chrono::DateTime;
use iot_decode::{Decoder, Format, KeepsState, Message, Settings, StateChange};
use iot_store::sqlite::Damaged;
use iot_store::sqlite::decoder_state::StateRow;
use iot_store::{Entry, Value};

use super::fixture::{Fixture, all};
use crate::path_suffix::with_suffix;
use crate::spool::connection::keep_log_at_end;
use crate::spool::spool_file::{Content, Spool};

/// A spool with 20,000 entries, damaged; returns the entries, and what the new one has.
fn damaged(fixture: &mut Fixture, damage: impl FnOnce(&Fixture)) -> (Vec<Entry>, Vec<Entry>) {
    let mut spool = fixture.open();
    let entries = fixture.entries(0..20_000, 50);
    spool.commit(&entries, 0).unwrap();
    drop(spool);
    damage(fixture);
    let spool = fixture.open();
    let found = all(&spool);
    assert_eq!(spool.len(), found.len() as u64);
    let lines = fixture.lines.take();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines[0].contains("is damaged: copying all readable entries"),
        "{lines:?}"
    );
    let kept = format!(
        "the damaged spool `{}` is kept as `",
        fixture.path().display()
    );
    assert!(lines[1].starts_with(&kept), "{lines:?}");
    assert_eq!(
        lines[2],
        format!(
            "readable entries of the damaged spool, which are in the new one: {}",
            found.len()
        )
    );
    assert!(fixture.files().contains(&"spool.damaged-TIME".to_owned()));
    drop(spool);
    drop(fixture.open());
    assert_eq!(fixture.lines.take(), [""; 0]);
    (entries, found)
}

#[track_caller]
fn assert_all_but(few: usize, entries: &[Entry], found: &[Entry]) {
    assert!(found.len() <= entries.len());
    assert!(
        found.len() + few >= entries.len(),
        "{} are left",
        found.len()
    );
    let known: HashSet<_> = entries.iter().map(Entry::id).collect();
    assert!(found.iter().all(|entry| known.contains(&entry.id())));
}

#[test]
fn of_a_file_with_damaged_pages_the_others_are_salvaged() {
    let mut fixture = Fixture::new();
    let (entries, found) = damaged(&mut fixture, |fixture| {
        for page in [50, 51, 52, 200, 300] {
            fixture.write_at(SeekFrom::Start(page * 4_096), &[0xa5; 4_096]);
        }
    });
    // Some 38 to a page.
    assert_all_but(5 * 45, &entries, &found);
    assert!(found.is_sorted_by_key(Entry::id));
}

#[test]
fn a_large_file_is_not_looked_through_at_the_start_but_after_damage_was_found() {
    let mut fixture = Fixture::new();
    let mut spool = fixture.open();
    for number in 0..7 {
        let entries = fixture.entries(number * 1_000..(number + 1) * 1_000, 10_000);
        spool.commit(&entries, 0).unwrap();
    }
    drop(spool);
    fixture.write_at(SeekFrom::Start(5_000 * 4_096), &vec![0xa5; 1_000 * 4_096]);
    let spool = fixture.open();
    assert_eq!(spool.len(), 7_000);
    assert_eq!(*fixture.lines.borrow(), [""; 0]);
    let error = loop_to_error(&spool);
    assert!(error.is::<Damaged>());
    let error = format!("{error:#}");
    assert!(
        error.contains("(start iot-sub again: it takes over"),
        "{error}"
    );
    drop(spool);

    let spool = fixture.open();
    assert_eq!(fixture.lines.take().len(), 3);
    assert!((5_000..7_000).contains(&spool.len()), "{}", spool.len());
    assert_eq!(all(&spool).len() as u64, spool.len());
}

fn loop_to_error(spool: &Spool) -> anyhow::Error {
    let mut after = 0;
    loop {
        match spool.fetch(after, 1_000, usize::MAX) {
            Ok(fetched) => after = fetched.entries.last().unwrap().0,
            Err(error) => return error,
        }
    }
}

#[test]
fn of_a_file_that_has_lost_its_end_the_rest_is_salvaged() {
    let mut fixture = Fixture::new();
    let (entries, found) = damaged(&mut fixture, |fixture| {
        let file = fs::File::options()
            .write(true)
            .open(fixture.path())
            .unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(length / 2 + 1_000).unwrap();
    });
    assert_all_but(11_000, &entries, &found);
}

#[test]
fn of_a_file_that_has_lost_its_beginning_the_rest_is_salvaged() {
    let mut fixture = Fixture::new();
    let (entries, found) = damaged(&mut fixture, |fixture| {
        fixture.write_at(SeekFrom::Start(0), &[0; 6_000]);
    });
    assert_all_but(200, &entries, &found);
}

#[test]
fn a_file_that_is_no_database_is_set_aside_whole() {
    let mut fixture = Fixture::new();
    let text = "no database, but long enough to be read as one";
    let (entries, found) = damaged(&mut fixture, |fixture| {
        fs::write(fixture.path(), text).unwrap();
    });
    assert_eq!((entries.len(), found.len()), (20_000, 0));
    let aside = fixture.directory.path().read_dir().unwrap();
    let aside = aside
        .map(|file| file.unwrap().path())
        .find(|path| path.to_string_lossy().contains(".damaged-"))
        .unwrap();
    assert_eq!(fs::read_to_string(aside).unwrap(), text);
}

#[test]
fn what_was_in_the_log_only_is_salvaged_as_well() {
    let mut fixture = Fixture::new();
    let (mut first, mut second) = (fixture.open(), Vec::new());
    let entries = fixture.entries(0..2_000, 50);
    first.commit(&entries, 0).unwrap();
    first.fold().unwrap();
    second.extend(fixture.entries(2_000..2_100, 50));
    first.commit(&second, 0).unwrap();
    // As kill -9 would leave it.
    keep_log_at_end(&first.connection, true).unwrap();
    drop(first);
    assert!(with_suffix(&fixture.path(), "-wal").exists());
    fixture.write_at(SeekFrom::Start(10 * 4_096), &[0xa5; 4_096]);
    let found = all(&fixture.open());
    let lines = fixture.lines.take();
    assert!(
        lines[1].contains(" and `") && lines[1].ends_with("-wal`"),
        "{lines:?}"
    );
    assert_all_but(45, &entries, &found[..found.len() - 100]);
    assert_eq!(found[found.len() - 100..], second);
    assert_eq!(
        fixture.files(),
        [
            "spool",
            "spool.damaged-TIME",
            "spool.damaged-TIME-wal",
            "spool.lock"
        ]
    );
}

#[test]
fn a_salvage_that_was_cut_short_is_finished_at_the_next_start() {
    let mut fixture = Fixture::new();
    let entries = fixture.entries(0..3, 10);
    let mut spool = fixture.open();
    spool.commit(&entries, 0).unwrap();
    drop(spool);
    // The damaged one is renamed, its log and the new one are not.
    fs::rename(fixture.path(), with_suffix(&fixture.path(), ".salvage")).unwrap();
    fs::write(
        with_suffix(&fixture.path(), "-wal"),
        "the log of the damaged one",
    )
    .unwrap();
    assert_eq!(all(&fixture.open()), entries);
    let lines = fixture.lines.take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains("was damaged: an earlier run copied"),
        "{lines:?}"
    );
    assert!(
        fixture
            .files()
            .contains(&"spool.damaged-TIME-wal".to_owned())
    );
}

#[test]
fn what_decoders_have_learned_is_salvaged() {
    /// The metric `temp`, alias 7, is 20.5; then, of alias 7 alone, 21.5.
    const BIRTH: &[u8] = b"\x12\x13\x0a\x04temp\x10\x07\x20\x0a\x69\0\0\0\0\0\x80\x34\x40\x18\0";
    const DATA: &[u8] = b"\x12\x0b\x10\x07\x69\0\0\0\0\0\x80\x35\x40\x18\x01";

    let mut fixture = Fixture::new();
    let entries = fixture.entries(0..2_000, 50);
    let mut decoder = sparkplug();
    let birth = Bytes::from_static(BIRTH);
    let birth = Message::new("spBv1.0/g/NBIRTH/n", &birth, DateTime::UNIX_EPOCH);
    let learned = decoder.decode(&birth).unwrap().state.into_iter();
    let state: Vec<StateRow> = learned
        .map(|StateChange { key, value }| StateRow { key, value })
        .collect();
    assert!(!state.is_empty());
    let mut spool = fixture.open();
    let content = Content {
        entries: &entries,
        state: &state,
        ..Content::default()
    };
    spool.commit_with(content, 0).unwrap();
    spool.fold().unwrap();
    drop(spool);
    fixture.write_at(SeekFrom::Start(20 * 4_096), &[0xa5; 4_096]);

    let spool = fixture.open();
    assert_eq!(fixture.lines.take().len(), 3);
    assert!(spool.len() < 2_000, "{}", spool.len());
    let mut decoder = sparkplug();
    for (key, value) in spool.decoder_state().unwrap() {
        decoder.restore(&key, &value);
    }
    let data = Bytes::from_static(DATA);
    let data = Message::new("spBv1.0/g/NDATA/n", &data, DateTime::UNIX_EPOCH);
    let found = decoder.decode(&data).unwrap();
    assert_eq!(found.requests, []);
    assert_eq!(found.readings[0].metric.as_deref(), Some("temp"));
    assert_eq!(found.readings[0].value, Value::Number(21.5));
}

fn sparkplug() -> Decoder {
    Decoder::new(Format::Sparkplug, Settings::default()).unwrap()
}
