//! A small file system that is filled for real, to its last byte.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder on a file system of its own: `scripts/torture` mounts it.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Returns an empty folder there.
    pub(crate) fn on(mounted: &Path) -> Self {
        let folder = TempDir::new_in(mounted).expect("a folder on the small file system");
        Self { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all the room that there is.
    pub(crate) fn fill(&self) {
        let mut file = File::create(self.ballast()).expect("a file on the small file system");
        for size in [1 << 20, 1 << 12, 1] {
            let piece = vec![b'x'; size];
            loop {
                match file.write(&piece) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("cannot fill the small file system: {error}"),
                }
            }
        }
    }

    /// Gives it back.
    pub(crate) fn heal(&self) {
        fs::remove_file(self.ballast()).expect("it was filled");
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }
}
