//! A file that replaces another one when all is written.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow};
use iot_cli::io_reason;

/// A file under another name, until it is whole. Dropped before that, it is deleted.
pub(crate) struct Replacement {
    temporary: PathBuf,
    path: PathBuf,
    is_replaced: bool,
}

impl Replacement {
    /// Makes the file the one that was asked for.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn replace(mut self) -> Result<()> {
        let cannot = || format!("cannot write `{}`", self.path.display());
        let synced = File::open(&self.temporary).and_then(|file| file.sync_all());
        let renamed = synced.and_then(|()| fs::rename(&self.temporary, &self.path));
        renamed.map_err(reason).with_context(cannot)?;
        self.is_replaced = true;
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.is_replaced {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Makes the file to write to: beside `path`, unless that is a device or a pipe.
///
/// # Errors
/// It cannot be written.
pub(crate) fn create(path: &Path) -> Result<(File, Option<Replacement>)> {
    let cannot = || format!("cannot write `{}`", path.display());
    create_beside(path).map_err(reason).with_context(cannot)
}

/// Checks that [`create`] will be able to make the file, and leaves nothing behind.
///
/// # Errors
/// It cannot be written.
pub(crate) fn check(path: &Path) -> Result<()> {
    // A reader of a pipe would take its closing for the end.
    let is_device = fs::metadata(path).is_ok_and(|it| !it.is_file() && !it.is_dir());
    if is_device {
        return Ok(());
    }
    create(path).map(drop)
}

fn create_beside(path: &Path) -> io::Result<(File, Option<Replacement>)> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            return Err(io::Error::from(ErrorKind::IsADirectory));
        }
        Ok(metadata) if !metadata.is_file() => {
            return Ok((File::options().write(true).open(path)?, None));
        }
        _ => {}
    }
    // A link stays one.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    let temporary = path.with_file_name(name);
    let file = File::create(&temporary)?;
    let replacement = Replacement {
        temporary,
        path,
        is_replaced: false,
    };
    Ok((file, Some(replacement)))
}

/// Returns why a file cannot be written, for a person.
#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
pub(crate) fn reason(error: io::Error) -> Error {
    anyhow!(io_reason(&error))
}
