//! The rows of a damaged table, as far as SQLite finds them.

use std::ops::RangeInclusive;
use std::path::Path;

use iot_store::sqlite::decoder_state::{self, StateRow};
use iot_store::sqlite::failure::explain;
use iot_store::sqlite::file;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use crate::spool::connection::keep_log_at_end;
use crate::spool::seq::Seq;

/// Takes the bytes of an entry that was read.
pub(super) type Keep<'a> = &'a mut dyn FnMut(&[u8]) -> anyhow::Result<()>;

/// The rows of a damaged table, as far as SQLite finds them.
pub(super) struct Rows {
    connection: Connection,
}

impl Rows {
    /// Returns nothing where SQLite doesn't even see the table.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let connection = file::open(path).ok()?;
        keep_log_at_end(&connection, true).ok()?;
        // Makes SQLite take a file that has lost its end.
        for (name, value) in [("locking_mode", "EXCLUSIVE"), ("writable_schema", "ON")] {
            let set = connection.pragma_update_and_check(None, name, value, |_| Ok(()));
            set.optional().ok()?;
        }
        connection.prepare("SELECT seq, entry FROM entries").ok()?;
        Some(Self { connection })
    }

    /// Returns which store the entries are for, where that can be read.
    pub(super) fn store(&self) -> Option<String> {
        let store = "SELECT value FROM about WHERE name = 'store'";
        self.connection.query_row(store, [], |row| row.get(0)).ok()
    }

    /// Copies the packet identifiers that are held, as far as they can be read: a message whose id
    /// is lost is stored again if the broker sends it again.
    pub(super) fn held(&self, new: &Connection) -> anyhow::Result<()> {
        let held = "SELECT broker, client_id, packet_id, fingerprint FROM held";
        let Ok(mut held) = self.connection.prepare(held) else {
            return Ok(());
        };
        let Ok(mut rows) = held.query([]) else {
            return Ok(());
        };
        while let Ok(Some(row)) = rows.next() {
            let columns = (
                row.get_ref(0),
                row.get_ref(1),
                row.get_ref(2),
                row.get_ref(3),
            );
            if let (Ok(broker), Ok(client_id), Ok(packet_id), Ok(fingerprint)) = columns {
                let insert = "INSERT OR IGNORE INTO held VALUES (?, ?, ?, ?)";
                let values = [broker, client_id, packet_id, fingerprint].map(ToSqlOutput::Borrowed);
                new.execute(insert, params_from_iter(values))
                    .map_err(explain)?;
            }
        }
        Ok(())
    }

    /// Copies what decoders have learned, as far as it can be read: they learn what is lost again.
    pub(super) fn decoder_state(&self, new: &Connection) -> anyhow::Result<()> {
        let state: Vec<StateRow> = { decoder_state::read(&self.connection).into_iter() }
            .flatten()
            .map(|(key, value)| StateRow {
                key: key.into(),
                value: Some(value.into()),
            })
            .collect();
        decoder_state::apply(new, &state).map_err(explain)
    }

    /// Passes on all rows that can be reached, in their order, and returns which numbers could not.
    pub(super) fn each(&self, keep: Keep<'_>) -> anyhow::Result<Vec<RangeInclusive<Seq>>> {
        let mut gaps = Vec::new();
        let mut next = 1;
        while let Some(damaged) = self.run(next, keep)? {
            let Some(behind) = self.behind(damaged) else {
                gaps.push(damaged..=Seq::MAX);
                break;
            };
            gaps.push(damaged..=behind - 1);
            next = behind;
        }
        Ok(gaps)
    }

    /// Passes on the rows from number `from` on. Returns the first number that can't be read, or
    /// nothing where that was all.
    fn run(&self, from: Seq, keep: Keep<'_>) -> anyhow::Result<Option<Seq>> {
        let select = "SELECT seq, entry FROM entries WHERE seq >= ? ORDER BY seq";
        let mut next = from;
        let Ok(mut select) = self.connection.prepare_cached(select) else {
            return Ok(Some(next));
        };
        let Ok(mut rows) = select.query([from]) else {
            return Ok(Some(next));
        };
        loop {
            match rows.next() {
                Ok(Some(row)) => {
                    if let (Ok(seq), Ok(ValueRef::Blob(blob))) =
                        (row.get::<_, Seq>(0), row.get_ref(1))
                    {
                        keep(blob)?;
                        next = seq.saturating_add(1);
                    }
                }
                Ok(None) => return Ok(None),
                Err(_) => return Ok(Some(next)),
            }
        }
    }

    /// Returns the first number behind the damage at `damaged` from which on rows can be read
    /// again, if there is one: the step is doubled until it leads behind the damage, and then
    /// halved until right behind it.
    fn behind(&self, damaged: Seq) -> Option<Seq> {
        let mut step: Seq = 1;
        let mut good = damaged.checked_add(step)?;
        while self.first(good).is_err() {
            step = step.checked_mul(2)?;
            good = damaged.checked_add(step)?;
        }
        let mut bad = damaged;
        while good - bad > 1 {
            let middle = bad + (good - bad) / 2;
            if self.first(middle).is_ok() {
                good = middle;
            } else {
                bad = middle;
            }
        }
        self.first(good).ok().flatten()
    }

    /// Returns the first number from `from` on.
    fn first(&self, from: Seq) -> rusqlite::Result<Option<Seq>> {
        let first = "SELECT seq FROM entries WHERE seq >= ? ORDER BY seq LIMIT 1";
        let mut first = self.connection.prepare_cached(first)?;
        first.query_row([from], |row| row.get(0)).optional()
    }
}
