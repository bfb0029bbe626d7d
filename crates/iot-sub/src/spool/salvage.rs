//! What becomes of a damaged spool: it is set aside under another name, and what can be read of it
//! goes into a new one.
//!
//! Nothing is lost where this ends halfway: the new file is made under a name of its own
//! (`.salvage`) and whole before the damaged one is renamed, and [`finish`] does the rest at the
//! next start.

mod rows;
mod scan;

use std::fmt::Write;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::Utc;
use iot_store::sqlite::failure::explain;
use iot_store::sqlite::log;

use self::rows::Rows;
use self::scan::scan;
use super::codec;
use super::connection::connect;
use super::seq::Seq;
use crate::path_suffix::with_suffix;

/// Replaces the damaged spool at `path` by a new one with all that can be read of it.
///
/// # Errors
/// The new file can't be written; then the damaged one is still at its place.
pub(super) fn replace(path: &Path, report: &dyn Fn(String)) -> anyhow::Result<()> {
    report(format!(
        "spool `{}` is damaged: copying all readable entries to a new one, which can take minutes",
        path.display()
    ));
    let new = with_suffix(path, ".salvage");
    for file in [new.clone(), with_suffix(&new, "-wal")] {
        remove(&file)?;
    }
    let read = salvage(path, &new)
        .context("it is damaged, and its readable entries cannot be written to a new one")?;
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
    report(format!(
        "the damaged spool `{}` is kept as {names}",
        path.display()
    ));
    report(format!(
        "readable entries of the damaged spool, which are in the new one: {read}"
    ));
    Ok(())
}

/// Makes a new spool of what can be read of one whose file is missing or empty: its log may be
/// there still.
///
/// # Errors
/// As [`replace`].
pub(super) fn restore(path: &Path, report: &dyn Fn(String)) -> anyhow::Result<()> {
    let name = path.display();
    let lost = "what was in it is lost, except for what its write-ahead log holds";
    report(format!(
        "spool `{name}` was there and is missing or empty now: {lost}"
    ));
    if log::unfold(path)? {
        return replace(path, report);
    }
    report(format!(
        "no log of spool `{name}` is there, so none of its entries can be read"
    ));
    Ok(())
}

/// Puts a new spool into its place, where [`replace`] came to an end in between, and says so.
///
/// # Errors
/// The system's.
pub(super) fn finish(path: &Path, report: &dyn Fn(String)) -> anyhow::Result<()> {
    if path.exists() || !with_suffix(path, ".salvage").exists() {
        return Ok(());
    }
    // The log of the damaged one, which would spoil the new one.
    let log = with_suffix(path, "-wal");
    if log.exists() {
        rename(&log, &unused(path, "-wal"))?;
    }
    put_in_place(path)?;
    report(format!(
        "spool `{}` was damaged: an earlier run copied its readable entries to a new one, and kept it as `{0}.damaged-…`",
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

/// Writes what can be read of the spool at `from` into a new one, numbered again without a gap, and
/// returns how many entries that is.
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
                // It is recognized when it is delivered.
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
                rows.decoder_state(&transaction)?;
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
