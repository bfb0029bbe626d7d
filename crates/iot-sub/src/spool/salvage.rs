//! What becomes of a damaged spool: it is set aside under another name, and what can be read of it goes into a new one.
//!
//! Nothing is lost where this ends halfway: the new file is made under a name of its own (`.salvage`) and whole before the
//! damaged one is renamed, and [`finish`] does the rest at the next start.

use std::collections::HashSet;
use std::fmt::Write;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::Utc;
use iot_store::sqlite::failure::explain;
use iot_store::sqlite::file;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::codec;
use super::spool_file::{Seq, connect, keep_log_at_end};
use crate::path_suffix::with_suffix;

/// Replaces the damaged spool at `path` by a new one with all that can be read of it.
///
/// # Errors
/// The new file can't be written; then the damaged one is still at its place.
pub(super) fn replace(path: &Path, tell: &dyn Fn(String)) -> anyhow::Result<()> {
    tell(format!(
        "spool `{}` is damaged: what can be read of it is put into a new one, which may take a while",
        path.display()
    ));
    let new = with_suffix(path, ".salvage");
    for file in [new.clone(), with_suffix(&new, "-wal")] {
        remove(&file)?;
    }
    let read = salvage(path, &new)
        .context("it is damaged, and what can be read of it can't be written")?;
    let aside = unused(path, "");
    rename(path, &aside)?;
    let log = with_suffix(path, "-wal");
    let mut names = format!("`{}`", aside.display());
    if log.exists() {
        let aside = with_suffix(&aside, "-wal");
        rename(&log, &aside)?;
        let _ = write!(names, " and `{}`", aside.display());
    }
    put_in_place(path)?;
    tell(format!(
        "the damaged spool `{}` is kept as {names}",
        path.display()
    ));
    tell(format!(
        "{read} entries of the damaged spool could be read, and are in the new one"
    ));
    Ok(())
}

/// Puts a new spool into its place, where [`replace`] came to an end in between, and says so.
///
/// # Errors
/// The system's.
pub(super) fn finish(path: &Path, tell: &dyn Fn(String)) -> anyhow::Result<()> {
    if path.exists() || !with_suffix(path, ".salvage").exists() {
        return Ok(());
    }
    // The log of the damaged one, which would spoil the new one.
    let log = with_suffix(path, "-wal");
    if log.exists() {
        rename(&log, &unused(path, "-wal"))?;
    }
    put_in_place(path)?;
    tell(format!(
        "spool `{}` was damaged: an earlier run has put what could be read of it into a new one, and kept it as `{0}.damaged-…`",
        path.display()
    ));
    Ok(())
}

fn put_in_place(path: &Path) -> anyhow::Result<()> {
    // It holds nothing that isn't in the log.
    remove(&with_suffix(path, "-shm"))?;
    rename(&with_suffix(path, ".salvage"), path)
}

/// Returns a name with the time in it that no file has.
fn unused(path: &Path, end: &str) -> PathBuf {
    let time = Utc::now().format("%Y%m%dT%H%M%SZ");
    let names = (0_u32..).map(|number| match number {
        0 => format!(".damaged-{time}{end}"),
        number => format!(".damaged-{time}-{number}{end}"),
    });
    let mut names = names.map(|name| with_suffix(path, &name));
    names
        .find(|name| !name.exists())
        .unwrap_or_else(|| with_suffix(path, ".damaged"))
}

fn rename(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::rename(from, to)
        .and_then(|()| sync_directory(to))
        .with_context(|| format!("cannot rename `{}`", from.display()))
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

/// Sees to it that a new name is on the disk.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// Writes what can be read of the spool at `from` into a new one, numbered anew without a gap, and returns how many entries
/// that is.
fn salvage(from: &Path, to: &Path) -> anyhow::Result<u64> {
    let mut new = connect(to, 0)?;
    let transaction = new.transaction().map_err(explain)?;
    let mut last: Seq = 0;
    {
        let mut insert = transaction
            .prepare("INSERT INTO entries (seq, entry) VALUES (?, ?)")
            .map_err(explain)?;
        let mut buffer = Vec::new();
        let mut keep = |blob: &[u8]| -> anyhow::Result<()> {
            last += 1;
            buffer.clear();
            match codec::decode(blob) {
                Ok((_, entry)) => codec::encode(last, &entry, &mut buffer),
                // It is told apart from the others when it is delivered.
                Err(_) => buffer.extend(blob),
            }
            insert.execute((last, &buffer[..])).map_err(explain)?;
            Ok(())
        };
        let gaps = match Rows::open(from) {
            Some(rows) => {
                if let Some(store) = rows.store() {
                    transaction
                        .execute("INSERT INTO about VALUES ('store', ?)", [store])
                        .map_err(explain)?;
                }
                rows.held(&transaction)?;
                rows.each(&mut keep)?
            }
            None => vec![1..=Seq::MAX],
        };
        scan(from, &gaps, &mut keep)?;
    }
    transaction.commit().map_err(explain)?;
    new.close().map_err(|(_, error)| explain(error))?;
    Ok(last.unsigned_abs())
}

/// Takes the bytes of an entry that was read.
type Keep<'a> = &'a mut dyn FnMut(&[u8]) -> anyhow::Result<()>;

/// The rows of a damaged table, as far as SQLite finds them.
struct Rows {
    connection: Connection,
}

impl Rows {
    /// Returns nothing where SQLite doesn't even see the table.
    fn open(path: &Path) -> Option<Self> {
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
    fn store(&self) -> Option<String> {
        let store = "SELECT value FROM about WHERE name = 'store'";
        self.connection.query_row(store, [], |row| row.get(0)).ok()
    }

    /// Copies the packet ids that are held, as far as they can be read: a message whose id is lost is stored again if the
    /// broker sends it again.
    fn held(&self, new: &Connection) -> anyhow::Result<()> {
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

    /// Hands on all rows that can be reached, in their order, and returns which numbers could not.
    fn each(&self, keep: Keep<'_>) -> anyhow::Result<Vec<RangeInclusive<Seq>>> {
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

    /// Hands on the rows from number `from` on. Returns the first number that can't be read, or nothing where that was
    /// all.
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

    /// Returns the first number behind the damage at `damaged` from which on rows can be read again, if there is one: the
    /// step is doubled until it leads behind the damage, and then halved until right behind it.
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

/// Hands on what is an entry by its checksum and has one of these numbers, wherever it stands in the file or its log: for
/// pages to which no way leads any more. Where the beginning of the table is lost, that finds some that were delivered and
/// deleted; the store has them already, under their ids. It doesn't find those that are spread over several pages.
fn scan(path: &Path, numbers: &[RangeInclusive<Seq>], keep: Keep<'_>) -> anyhow::Result<()> {
    // A page may be in the log and in the file.
    let mut seen = HashSet::new();
    for file in [path.to_owned(), with_suffix(path, "-wal")] {
        match File::open(&file) {
            Ok(open) => scan_file(open, numbers, &mut seen, keep)
                .with_context(|| format!("cannot read `{}`", file.display()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read `{}`", file.display()));
            }
        }
    }
    Ok(())
}

fn scan_file(
    mut file: impl Read,
    numbers: &[RangeInclusive<Seq>],
    seen: &mut HashSet<Seq>,
    keep: Keep<'_>,
) -> anyhow::Result<()> {
    const CHUNK: u64 = 1 << 20;
    /// More than a page: no entry stands in one piece across a page's end.
    const OVERLAP: usize = 8 << 10;
    let mut window = Vec::new();
    loop {
        let read = file.by_ref().take(CHUNK).read_to_end(&mut window)?;
        let end = match read {
            0 => window.len(),
            _ => window.len().saturating_sub(OVERLAP),
        };
        let mut at = 0;
        while at < end {
            let Ok(((seq, _), length)) = codec::decode_first(&window[at..]) else {
                at += 1;
                continue;
            };
            if numbers.iter().any(|numbers| numbers.contains(&seq)) && seen.insert(seq) {
                keep(&window[at..at + length])?;
            }
            at += length;
        }
        window.drain(..at);
        if read == 0 {
            return Ok(());
        }
    }
}
