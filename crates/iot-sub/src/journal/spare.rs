//! Room kept back on the disk, for the day when it is full.
//!
//! Even a DELETE needs room first, in the write-ahead log, and what is in that log needs room in the file. So a spool that
//! has filled its disk could never be emptied. This much is given free then.

use std::fs;
use std::path::{Path, PathBuf};

use super::beside;

/// More than the write-ahead log grows to, but for single messages of many MiB.
const SIZE: u64 = 8 << 20;

/// A file that holds nothing but room.
#[derive(Debug)]
pub(super) struct Spare {
    path: PathBuf,
}

impl Spare {
    /// Returns the one that belongs to the file at `path`: of the same name, with `.spare` behind it.
    pub(super) fn of(path: &Path) -> Self {
        Self {
            path: beside(path, ".spare"),
        }
    }

    /// Takes the room, where that is not done yet and there is enough.
    pub(super) fn take(&self) {
        if self.path.exists() {
            return;
        }
        if fs::write(&self.path, noise()).is_err() {
            self.give();
        }
    }

    /// Gives the room free.
    pub(super) fn give(&self) {
        // There may be none.
        let _ = fs::remove_file(&self.path);
    }
}

/// Some file systems would keep zeros without taking room for them, so these bytes have no order (Marsaglia's xorshift).
fn noise() -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let words = (0..SIZE / 8).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.collect()
}
