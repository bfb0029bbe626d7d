//! Simulates a loss of power: which of a program's writes are on the disk afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::trace::Call;

/// What a disk writes at once: a torn write ends between two of these.
const SECTOR: usize = 512;

/// What happens to writes that no fsync covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// They are missing.
    All,
    /// They are there: it was the program that died.
    Nothing,
    /// They are there up to a sector in the middle of one, the rest is missing. The number says
    /// which.
    Torn(u64),
    /// Some of their sectors are there and others not, in no order. The number says which.
    Shuffled(u64),
}

/// The files of one folder, as a disk has them while a trace of system calls is replayed.
#[derive(Debug, Default)]
pub struct PoweredDisk {
    folder: PathBuf,
    files: BTreeMap<PathBuf, File>,
}

#[derive(Clone, Debug, Default)]
struct File {
    /// What is on the disk.
    durable: Vec<u8>,
    /// Whether it is there at all, on the disk.
    exists: bool,
    /// Changes that may or may not be there, in order.
    pending: Vec<Change>,
    /// How many of them there were when the latest sync began.
    syncing: usize,
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

impl PoweredDisk {
    /// Returns the disk below `folder`, empty.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.into(),
            files: BTreeMap::new(),
        }
    }

    /// Replays one call. Those that don't concern the folder change nothing.
    pub fn replay(&mut self, call: &Call) {
        match call {
            Call::Write { file, at, bytes } => {
                let Some(file) = self.file(file) else { return };
                let at = at.unwrap_or_else(|| file.length());
                file.pending.push(Change::Write(at, bytes.clone()));
            }
            Call::Truncate { file, length } => {
                if let Some(file) = self.file(file) {
                    file.pending.push(Change::Truncate(*length));
                }
            }
            Call::Remove { file } => {
                // A directory is not a file's content: what is removed is gone at once.
                self.files.remove(file);
            }
            Call::SyncBegins { file } => {
                if let Some(file) = self.file(file) {
                    file.syncing = file.pending.len();
                }
            }
            Call::SyncEnds { file } => {
                if let Some(file) = self.file(file) {
                    file.exists = true;
                    let synced: Vec<Change> = file.pending.drain(..file.syncing).collect();
                    file.syncing = 0;
                    for change in synced {
                        change.apply(&mut file.durable);
                    }
                }
            }
            Call::Send { .. } | Call::Receive { .. } => {}
        }
    }

    fn file(&mut self, path: &Path) -> Option<&mut File> {
        // The folder itself is synced too, when a file in it is new.
        (path.starts_with(&self.folder) && path != self.folder)
            .then(|| self.files.entry(path.into()).or_default())
    }

    /// Writes into `folder` what is on the disk after the power was lost now.
    pub fn lose_power(&self, loss: Loss, folder: &Path) {
        for (path, file) in &self.files {
            if !file.exists && loss == Loss::All {
                continue;
            }
            let name = path
                .strip_prefix(&self.folder)
                .expect("a file of the folder");
            let bytes = file.after(loss);
            fs::write(folder.join(name), bytes).expect("the folder can be written");
        }
    }
}

impl File {
    fn length(&self) -> u64 {
        self.after(Loss::Nothing).len() as u64
    }

    fn after(&self, loss: Loss) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        match loss {
            Loss::All => {}
            Loss::Nothing => {
                for change in &self.pending {
                    change.apply(&mut bytes);
                }
            }
            Loss::Torn(seed) => {
                let mut random = Random(seed);
                let whole = random.below(self.pending.len() + 1);
                for change in &self.pending[..whole] {
                    change.apply(&mut bytes);
                }
                if let Some(Change::Write(at, torn)) = self.pending.get(whole) {
                    let sectors = random.below(torn.len() / SECTOR + 1);
                    Change::Write(*at, torn[..sectors * SECTOR].into()).apply(&mut bytes);
                }
            }
            Loss::Shuffled(seed) => {
                let mut random = Random(seed);
                for change in &self.pending {
                    match change {
                        Change::Write(at, written) => {
                            let mut at = *at;
                            for sector in written.chunks(SECTOR) {
                                if random.below(2) == 0 {
                                    Change::Write(at, sector.into()).apply(&mut bytes);
                                }
                                at += sector.len() as u64;
                            }
                        }
                        Change::Truncate(_) if random.below(2) == 0 => change.apply(&mut bytes),
                        Change::Truncate(_) => {}
                    }
                }
            }
        }
        bytes
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let index = |at: &u64| usize::try_from(*at).expect("a small file");
        match self {
            Self::Write(at, written) => {
                let at = index(at);
                let end = at + written.len();
                if bytes.len() < end && !written.is_empty() {
                    bytes.resize(end, 0);
                }
                bytes[at.min(end)..end].copy_from_slice(written);
            }
            Self::Truncate(length) => bytes.resize(index(length), 0),
        }
    }
}

/// A generator that is the same everywhere (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = (self.0 | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).expect("31 bits") % bound
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn synced_data_stays_and_the_rest_is_lost_as_chosen() {
        let file = PathBuf::from("/disk/a");
        let write = |at, byte| Call::Write {
            file: file.clone(),
            at: Some(at),
            bytes: vec![byte; 2 * SECTOR],
        };
        let sync = [
            Call::SyncBegins { file: file.clone() },
            write(0, b'2'),
            Call::SyncEnds { file: file.clone() },
        ];
        let mut disk = PoweredDisk::at(Path::new("/disk"));
        disk.replay(&write(0, b'1'));
        let after = |disk: &PoweredDisk, loss| {
            let folder = TempDir::new().expect("a temporary folder");
            disk.lose_power(loss, folder.path());
            fs::read(folder.path().join("a")).ok()
        };
        assert_eq!(after(&disk, Loss::All), None);
        for call in &sync {
            disk.replay(call);
        }
        // Bytes written during the sync may be missing.
        assert_eq!(after(&disk, Loss::All), Some(vec![b'1'; 2 * SECTOR]));
        assert_eq!(after(&disk, Loss::Nothing), Some(vec![b'2'; 2 * SECTOR]));
        let mut seen = [Loss::Torn, Loss::Shuffled].map(|loss| {
            let states = (0..50).map(|seed| after(&disk, loss(seed)).expect("it is there"));
            let mut states: Vec<_> = states.map(|bytes| (bytes[0], bytes[SECTOR])).collect();
            states.sort_unstable();
            states.dedup();
            states
        });
        let torn = [(b'1', b'1'), (b'2', b'1'), (b'2', b'2')];
        assert_eq!(seen[0], torn);
        assert_eq!(seen[1].len(), 4);
        seen[1].retain(|state| !torn.contains(state));
        assert_eq!(seen[1], [(b'1', b'2')]);
    }
}
