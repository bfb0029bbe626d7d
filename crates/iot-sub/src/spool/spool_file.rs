//! The spool: entries wait here, acknowledged, until the store has them.
//!
//! One connection does everything, so no read transaction ever holds up a checkpoint, and SQLite's exclusive mode spares
//! the shared-memory file. What is in it is delivered in the order of its numbers ([`Seq`]) and trimmed from its oldest
//! end.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chrono::{SubsecRound, Utc};
use iot_store::sqlite::Damaged;
use iot_store::sqlite::disk::{self, FileId};
use iot_store::sqlite::failure::explain;
use iot_store::sqlite::file::{self, Format};
use iot_store::sqlite::held::{self, Change, Held, SessionKey};
use iot_store::{Entry, ReadingId, Rejection};
use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use sha2::{Digest, Sha256};

use super::{codec, salvage};
use crate::file_lock::Lock;
use crate::path_suffix::with_suffix;

/// The number of an entry: ascending, never given twice, beginning with 1.
pub(crate) type Seq = i64;

/// Most entries that one transaction deletes: it must not hold up the commit of what has just been received.
const TRIM: Seq = 10_000;

const FORMAT: Format = Format {
    // `iotq`
    application_id: 0x69_6f_74_71,
    version: 2,
    schema: &[include_str!("spool.sql"), held::SCHEMA],
    settings: &[
        // In pages. Together with one transaction that is half of [`RESERVE`], which has to do for folding it in.
        ("wal_autocheckpoint", 1_000),
        ("journal_size_limit", 4 << 20),
        // In KiB: only the two ends of the table are in use.
        ("cache_size", -4_096),
    ],
};

/// A file with more bytes in use is not looked through at the start, for that would take a while and nothing could be
/// received meanwhile: damage is found when it is read.
const LOOKED_THROUGH: u64 = 64 << 20;

/// An open spool; nobody else has it open. Its entries are numbered without a gap.
#[derive(Debug)]
pub(crate) struct Spool {
    connection: Connection,
    path: PathBuf,
    /// All entries up to this one are deleted.
    trimmed: Seq,
    /// The last number that was given.
    last: Seq,
    /// For encoding.
    buffer: Vec<u8>,
    /// Whose changes are kept.
    session: Option<SessionKey>,
    /// Which file that was when it was opened.
    file_id: Option<FileId>,
    _lock: Lock,
}

/// What [`Spool::fetch`] has found.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    pub(crate) entries: Vec<(Seq, Entry)>,
    /// There are more behind them.
    pub(crate) more: bool,
}

/// Bytes around a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    /// In its pages that are in use, and in the write-ahead log.
    pub(crate) used: u64,
    /// In its other pages: a DELETE never makes the file smaller.
    pub(crate) unused: u64,
    /// Free on the disk, where the system tells.
    pub(crate) disk: Option<u64>,
}

/// What should stay free on the disk. Even a DELETE needs room first, in the write-ahead log, and what is in that log needs
/// room in the file: a spool that had filled its disk to the last byte could never be emptied.
pub(crate) const RESERVE: u64 = 16 << 20;

impl Spool {
    /// Opens the spool at `path`, or makes it. A damaged one is set aside under another name, and what can be read of it
    /// is in the new one; `tell` gets a line about each.
    ///
    /// # Errors
    /// Another process uses it, it can't be opened, is somebody else's, or was made by a newer version.
    pub(crate) fn open(path: &Path, tell: &dyn Fn(String)) -> anyhow::Result<Self> {
        Self::open_here(path, tell)
            .with_context(|| format!("cannot use spool `{}`", path.display()))
    }

    fn open_here(path: &Path, tell: &dyn Fn(String)) -> anyhow::Result<Self> {
        let lock = Lock::take(path, "give this one an --id of its own, or another --spool")?;
        let is_first = lock.is_first;
        salvage::finish(path, tell)?;
        let suspect = suspect(path);
        let most = if suspect.exists() {
            u64::MAX
        } else {
            LOOKED_THROUGH
        };
        let connection = match connect(path, most) {
            // Where no spool has ever been, that is a file of somebody else's, which is not to be moved.
            Err(error) if is_first && error.downcast_ref() == Some(&Damaged::NotADatabase) => {
                let _ = fs::remove_file(with_suffix(path, ".lock"));
                return Err(error);
            }
            Err(error) if error.is::<Damaged>() => {
                salvage::replace(path, tell)?;
                connect(path, LOOKED_THROUGH)?
            }
            connection => connection?,
        };
        // It is whole, or another one by now.
        let _ = fs::remove_file(suspect);
        let first: Option<Seq> = connection
            .query_row("SELECT min(seq) FROM entries", [], |row| row.get(0))
            .map_err(explain)?;
        let last = last(&connection).map_err(explain)?;
        let trimmed = first.map_or(last, |first| first - 1);
        Ok(Self {
            connection,
            path: path.to_owned(),
            trimmed,
            last,
            buffer: Vec::new(),
            session: None,
            file_id: disk::file_id(path),
            _lock: lock,
        })
    }

    /// Whether the file has been removed, or another one is at its place, while we have it open: what is written into it now
    /// nobody would ever find again. What is in it can still be read.
    pub(crate) fn is_gone(&self) -> bool {
        disk::file_id(&self.path) != self.file_id
    }

    /// Takes the spool for the store of this name.
    ///
    /// # Errors
    /// There are entries in it that were received for another one.
    pub(crate) fn supply(&self, store: &str) -> anyhow::Result<()> {
        let name = self.name();
        let other = self.other(store).map_err(|error| self.failed(error))?;
        if let Some(other) = other {
            bail!(
                "cannot use spool `{name}`: it holds readings for store `{other}` (give another --spool; or to send them to \
                 this store, run: sqlite3 '{name}' 'DELETE FROM about')"
            );
        }
        // Nothing is written where nothing changes: it must start on a full disk too.
        let about = "INSERT INTO about VALUES ('store', ?1) ON CONFLICT DO UPDATE SET value = ?1 WHERE value <> ?1";
        self.connection
            .execute(about, [store])
            .map_err(|error| self.failed(error))?;
        Ok(())
    }

    /// Keeps the changes of this session from now on; returns what it holds already.
    ///
    /// # Errors
    /// The file can't be read.
    pub(crate) fn resume(&mut self, key: &SessionKey) -> anyhow::Result<Held> {
        let held = held::read(&self.connection, key).map_err(|error| self.failed(error))?;
        self.session = Some(key.clone());
        Ok(held)
    }

    /// Returns for which other store there are entries in it.
    fn other(&self, store: &str) -> rusqlite::Result<Option<String>> {
        let other = "SELECT value FROM about WHERE name = 'store' AND value <> ? AND EXISTS (SELECT 1 FROM entries)";
        self.connection
            .query_row(other, [store], |row| row.get(0))
            .optional()
    }

    /// Returns what messages call it.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Returns how many entries are in it.
    pub(crate) fn len(&self) -> u64 {
        self.last.abs_diff(self.trimmed)
    }

    /// Returns the number before that of the first entry.
    pub(crate) fn trimmed(&self) -> Seq {
        self.trimmed
    }

    /// Returns the last number that was given.
    pub(crate) fn last(&self) -> Seq {
        self.last
    }

    /// Commits `entries` and `changes`, all or none of them, and deletes some of those up to number `trim`. Returns the number
    /// of the first one; the others follow without a gap. When it returns they are on disk, also through a loss of power.
    ///
    /// # Errors
    /// Nothing of this call is done. A [`Retryable`](iot_store::sqlite::Retryable) cause may pass. Any other is fatal: nobody knows
    /// what is on the disk, so acknowledge nothing and exit.
    pub(crate) fn commit_with(
        &mut self,
        entries: &[Entry],
        changes: &[Change],
        trim: Seq,
    ) -> anyhow::Result<Seq> {
        self.commit_all(entries, changes, trim)
            .map_err(|error| self.failed(error))
    }

    #[cfg(test)]
    fn commit(&mut self, entries: &[Entry], trim: Seq) -> anyhow::Result<Seq> {
        self.commit_with(entries, &[], trim)
    }

    /// Deletes some of the entries up to number `trim`; errors are [`commit_with`](Self::commit_with)'s.
    pub(crate) fn trim(&mut self, trim: Seq) -> anyhow::Result<()> {
        self.commit_with(&[], &[], trim).map(drop)
    }

    fn commit_all(
        &mut self,
        entries: &[Entry],
        changes: &[Change],
        trim: Seq,
    ) -> rusqlite::Result<Seq> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let trim = trim.min(self.trimmed + TRIM).max(self.trimmed);
        if trim > self.trimmed {
            transaction
                .prepare_cached("DELETE FROM entries WHERE seq <= ?")?
                .execute([trim])?;
        }
        let first = self.last + 1;
        let mut last = self.last;
        let mut insert =
            transaction.prepare_cached("INSERT INTO entries (seq, entry) VALUES (?, ?)")?;
        for entry in entries {
            last += 1;
            self.buffer.clear();
            codec::encode(last, entry, &mut self.buffer);
            insert.execute((last, &self.buffer[..]))?;
        }
        drop(insert);
        if let Some(key) = &self.session {
            held::apply(&transaction, key, changes)?;
        }
        transaction.commit()?;
        (self.trimmed, self.last) = (trim, last);
        // One large message doesn't keep its room for ever.
        self.buffer.shrink_to(64 << 10);
        Ok(first)
    }

    /// Reads the entries behind number `after`: `most` of them, and `bytes` of them but for one that is larger.
    pub(crate) fn fetch(&self, after: Seq, most: usize, bytes: usize) -> anyhow::Result<Fetched> {
        self.fetch_some(after, most, bytes)
            .map_err(|error| self.failed(error))
    }

    fn fetch_some(&self, after: Seq, most: usize, bytes: usize) -> rusqlite::Result<Fetched> {
        let mut select = self
            .connection
            .prepare_cached("SELECT seq, entry FROM entries WHERE seq > ? ORDER BY seq")?;
        let mut rows = select.query([after])?;
        let mut fetched = Fetched::default();
        let mut taken = 0;
        while let Some(row) = rows.next()? {
            let seq = row.get(0)?;
            let blob = match row.get_ref(1)? {
                ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes,
                _ => &[],
            };
            taken += blob.len();
            if fetched.entries.len() >= most || (taken > bytes && !fetched.entries.is_empty()) {
                fetched.more = true;
                break;
            }
            let entry = match codec::decode(blob) {
                Ok((number, entry)) if number == seq => entry,
                _ => unreadable(seq, blob),
            };
            fetched.entries.push((seq, entry));
        }
        Ok(fetched)
    }

    /// Returns how much room it takes and has.
    pub(crate) fn space(&self) -> anyhow::Result<Space> {
        let pages = || {
            let unused = pragma(&self.connection, "freelist_count")?;
            Ok((
                used(&self.connection)?,
                unused * pragma(&self.connection, "page_size")?,
            ))
        };
        let (pages, unused) = pages().map_err(|error| self.failed(error))?;
        let log = fs::metadata(with_suffix(&self.path, "-wal")).map_or(0, |log| log.len());
        Ok(Space {
            used: pages + log,
            unused,
            disk: disk::free(&self.path),
        })
    }

    /// Folds the write-ahead log into the file, which leaves the log empty.
    ///
    /// # Errors
    /// As [`commit_with`](Self::commit_with); all entries are kept.
    pub(crate) fn fold(&self) -> anyhow::Result<()> {
        let fold = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: bool = self
            .connection
            .query_row(fold, [], |row| row.get(0))
            .map_err(|error| self.failed(error))?;
        if busy {
            bail!("`{}` is busy", self.path.display());
        }
        Ok(())
    }

    /// For when nothing is in it and nothing is to be done: makes the file small again, where it is larger than `size`.
    ///
    /// # Errors
    /// As [`commit_with`](Self::commit_with).
    pub(crate) fn shrink(&self, size: u64) -> anyhow::Result<()> {
        if fs::metadata(&self.path).map_or(0, |file| file.len()) > size {
            self.connection
                .execute_batch("VACUUM")
                .map_err(|error| self.failed(error))?;
            self.fold()?;
        }
        Ok(())
    }

    fn failed(&self, error: rusqlite::Error) -> anyhow::Error {
        let explained = explain(error);
        let path = self.path.display();
        if explained.is::<Damaged>() {
            // If that fails, it is found again.
            let _ = fs::write(suspect(&self.path), "");
            return explained.context(format!(
                "spool `{path}` (start iot-sub again: it takes over what can be read of it)"
            ));
        }
        explained.context(format!("spool `{path}`"))
    }
}

/// Returns the path of a file that is there when the spool at `path` has turned out to be damaged.
fn suspect(path: &Path) -> PathBuf {
    with_suffix(path, ".suspect")
}

/// Opens the file, takes care that nobody else opens it, and sees that it is whole, if no more than so many bytes of it
/// are in use.
pub(super) fn connect(path: &Path, most: u64) -> anyhow::Result<Connection> {
    let mut connection = file::open(path)?;
    // A damaged file is not to be written to, not even at the end.
    keep_log_at_end(&connection, true)?;
    connection
        .pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))
        .map_err(explain)?;
    file::prepare(&mut connection, &FORMAT)?;
    if used(&connection).map_err(explain)? <= most {
        let verdict: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(explain)?;
        if verdict != "ok" {
            bail!(Damaged::Corrupt);
        }
    }
    keep_log_at_end(&connection, false)?;
    Ok(connection)
}

/// Chooses whether the write-ahead log stays as it is when the connection is closed.
pub(super) fn keep_log_at_end(connection: &Connection, keep: bool) -> anyhow::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep)
        .map_err(explain)?;
    Ok(())
}

/// Returns the last number that was given.
fn last(connection: &Connection) -> rusqlite::Result<Seq> {
    let last = "SELECT seq FROM sqlite_sequence WHERE name = 'entries'";
    let last = connection
        .query_row(last, [], |row| row.get(0))
        .optional()?;
    Ok(last.unwrap_or(0))
}

/// Returns how many bytes of the file are in use.
fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let pages = pragma(connection, "page_count")? - pragma(connection, "freelist_count")?;
    Ok(pages * pragma(connection, "page_size")?)
}

/// Returns a pragma's number, which is never negative.
fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<u64> {
    let number = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0))?;
    Ok(number.unsigned_abs())
}

/// Returns what becomes of an entry whose bytes have changed on the disk: it is kept where bad messages are.
fn unreadable(seq: Seq, blob: &[u8]) -> Entry {
    // The same on each attempt.
    let mut hash = Sha256::new();
    hash.update(seq.to_le_bytes());
    hash.update(blob);
    let hash = <[u8; 32]>::from(hash.finalize());
    let mut id = [0; 12];
    id.copy_from_slice(&hash[..12]);
    Entry::Rejection(Rejection::new(
        ReadingId::from(id),
        "".into(),
        blob,
        "its bytes in the spool were damaged".to_owned(),
        Utc::now().trunc_subsecs(3),
    ))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;
    use std::io::{Seek, SeekFrom, Write};
    use std::ops::Range;

    use iot_store::IdGenerator;
    use iot_store::sqlite::Retryable;
    use tempfile::TempDir;

    use super::*;
    use crate::decode::{PayloadMode, read};

    struct Fixture {
        directory: TempDir,
        ids: IdGenerator,
        /// What was told.
        lines: RefCell<Vec<String>>,
    }

    impl Fixture {
        fn new() -> Self {
            Self {
                directory: TempDir::new().unwrap(),
                ids: IdGenerator::new(),
                lines: RefCell::default(),
            }
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join("spool")
        }

        fn try_open(&self) -> anyhow::Result<Spool> {
            Spool::open(&self.path(), &|line| self.lines.borrow_mut().push(line))
        }

        fn open(&self) -> Spool {
            self.try_open().unwrap()
        }

        fn refusal(&self) -> String {
            let error = self.try_open().unwrap_err();
            format!("{error:#}").replace(&*self.path().to_string_lossy(), "PATH")
        }

        /// Readings whose values are these numbers, with a topic that long.
        fn entries(&mut self, values: Range<u32>, topic: usize) -> Vec<Entry> {
            let topic = "t".repeat(topic);
            let mut entry = |value: u32| {
                let payload = value.to_string().into();
                read(
                    PayloadMode::Auto,
                    topic.as_str(),
                    &payload,
                    Utc::now(),
                    &mut self.ids,
                )
            };
            values.map(&mut entry).collect()
        }

        /// The names of all files beside the spool, without the time in them.
        fn files(&self) -> Vec<String> {
            let mut names: Vec<String> = self
                .directory
                .path()
                .read_dir()
                .unwrap()
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .map(|name| match name.split_once(".damaged-") {
                    Some((name, rest)) => format!(
                        "{name}.damaged-TIME{}",
                        rest.trim_start_matches(|c: char| c.is_ascii_digit() || "TZ".contains(c))
                    ),
                    None => name,
                })
                .collect();
            names.sort();
            names
        }

        fn write_at(&self, from: SeekFrom, bytes: &[u8]) {
            let mut file = fs::File::options().write(true).open(self.path()).unwrap();
            file.seek(from).unwrap();
            file.write_all(bytes).unwrap();
        }
    }

    /// Everything that is in it.
    fn all(spool: &Spool) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut after = 0;
        loop {
            let fetched = spool.fetch(after, 1_000, usize::MAX).unwrap();
            for (seq, entry) in fetched.entries {
                assert!(seq > after);
                after = seq;
                entries.push(entry);
            }
            if !fetched.more {
                return entries;
            }
        }
    }

    /// Makes the disk full once the file has so many pages.
    pub(crate) fn limit_pages(spool: &Spool, pages: i64) {
        spool
            .connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .unwrap();
    }

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
    fn a_second_process_is_refused() {
        let fixture = Fixture::new();
        let _spool = fixture.open();
        assert_eq!(
            fixture.refusal(),
            "cannot use spool `PATH`: another iot-sub uses it (give this one an --id of its own, or another --spool)"
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
            lines[0].contains("is damaged: what can be read"),
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
                "{} entries of the damaged spool could be read, and are in the new one",
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
        let known: std::collections::HashSet<_> = entries.iter().map(Entry::id).collect();
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
            lines[0].contains("was damaged: an earlier run has put"),
            "{lines:?}"
        );
        assert!(
            fixture
                .files()
                .contains(&"spool.damaged-TIME-wal".to_owned())
        );
    }

    #[test]
    fn packet_ids_that_are_held_are_salvaged_and_the_store_s_name() {
        let mut fixture = Fixture::new();
        let key = SessionKey {
            broker: "b:1883".to_owned(),
            client_id: "c".to_owned(),
        };
        let entries = fixture.entries(0..2_000, 50);
        let mut spool = fixture.open();
        spool.supply("a").unwrap();
        spool.resume(&key).unwrap();
        let id = |id| std::num::NonZeroU16::new(id).unwrap();
        let held = [(id(7), u64::MAX), (id(65_535), 1)];
        let changes = held.map(|(id, fingerprint)| Change::Hold(id, fingerprint));
        spool.commit_with(&entries, &changes, 0).unwrap();
        spool.fold().unwrap();
        drop(spool);
        fixture.write_at(SeekFrom::Start(20 * 4_096), &[0xa5; 4_096]);
        let mut spool = fixture.open();
        assert_eq!(fixture.lines.take().len(), 3);
        assert!(spool.len() < 2_000, "{}", spool.len());
        assert_eq!(spool.resume(&key).unwrap(), held);
        assert!(spool.supply("b").is_err());
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
    fn a_path_that_cannot_be_used_is_told_with_the_reason() {
        #[track_caller]
        fn case(path: &Path, expected: &str) {
            let error = Spool::open(path, &|_| ()).unwrap_err();
            let shown = format!("cannot use spool `{}`: {expected}", path.display());
            assert_eq!(format!("{error:#}"), shown);
        }
        let directory = TempDir::new().unwrap();
        case(&directory.path().join("none/spool"), "no such directory");
        case(directory.path(), "is a directory");
    }

    fn packet_id(id: u16) -> std::num::NonZeroU16 {
        std::num::NonZeroU16::new(id).unwrap()
    }

    fn session(client_id: &str) -> SessionKey {
        SessionKey {
            broker: "b:1883".to_owned(),
            client_id: client_id.to_owned(),
        }
    }

    #[test]
    fn packet_ids_that_are_held_are_found_again() {
        let fixture = Fixture::new();
        let changes = [
            Change::Hold(packet_id(1), u64::MAX),
            Change::Hold(packet_id(2), 1),
            Change::Release(packet_id(2)),
        ];
        let mut spool = fixture.open();
        assert_eq!(spool.resume(&session("a")).unwrap(), []);
        spool.commit_with(&[], &changes, 0).unwrap();
        drop(spool);
        let mut spool = fixture.open();
        assert_eq!(spool.resume(&session("b")).unwrap(), []);
        assert_eq!(
            spool.resume(&session("a")).unwrap(),
            [(packet_id(1), u64::MAX)]
        );
        spool.commit_with(&[], &[Change::Forget], 0).unwrap();
        drop(spool);
        assert_eq!(fixture.open().resume(&session("a")).unwrap(), []);
    }

    #[test]
    fn without_a_session_nothing_is_noted() {
        let fixture = Fixture::new();
        let changes = [Change::Hold(packet_id(1), 1)];
        fixture.open().commit_with(&[], &changes, 0).unwrap();
        assert_eq!(fixture.open().resume(&session("")).unwrap(), []);
    }

    #[test]
    fn a_file_of_version_1_is_taken_over() {
        let fixture = Fixture::new();
        drop(fixture.open());
        let old = "DROP TABLE held; CREATE TABLE held (packet_id INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;
                   PRAGMA user_version = 1";
        let connection = Connection::open(fixture.path()).unwrap();
        connection.execute_batch(old).unwrap();
        drop(connection);
        let mut spool = fixture.open();
        assert_eq!(spool.resume(&session("a")).unwrap(), []);
        let changes = [Change::Hold(packet_id(1), 1)];
        spool.commit_with(&[], &changes, 0).unwrap();
        drop(spool);
        assert_eq!(
            fixture.open().resume(&session("a")).unwrap(),
            [(packet_id(1), 1)]
        );
    }
}
