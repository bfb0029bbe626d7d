//! A lock that lets one process at a time use a file. The system releases it when the process ends.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use anyhow::{anyhow, bail};

use iot_cli::io_reason;
use iot_store::sqlite::private_file;

use crate::path_suffix::with_suffix;

/// A lock that is held while this value lives.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Never deleted: else two processes could hold locks on two files of this name.
    file: File,
    /// Whether no process has ever locked it before.
    is_first: bool,
}

/// Content of the lock file while the locked file is being created.
const UNFINISHED: &[u8] = b"new\n";

impl Lock {
    /// Locks the file at `path` by locking the file `PATH.lock`. `advice` is part of the error if
    /// another process has the lock.
    ///
    /// # Errors
    /// Another process has the lock, or the file cannot be created.
    pub(crate) fn take(path: &Path, advice: &str) -> anyhow::Result<Self> {
        let path = with_suffix(path, ".lock");
        let made = private_file::create_new(&path);
        let is_first = made.is_ok();
        let file = made
            .or_else(|error| match error.kind() {
                ErrorKind::AlreadyExists => File::options().read(true).write(true).open(&path),
                _ => Err(error),
            })
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => anyhow!("no such directory"),
                _ => anyhow!(io_reason(&error)),
            })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, is_first }),
            Err(TryLockError::WouldBlock) => {
                bail!("another iot-sub uses it ({advice})")
            }
            Err(TryLockError::Error(error)) => bail!("cannot lock it: {}", io_reason(&error)),
        }
    }

    /// Notes that the file at its path is about to be made. Returns whether it has never been
    /// finished: then it may be missing.
    pub(crate) fn begin_file(&mut self) -> bool {
        if self.is_first {
            // On a full disk a later start finds an empty lock, and reports a missing file.
            let _ = self.file.write_all(UNFINISHED);
            return true;
        }
        let mut content = Vec::new();
        let read = Read::by_ref(&mut self.file)
            .take(16)
            .read_to_end(&mut content);
        read.is_ok() && content == UNFINISHED
    }

    /// Notes that the file is there: from now on, one that is missing was lost.
    pub(crate) fn finish_file(&self) {
        // If that fails, a file that is lost counts as one that was never made.
        let _ = self.file.set_len(0);
    }
}
