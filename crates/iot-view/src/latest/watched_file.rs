//! The file of a store that stays open: whether its path still names it.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use iot_cli::StoreUrl;

use crate::args::StoreArgs;

/// A file that was opened. After it is deleted or replaced, it can still be read, and gets no more
/// readings.
#[derive(Debug)]
pub(super) struct WatchedFile {
    path: PathBuf,
    identity: Option<Identity>,
}

/// Device and number of a file.
type Identity = (u64, u64);

impl WatchedFile {
    /// Returns the file of a store that is one.
    ///
    /// # Errors
    /// The store's URL is wrong.
    pub(super) fn of(store: &StoreArgs) -> Result<Option<Self>> {
        let StoreUrl::Sqlite(path) = store.url()? else {
            return Ok(None);
        };
        let identity = identity(&path).ok().flatten();
        Ok(Some(Self { path, identity }))
    }

    /// Checks that the path names the same file.
    ///
    /// # Errors
    /// It was deleted, or another file has its place.
    pub(super) fn check(&self) -> Result<()> {
        let name = self.path.display();
        match identity(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!("store `{name}` was deleted while it was read")
            }
            Ok(identity) if identity != self.identity => {
                bail!("store `{name}` was replaced by another file (start again to read that one)")
            }
            _ => Ok(()),
        }
    }
}

/// Returns what tells a file from others, if the system has that.
fn identity(path: &Path) -> io::Result<Option<Identity>> {
    let metadata = fs::metadata(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Ok(Some((metadata.dev(), metadata.ino())))
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        Ok(None)
    }
}
