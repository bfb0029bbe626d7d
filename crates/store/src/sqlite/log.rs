//! SQLite's write-ahead log, looked at before SQLite opens the file.
//!
//! SQLite reads a log up to the first frame whose checksum is wrong, reports nothing, and
//! overwrites the rest. If that frame is damaged, all commits behind it are lost. So a damaged log
//! is kept under another name, and a rebuilt one is put in its place.

mod checksum;
mod frame;
mod header;
mod rebuild;
mod survey;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::Utc;

use self::frame::Frames;
use self::survey::{Survey, survey};
use super::private_file;

/// What [`repair`] found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogState {
    /// No damage.
    Whole,
    /// It was damaged and holds again what was written.
    Restored,
    /// It was damaged. Everything that can be read is in it, but some pages may be wrong.
    Incomplete,
}

/// Looks through the log of the database at `path`, and rebuilds it if it is damaged. Nobody in
/// this process has the database open. `report` gets a line about what was found.
///
/// # Errors
/// The log can't be read, or the rebuilt one can't be written. Then the log is as it was.
pub fn repair(path: &Path, report: &dyn Fn(String)) -> anyhow::Result<LogState> {
    let log = beside(path, "-wal");
    // Held until the end: another process must not write meanwhile.
    let Some(_lock) = lock(path) else {
        return Ok(LogState::Whole);
    };
    let Some((mut frames, survey)) = look(&log)? else {
        return Ok(LogState::Whole);
    };
    if !survey.is_damaged() {
        return Ok(LogState::Whole);
    }
    let aside = put_in_place(&log, path, &survey, &mut frames).with_context(|| {
        format!(
            "its write-ahead log `{}` is damaged, and cannot be rebuilt",
            log.display()
        )
    })?;
    let (log, aside) = (log.display(), aside.display());
    if survey.can_be_restored() {
        report(format!(
            "write-ahead log `{log}` was damaged and has been repaired, all that it held is there; the damaged one is kept as `{aside}`"
        ));
        Ok(LogState::Restored)
    } else {
        let unknown = survey.damage.len();
        let frames = survey.end;
        report(format!(
            "write-ahead log `{log}` was damaged, and {unknown} of its {frames} pages cannot be repaired; the damaged one is kept as `{aside}`"
        ));
        Ok(LogState::Incomplete)
    }
}

/// Whether the database at `path` is missing or empty.
pub fn is_missing(path: &Path) -> bool {
    fs::metadata(path).map_or_else(
        |error| error.kind() == ErrorKind::NotFound,
        |file| file.is_file() && file.len() == 0,
    )
}

/// Whether the log of the database at `path` holds something that was committed.
///
/// # Errors
/// The log can't be read.
pub fn holds_commits(path: &Path) -> anyhow::Result<bool> {
    Ok(look(&beside(path, "-wal"))?.is_some_and(|(_, survey)| survey.end > 0))
}

/// Makes the database at `path`, which is missing or empty, of the pages that its log holds.
/// Returns whether there are any.
///
/// # Errors
/// The log can't be read, or the database can't be written.
pub fn unfold(path: &Path) -> anyhow::Result<bool> {
    let Some((mut frames, survey)) = look(&beside(path, "-wal"))? else {
        return Ok(false);
    };
    if survey.end == 0 {
        return Ok(false);
    }
    let new = beside(path, ".unfolded");
    private_file::create(&new)
        .and_then(|file| rebuild::unfold(&survey, &mut frames, file))
        .and_then(|()| fs::rename(&new, path))
        .and_then(|()| sync_directory(path))
        .with_context(|| format!("cannot write `{}`", new.display()))?;
    Ok(true)
}

fn look(log: &Path) -> anyhow::Result<Option<(Frames, Survey)>> {
    let cannot_read = || format!("cannot read `{}`", log.display());
    let file = match File::open(log) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.with_context(cannot_read)?,
    };
    let mut frames = Frames { file, page_size: 0 };
    let survey = survey(&mut frames).with_context(cannot_read)?;
    Ok(survey.map(|survey| (frames, survey)))
}

/// Puts the rebuilt log into its place, and returns where the damaged one is kept. At each moment
/// one of them is at its place.
fn put_in_place(
    log: &Path,
    path: &Path,
    survey: &Survey,
    frames: &mut Frames,
) -> io::Result<PathBuf> {
    let new = beside(log, ".rebuilt");
    let file = private_file::create(&new)?;
    file.set_permissions(fs::metadata(log)?.permissions())?;
    rebuild::rebuild(survey, frames, file)?;
    let aside = unused(path);
    if fs::hard_link(log, &aside).is_err() {
        fs::copy(log, &aside)?;
        File::open(&aside)?.sync_all()?;
    }
    sync_directory(log)?;
    fs::rename(&new, log)?;
    sync_directory(log)?;
    Ok(aside)
}

/// Returns a name with the time in it that no file has.
fn unused(path: &Path) -> PathBuf {
    let time = Utc::now().format("%Y%m%dT%H%M%SZ");
    let name = |number: u32| beside(path, &format!(".damaged-{time}-{number}-wal"));
    let mut number = 1;
    while name(number).exists() {
        number += 1;
    }
    name(number)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Locks the database as SQLite does. Nothing: it is not there, or another process uses it and
/// has looked at the log.
#[cfg(unix)]
fn lock(path: &Path) -> Option<File> {
    use rustix::fs::{FlockOperation, fcntl_lock};
    let file = File::options().read(true).write(true).open(path).ok()?;
    fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(file)
}

#[cfg(not(unix))]
fn lock(path: &Path) -> Option<File> {
    File::open(path).ok()
}
