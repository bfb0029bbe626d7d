//! The spool: entries wait here, acknowledged, until the store has them.
//!
//! One connection does everything, so no read transaction ever holds up a checkpoint, and SQLite's exclusive mode spares
//! the shared-memory file. What is in it is delivered in the order of its numbers ([`Seq`]) and trimmed from its oldest
//! end.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chrono::{SubsecRound, Utc};
use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior};
use sha2::{Digest, Sha256};

use super::file::{self, Damaged, Format, explain};
use super::lock::Lock;
use super::spare::Spare;
use super::{beside, codec, salvage};
use crate::reading::{Entry, ReadingId, Rejection};

/// The number of an entry: ascending, never given twice, beginning with 1.
pub(crate) type Seq = i64;

/// Most entries that one transaction deletes: it must not hold up the commit of what has just been received.
const TRIM: Seq = 10_000;

const FORMAT: Format = Format {
    // `iotq`
    application_id: 0x69_6f_74_71,
    version: 1,
    schema: include_str!("spool.sql"),
    settings: &[
        // In pages. With a log of that size and one transaction, [`Spare`] is enough to fold it in.
        ("wal_autocheckpoint", 1_000),
        ("journal_size_limit", 4 << 20),
        // In KiB: only the two ends of the table are in use.
        ("cache_size", -4_096),
    ],
};

/// An open spool; nobody else has it open.
#[derive(Debug)]
pub(crate) struct Spool {
    connection: Connection,
    path: PathBuf,
    spare: Spare,
    /// All entries up to this one are deleted.
    trimmed: Seq,
    /// For encoding.
    buffer: Vec<u8>,
    _lock: Lock,
}

/// What [`Spool::fetch`] has found.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    pub(crate) entries: Vec<(Seq, Entry)>,
    /// There are more behind them.
    pub(crate) more: bool,
}

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
        let lock = Lock::take(path)?;
        salvage::finish(path)?;
        let connection = match connect(path) {
            Err(error) if error.is::<Damaged>() => {
                salvage::replace(path, tell)?;
                connect(path)?
            }
            connection => connection?,
        };
        let spare = Spare::of(path);
        spare.take();
        let first: Option<Seq> = connection
            .query_row("SELECT min(seq) FROM entries", [], |row| row.get(0))
            .map_err(explain)?;
        let trimmed = match first {
            Some(first) => first - 1,
            None => last(&connection).map_err(explain)?,
        };
        Ok(Self {
            connection,
            path: path.to_owned(),
            spare,
            trimmed,
            buffer: Vec::new(),
            _lock: lock,
        })
    }

    /// Returns what messages call it.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Returns how many entries are in it.
    pub(crate) fn len(&self) -> anyhow::Result<u64> {
        let count = self
            .connection
            .query_row("SELECT count(*) FROM entries", [], unsigned);
        count.map_err(|error| self.failed(error))
    }

    /// Returns the number before that of the first entry.
    pub(crate) fn trimmed(&self) -> Seq {
        self.trimmed
    }

    /// Commits `entries`, all or none of them, and deletes some of those up to number `trim`. Returns the number of the
    /// first one; the others follow without a gap. When it returns they are on disk, also through a loss of power.
    ///
    /// # Errors
    /// Nothing of this call is done. A [`Retryable`](super::Retryable) cause may pass. Any other is fatal: nobody knows
    /// what is on the disk, so acknowledge nothing and exit.
    pub(crate) fn commit(&mut self, entries: &[Entry], trim: Seq) -> anyhow::Result<Seq> {
        self.commit_all(entries, trim)
            .map_err(|error| self.failed(error))
    }

    /// Deletes some of the entries up to number `trim`; errors are [`commit`](Self::commit)'s.
    pub(crate) fn trim(&mut self, trim: Seq) -> anyhow::Result<()> {
        self.commit(&[], trim).map(drop)
    }

    fn commit_all(&mut self, entries: &[Entry], trim: Seq) -> rusqlite::Result<Seq> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let trim = trim.min(self.trimmed + TRIM).max(self.trimmed);
        if trim > self.trimmed {
            transaction
                .prepare_cached("DELETE FROM entries WHERE seq <= ?")?
                .execute([trim])?;
        }
        let mut first = 0;
        let mut insert = transaction.prepare_cached("INSERT INTO entries (entry) VALUES (?)")?;
        for entry in entries {
            self.buffer.clear();
            codec::encode(entry, &mut self.buffer);
            let seq = insert.insert([&self.buffer[..]])?;
            if first == 0 {
                first = seq;
            }
        }
        drop(insert);
        transaction.commit()?;
        self.trimmed = trim;
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
            let entry = codec::decode(blob).unwrap_or_else(|_| unreadable(seq, blob));
            fetched.entries.push((seq, entry));
        }
        Ok(fetched)
    }

    /// Returns how many bytes of disk it uses: its pages without the free ones, for the file never shrinks by a DELETE,
    /// and the write-ahead log.
    pub(crate) fn usage(&self) -> anyhow::Result<u64> {
        let pragma = |name| {
            let result = self.connection.pragma_query_value(None, name, unsigned);
            result.map_err(|error| self.failed(error))
        };
        let pages = pragma("page_count")? - pragma("freelist_count")?;
        let log = fs::metadata(beside(&self.path, "-wal")).map_or(0, |log| log.len());
        Ok(pages * pragma("page_size")? + log)
    }

    /// Folds the write-ahead log into the file, which leaves the log empty.
    ///
    /// # Errors
    /// As [`commit`](Self::commit); all entries are kept.
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

    /// Gives free what was kept back for a full disk.
    pub(crate) fn give_spare(&self) {
        self.spare.give();
    }

    /// For when nothing is in it and nothing is to be done: makes the file small again, where a backlog has made it large.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub(crate) fn tidy(&self) -> anyhow::Result<()> {
        /// In bytes.
        const LARGE: u64 = 16 << 20;
        let size = fs::metadata(&self.path).map_or(0, |file| file.len());
        if size > LARGE {
            self.connection
                .execute_batch("VACUUM")
                .map_err(|error| self.failed(error))?;
            self.fold()?;
        }
        self.spare.take();
        Ok(())
    }

    fn failed(&self, error: rusqlite::Error) -> anyhow::Error {
        let explained = explain(error);
        let path = self.path.display();
        if explained.is::<Damaged>() {
            return explained.context(format!(
                "spool `{path}` (start iot-sub again: it takes over what can be read of it)"
            ));
        }
        explained.context(format!("spool `{path}`"))
    }
}

/// Opens the file, sees that it is whole, and takes care that nobody else opens it.
pub(super) fn connect(path: &Path) -> anyhow::Result<Connection> {
    let mut connection = file::open(path)?;
    // A damaged file is not to be written to, not even at the end.
    keep_log_at_end(&connection, true)?;
    connection
        .pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))
        .map_err(explain)?;
    file::prepare(&mut connection, &FORMAT)?;
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(explain)?;
    if verdict != "ok" {
        bail!(Damaged::Corrupt);
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

/// Returns a row's only number, which is never negative.
fn unsigned(row: &Row<'_>) -> rusqlite::Result<u64> {
    row.get::<_, i64>(0).map(i64::unsigned_abs)
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
