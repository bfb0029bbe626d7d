//! The spool: entries wait here, acknowledged, until the store has them.
//!
//! One connection does everything, so no read transaction ever holds up a checkpoint, and SQLite's
//! exclusive mode spares the shared-memory file. What is in it is delivered in the order of its
//! numbers ([`Seq`]) and trimmed from its oldest end.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use iot_store::Entry;
use iot_store::sqlite::Damaged;
use iot_store::sqlite::decoder_state::{self, StateRow};
use iot_store::sqlite::disk::{self, FileId};
use iot_store::sqlite::failure::explain;
#[cfg(feature = "embedded")]
use iot_store::sqlite::held::HeldId;
use iot_store::sqlite::held::{self, Held, SessionChange, SessionKey};
use iot_store::sqlite::log::{self, LogState};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::connection::connect;
use super::fetch::{Fetched, fetch};
use super::seq::Seq;
use super::space::{Space, space};
use super::{codec, salvage};
use crate::file_lock::Lock;
use crate::path_suffix::with_suffix;

/// Most entries that one transaction deletes: it must not hold up the commit of what has just been
/// received.
const TRIM: Seq = 10_000;

/// A file with more bytes in use is not looked through at the start, for that would take a while
/// and nothing could be received meanwhile: damage is found when it is read.
const LOOKED_THROUGH: u64 = 64 << 20;

/// What one transaction writes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Content<'a> {
    pub(crate) entries: &'a [Entry],
    /// Of the session.
    pub(crate) changes: &'a [SessionChange],
    /// What decoders have learned.
    pub(crate) state: &'a [StateRow],
}

/// An open spool; nobody else has it open. Its entries are numbered without a gap.
#[derive(Debug)]
pub(crate) struct Spool {
    pub(super) connection: Connection,
    path: PathBuf,
    /// All entries up to this one are deleted.
    trimmed: Seq,
    /// The last number that was given.
    last: Seq,
    /// For encoding.
    buffer: Vec<u8>,
    /// Which file that was when it was opened.
    file_id: Option<FileId>,
    _lock: Lock,
}

impl Spool {
    /// Opens the spool at `path`, or makes it. A damaged one is set aside under another name, and
    /// what can be read of it is in the new one; `report` gets a line about each. `advice` is for
    /// the user who finds that another process uses it.
    ///
    /// # Errors
    /// Another process uses it, it can't be opened, is somebody else's, or was made by a newer
    /// version.
    pub(crate) fn open(path: &Path, advice: &str, report: &dyn Fn(String)) -> anyhow::Result<Self> {
        Self::open_here(path, advice, report)
            .with_context(|| format!("cannot use spool `{}`", path.display()))
    }

    /// Whether something of a spool is at `path`, the log of one whose file is lost included.
    pub(crate) fn is_at(path: &Path) -> bool {
        let ends = ["", "-wal", ".salvage"];
        ends.iter().any(|end| with_suffix(path, end).exists())
    }

    fn open_here(path: &Path, advice: &str, report: &dyn Fn(String)) -> anyhow::Result<Self> {
        let mut lock = Lock::take(path, advice)?;
        let is_first = lock.begin_file();
        salvage::finish(path, report)?;
        if log::is_missing(path) && (!is_first || log::holds_commits(path)?) {
            salvage::restore(path, report)?;
        }
        match log::repair(path, report)? {
            LogState::Whole | LogState::Restored => {}
            LogState::Incomplete => salvage::replace(path, report)?,
        }
        let suspect = suspect(path);
        let most = if suspect.exists() {
            u64::MAX
        } else {
            LOOKED_THROUGH
        };
        let connection = match connect(path, most) {
            // Where no spool has ever been, that is a file of somebody else's, which is not to be
            // moved.
            Err(error) if is_first && error.downcast_ref() == Some(&Damaged::NotADatabase) => {
                let _ = fs::remove_file(with_suffix(path, ".lock"));
                return Err(error);
            }
            Err(error) if error.is::<Damaged>() => {
                salvage::replace(path, report)?;
                connect(path, LOOKED_THROUGH)?
            }
            connection => connection?,
        };
        lock.finish_file();
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
            file_id: disk::file_id(path),
            _lock: lock,
        })
    }

    /// Whether the file has been removed, or another one is at its place, while we have it open:
    /// what is written into it now nobody would ever find again. What is in it can still be read.
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

    /// Returns the packet identifiers that a session holds.
    ///
    /// # Errors
    /// The file can't be read.
    pub(crate) fn held(&self, key: &SessionKey) -> anyhow::Result<Held> {
        held::read(&self.connection, key).map_err(|error| self.failed(error))
    }

    /// Returns the packet identifiers that the sessions at a broker hold.
    ///
    /// # Errors
    /// The file can't be read.
    #[cfg(feature = "embedded")]
    pub(crate) fn held_at(&self, broker: &str) -> anyhow::Result<Vec<HeldId>> {
        held::read_all(&self.connection, broker).map_err(|error| self.failed(error))
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

    /// Returns what decoders have learned, by its keys.
    ///
    /// # Errors
    /// The file can't be read.
    pub(crate) fn decoder_state(&self) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        decoder_state::read(&self.connection).map_err(|error| self.failed(error))
    }

    /// Commits entries and changes, all or none of them, and deletes some of those up to number
    /// `trim`. Returns the number of the first one; the others follow without a gap. When it
    /// returns they are on disk, also through a loss of power.
    ///
    /// # Errors
    /// Nothing of this call is done. A [`Retryable`](iot_store::sqlite::Retryable) cause may pass.
    /// Any other is fatal: it is unknown what is on the disk, so acknowledge nothing and exit.
    pub(crate) fn commit_with(&mut self, content: Content<'_>, trim: Seq) -> anyhow::Result<Seq> {
        self.commit_all(content, trim)
            .map_err(|error| self.failed(error))
    }

    #[cfg(test)]
    pub(super) fn commit(&mut self, entries: &[Entry], trim: Seq) -> anyhow::Result<Seq> {
        let content = Content {
            entries,
            ..Content::default()
        };
        self.commit_with(content, trim)
    }

    #[cfg(test)]
    pub(super) fn commit_changes(&mut self, changes: &[SessionChange]) -> anyhow::Result<Seq> {
        let content = Content {
            changes,
            ..Content::default()
        };
        self.commit_with(content, 0)
    }

    /// Deletes some of the entries up to number `trim`; errors are
    /// [`commit_with`](Self::commit_with)'s.
    pub(crate) fn trim(&mut self, trim: Seq) -> anyhow::Result<()> {
        self.commit_with(Content::default(), trim).map(drop)
    }

    fn commit_all(&mut self, content: Content<'_>, trim: Seq) -> rusqlite::Result<Seq> {
        let Content {
            entries,
            changes,
            state,
        } = content;
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
        held::apply(&transaction, changes)?;
        decoder_state::apply(&transaction, state)?;
        transaction.commit()?;
        (self.trimmed, self.last) = (trim, last);
        // One large message doesn't keep its room for ever.
        self.buffer.shrink_to(64 << 10);
        Ok(first)
    }

    /// Reads the entries behind number `after`: `most` of them, and `bytes` of them but for one
    /// that is larger.
    pub(crate) fn fetch(&self, after: Seq, most: usize, bytes: usize) -> anyhow::Result<Fetched> {
        fetch(&self.connection, after, most, bytes).map_err(|error| self.failed(error))
    }

    /// Returns how much room it takes and has.
    pub(crate) fn space(&self) -> anyhow::Result<Space> {
        space(&self.connection, &self.path).map_err(|error| self.failed(error))
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

    /// For when nothing is in it and nothing is to be done: makes the file small again, where it is
    /// larger than `size`.
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

/// Returns the last number that was given.
fn last(connection: &Connection) -> rusqlite::Result<Seq> {
    let last = "SELECT seq FROM sqlite_sequence WHERE name = 'entries'";
    let last = connection
        .query_row(last, [], |row| row.get(0))
        .optional()?;
    Ok(last.unwrap_or(0))
}
