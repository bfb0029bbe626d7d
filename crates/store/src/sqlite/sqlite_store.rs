//! The embedded store, open.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rusqlite::{Connection, TransactionBehavior};

use super::decoder_state::{self, StateRow};
use super::disk::{self, FileId};
use super::failure::explain;
use super::held::{self, Held, HeldId, SessionChange, SessionKey};
use super::insertion::{Columns, Inserted, Insertion, Refusal};
use super::prune::Keep;
use super::rollups::{self, Due, Mode};
use super::series_table::SeriesTable;
use super::store_file::connect;
use super::{rejected_limit, unique_ids, view};
use crate::entry::Entry;
use crate::keep_rejected::KeepRejected;
use crate::store::Stored;

/// The embedded store, open.
#[derive(Debug)]
pub struct SqliteStore {
    pub(super) connection: Connection,
    file: PathBuf,
    /// Name shown in errors.
    path: String,
    series: SeriesTable,
    pub(super) due: Due,
    keep: Option<Keep>,
    columns: Columns,
    /// Readings that were refused since somebody asked.
    refused: Vec<Refusal>,
    /// Bytes of all rejections, if that was counted.
    rejected_bytes: Option<u64>,
    /// Which file that was when it was opened.
    file_id: Option<FileId>,
}

impl SqliteStore {
    /// Opens the store at `path`, or makes it; readings have the four fields.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with).
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        Self::open_with(path, &[])
    }

    /// Opens the store at `path`, or makes it; readings are to have these fields beside the four.
    ///
    /// # Errors
    ///
    /// A file that can't be opened, isn't an SQLite database, is somebody else's, or was made by a
    /// newer version. None of these files is changed.
    pub fn open_with(path: &Path, fields: &[Arc<str>]) -> anyhow::Result<Self> {
        Self::open_reporting(path, fields, &|_| ())
    }

    /// Opens the store as [`open_with`](Self::open_with) does; `report` gets a line if its
    /// write-ahead log was damaged.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with), and if a log holds readings, but the database is not
    /// there or does not go together with it.
    pub fn open_reporting(
        path: &Path,
        fields: &[Arc<str>],
        report: &dyn Fn(String),
    ) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let mut connection =
            connect(path, report).with_context(|| format!("cannot open store `{name}`"))?;
        let has_fields = view::add_fields(&mut connection, fields)
            .map_err(explain)
            .with_context(|| format!("cannot add fields to store `{name}`"))?;
        Ok(Self {
            file: path.to_owned(),
            path: name,
            series: SeriesTable::new(&connection)?,
            connection,
            due: Due::default(),
            keep: None,
            columns: Columns {
                has_fields,
                keyed: false,
                rejected: KeepRejected::All,
            },
            refused: Vec::new(),
            rejected_bytes: None,
            file_id: disk::file_id(path),
        })
    }

    /// Stores a reading once, whenever it comes again with the same id, and rejects another one
    /// with that id.
    ///
    /// # Errors
    ///
    /// The file can't be written.
    pub fn make_ids_unique(&mut self) -> anyhow::Result<()> {
        self.connection
            .execute_batch(unique_ids::INDEX)
            .map_err(explain)
            .with_context(|| format!("cannot make ids unique in store `{}`", self.path))?;
        self.columns.keyed = true;
        Ok(())
    }

    /// Keeps rollups, or none from now on, where nobody has turned them on or off before: a file
    /// without readings gets what is asked for, one with readings keeps what it has, but for
    /// `false`.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn keep_rollups(&mut self, keep: bool) -> anyhow::Result<()> {
        self.set_rollups(keep)
            .map_err(explain)
            .with_context(|| format!("cannot store in `{}`", self.path))
    }

    fn set_rollups(&mut self, keep: bool) -> rusqlite::Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mode = rollups::mode(&transaction)?;
        if keep && mode == Mode::Off {
            let readings = "SELECT EXISTS (SELECT 1 FROM readings)";
            if !transaction.query_row(readings, [], |row| row.get::<_, bool>(0))? {
                rollups::set_mode(&transaction, Mode::On)?;
            }
        } else if !keep && mode != Mode::Off {
            // Those that it has would not be corrected; `reindex` makes them again.
            rollups::set_mode(&transaction, Mode::Off)?;
        }
        transaction.commit()?;
        self.due.look_again();
        Ok(())
    }

    /// Removes readings and rejections that are older, some with each commit.
    pub fn keep_for(&mut self, keep: Duration) {
        self.keep = Some(Keep::new(keep));
    }

    /// Returns whether the file has rollups.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn rollups(&self) -> anyhow::Result<Mode> {
        rollups::mode(&self.connection).map_err(explain)
    }

    /// Sets what is kept of rejections from the next commit on.
    pub fn keep_rejected(&mut self, rejected: KeepRejected) {
        self.columns.rejected = rejected;
    }

    /// Returns the packet identifiers that a session holds.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn held(&self, key: &SessionKey) -> anyhow::Result<Held> {
        held::read(&self.connection, key)
            .map_err(explain)
            .with_context(|| format!("cannot read `{}`", self.path))
    }

    /// Returns the packet identifiers that the sessions at a broker hold.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn held_at(&self, broker: &str) -> anyhow::Result<Vec<HeldId>> {
        held::read_all(&self.connection, broker)
            .map_err(explain)
            .with_context(|| format!("cannot read `{}`", self.path))
    }

    /// Commits `entries` and `changes`, all or none of them. When it returns they are on disk, also
    /// through a loss of power. Blocks until the disk has answered.
    ///
    /// An entry that is there already (the same id) is left as it is, so a call can be repeated.
    ///
    /// # Errors
    ///
    /// Nothing of this call is committed and all from before is kept. A
    /// [`Retryable`](super::Retryable) cause (find it with `downcast_ref`) may pass, so try again
    /// later. Any other is fatal: after a failed fsync it is unknown what the disk holds, so
    /// acknowledge nothing and exit.
    pub fn commit_with(
        &mut self,
        entries: &[Entry],
        changes: &[SessionChange],
    ) -> anyhow::Result<Stored> {
        self.commit_with_state(entries, changes, &[])
    }

    fn commit_all(
        &mut self,
        entries: &[Entry],
        changes: &[SessionChange],
        state: &[StateRow],
    ) -> rusqlite::Result<Stored> {
        // Without IMMEDIATE, a second writer would make the first INSERT fail at once instead of
        // waiting.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.due.begin(&transaction)?;
        let mut insertion =
            Insertion::new(&transaction, self.columns, &mut self.series, &mut self.due)?;
        for entry in entries {
            insertion.insert(entry)?;
        }
        let Inserted {
            stored,
            refused,
            rejected_bytes,
        } = insertion.finish();
        let mut all_rejected = None;
        if let KeepRejected::UpTo(limit) = self.columns.rejected {
            let before = self.rejected_bytes;
            let all = rejected_limit::apply(&transaction, limit, before, rejected_bytes)?;
            all_rejected = Some(all);
        }
        held::apply(&transaction, changes)?;
        decoder_state::apply(&transaction, state)?;
        self.due.roll_some(&transaction, stored.readings)?;
        if let Some(keep) = &mut self.keep
            && keep.remove_some(&transaction, stored.readings)?.rejections > 0
        {
            all_rejected = None;
        }
        transaction.commit()?;
        self.refused.extend(refused);
        self.rejected_bytes = all_rejected;
        Ok(stored)
    }

    /// Does what [`commit_with`](Self::commit_with) does, and commits what decoders have learned.
    ///
    /// # Errors
    /// As [`commit_with`](Self::commit_with).
    pub fn commit_with_state(
        &mut self,
        entries: &[Entry],
        changes: &[SessionChange],
        state: &[StateRow],
    ) -> anyhow::Result<Stored> {
        if entries.is_empty() && changes.is_empty() && state.is_empty() {
            return Ok(Stored::default());
        }
        // What is written into a file without a name nobody would ever find.
        if disk::file_id(&self.file) != self.file_id {
            bail!("`{}` was removed while it was in use", self.path);
        }
        let committed = self.commit_all(entries, changes, state);
        if committed.is_err() {
            // It may know series of a transaction that came to nothing.
            self.series.forget();
            self.due.forget();
            if let Some(keep) = &mut self.keep {
                keep.forget();
            }
        }
        committed
            .map_err(explain)
            .with_context(|| format!("cannot store in `{}`", self.path))
    }

    /// Returns what decoders have learned, by its keys.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn decoder_state(&self) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        decoder_state::read(&self.connection)
            .map_err(explain)
            .with_context(|| format!("cannot read `{}`", self.path))
    }

    /// Takes the readings that were refused since the last call. Each is committed as a rejection.
    pub fn take_refused(&mut self) -> Vec<Refusal> {
        std::mem::take(&mut self.refused)
    }

    #[cfg(test)]
    pub(super) fn commit(&mut self, entries: &[Entry]) -> anyhow::Result<Stored> {
        self.commit_with(entries, &[])
    }
}
