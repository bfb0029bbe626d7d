//! Logs as a crash leaves them, whole and damaged.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tempfile::TempDir;

use super::{LogState, beside, holds_commits, look, repair, unfold};

/// A database of small pages, whose log is left as `kill -9` would leave it.
struct Killed {
    directory: TempDir,
}

impl Killed {
    /// Commits so many transactions with a row each, after `before` ones that are checkpointed.
    fn new(before: u32, transactions: u32) -> Self {
        let killed = Self {
            directory: TempDir::new().unwrap(),
        };
        let connection = Connection::open(killed.path()).unwrap();
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .unwrap();
        connection
            .execute_batch(
                "PRAGMA page_size = 512; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
                 CREATE TABLE rows (value TEXT);",
            )
            .unwrap();
        let insert = |count: u32| {
            for value in 0..count {
                let value = format!("{value} {}", "x".repeat(200));
                connection
                    .execute("INSERT INTO rows VALUES (?)", [value])
                    .unwrap();
            }
        };
        if before > 0 {
            insert(before);
            connection
                .query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))
                .unwrap();
        }
        insert(transactions);
        killed
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("db")
    }

    fn log(&self) -> PathBuf {
        beside(&self.path(), "-wal")
    }

    fn is_damaged(&self) -> bool {
        let looked = look(&self.log()).unwrap();
        looked.is_some_and(|(_, survey)| survey.is_damaged())
    }

    fn rows(&self) -> u32 {
        let connection = Connection::open(self.path()).unwrap();
        let count = "SELECT count(*) FROM rows";
        connection.query_row(count, [], |row| row.get(0)).unwrap()
    }

    fn repair(&self) -> (LogState, Vec<String>) {
        let lines = RefCell::new(Vec::new());
        let state = repair(&self.path(), &|line| lines.borrow_mut().push(line));
        (state.unwrap(), lines.into_inner())
    }
}

#[test]
fn each_flipped_bit_of_a_log_is_found_and_most_are_repaired() {
    let killed = Killed::new(0, 3);
    let mut bytes = fs::read(killed.log()).unwrap();
    let (mut frames, survey) = look(&killed.log()).unwrap().unwrap();
    assert!(!survey.is_damaged());
    let mut original = Vec::new();
    for index in 0..survey.end {
        let frame = survey.frame(&mut frames, index).unwrap().unwrap();
        original.push(frame.covered);
    }
    assert_eq!(bytes.len(), 32 + original.len() * (24 + 512));
    let (mut restored, mut all) = (0, 0);
    for bit in (0..bytes.len() * 8).step_by(5) {
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(killed.log(), &bytes).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (mut frames, survey) = look(&killed.log()).unwrap().unwrap();
        assert!(survey.is_damaged(), "bit {bit}");
        assert_eq!(survey.end, original.len() as u64, "bit {bit}");
        all += 1;
        if survey.can_be_restored() {
            restored += 1;
            for (index, original) in (0..).zip(&original) {
                let frame = survey.frame(&mut frames, index).unwrap().unwrap();
                assert_eq!(frame.covered, *original, "bit {bit}, frame {index}");
            }
        }
    }
    // The checksum cannot tell the highest bits of one word from those of another.
    assert!(restored * 10 > all * 7, "{restored} of {all}");
}

#[test]
fn what_a_crash_leaves_is_no_damage() {
    let killed = Killed::new(12, 4);
    let bytes = fs::read(killed.log()).unwrap();
    let (_, survey) = look(&killed.log()).unwrap().unwrap();
    let end = 32 + usize::try_from(survey.end).unwrap() * (24 + 512);
    assert!(end < bytes.len(), "no frames of an earlier generation");
    assert!(!survey.is_damaged());

    // The last transaction was not finished: the file ends early, or older frames are behind.
    for length in (0..bytes.len()).step_by(7) {
        fs::write(killed.log(), &bytes[..length]).unwrap();
        assert!(!killed.is_damaged(), "{length} bytes");
    }
    let old = {
        let older = Killed::new(0, 12);
        let mut old = fs::read(older.log()).unwrap();
        old.resize(bytes.len(), 0);
        old
    };
    for frame in 0..=survey.end {
        let start = 32 + usize::try_from(frame).unwrap() * (24 + 512);
        for cut in [start, start + 24] {
            let torn = [&bytes[..cut.min(end)], &old[cut.min(end)..]].concat();
            fs::write(killed.log(), torn).unwrap();
            assert!(!killed.is_damaged(), "cut at {cut}");
        }
    }
}

#[test]
fn a_damaged_log_is_kept_and_the_rebuilt_one_has_all_rows() {
    let killed = Killed::new(3, 20);
    let mut bytes = fs::read(killed.log()).unwrap();
    bytes[3_000] ^= 1;
    fs::write(killed.log(), &bytes).unwrap();
    let (state, lines) = killed.repair();
    assert_eq!(state, LogState::Restored);
    assert_eq!(lines.len(), 1);
    let aside = lines[0].rsplit('`').nth(1).unwrap();
    assert_eq!(fs::read(aside).unwrap(), bytes);
    assert_eq!(killed.repair(), (LogState::Whole, vec![]));
    assert_eq!(killed.rows(), 23);
}

#[test]
fn of_a_log_with_a_page_of_garbage_everything_behind_it_is_read() {
    let killed = Killed::new(0, 40);
    let mut bytes = fs::read(killed.log()).unwrap();
    bytes[10_000..10_400].fill(0xa5);
    fs::write(killed.log(), &bytes).unwrap();
    let (state, lines) = killed.repair();
    assert_eq!(state, LogState::Incomplete);
    assert!(lines[0].contains("cannot be repaired"), "{lines:?}");
    let (_, survey) = look(&killed.log()).unwrap().unwrap();
    assert!(!survey.is_damaged());
    assert!(survey.end >= 78, "{}", survey.end);
}

#[test]
fn a_log_alone_gives_the_database_back() {
    let killed = Killed::new(0, 20);
    fs::remove_file(killed.path()).unwrap();
    assert!(holds_commits(&killed.path()).unwrap());
    assert!(unfold(&killed.path()).unwrap());
    assert_eq!(killed.rows(), 20);
}
