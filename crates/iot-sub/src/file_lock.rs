//! One process for each file: a lock beside it, which the system lets go of when the process ends,
//! however it ends.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{anyhow, bail};

use crate::path_suffix::with_suffix;

/// A lock that is held for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Never read or written, and never deleted: else two processes could hold locks on two files
    /// of this name.
    _file: File,
    /// Nobody has ever locked it before.
    pub(crate) is_first: bool,
}

impl Lock {
    /// Locks the file at `path`, by one of the same name with `.lock` behind it; `advice` is for
    /// whoever comes second.
    ///
    /// # Errors
    /// Another process has the lock, or the file can't be made.
    pub(crate) fn take(path: &Path, advice: &str) -> anyhow::Result<Self> {
        let path = with_suffix(path, ".lock");
        let made = File::options().create_new(true).write(true).open(&path);
        let is_first = made.is_ok();
        let file = made
            .or_else(|error| match error.kind() {
                ErrorKind::AlreadyExists => File::options().write(true).open(&path),
                _ => Err(error),
            })
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => anyhow!("no such directory"),
                kind => anyhow!("{kind}"),
            })?;
        match file.try_lock() {
            Ok(()) => Ok(Self {
                _file: file,
                is_first,
            }),
            Err(TryLockError::WouldBlock) => {
                bail!("another iot-sub uses it ({advice})")
            }
            Err(TryLockError::Error(error)) => bail!("cannot lock it: {}", error.kind()),
        }
    }
}
