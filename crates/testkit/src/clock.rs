//! A wall clock that a test can set, for programs: libfaketime between them and the C library.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::Program;

/// The wall clock of some programs. The monotonic clock is not changed.
#[derive(Debug)]
pub struct FakeClock {
    folder: TempDir,
    library: PathBuf,
}

impl FakeClock {
    /// A clock that is right.
    #[track_caller]
    pub fn new() -> Self {
        let clock = Self {
            folder: TempDir::new().expect("a temporary folder"),
            library: library(),
        };
        clock.set("+0");
        clock
    }

    /// Sets how far it is ahead (`+2h`) or behind (`-10y`), in `m`, `h`, `d` or `y`. Programs that
    /// run see it at once.
    #[track_caller]
    pub fn set(&self, offset: &str) {
        // A rename, because a program may read it at any moment.
        let next = self.folder.path().join("next");
        fs::write(&next, offset).expect("a file in a temporary folder");
        fs::rename(next, self.file()).expect("a file in a temporary folder");
    }

    /// Makes the program read this clock.
    pub fn under(&self, program: Program) -> Program {
        program
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", self.file())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1")
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::new()
    }
}

#[track_caller]
fn library() -> PathBuf {
    // Debian has a folder for each architecture.
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let found = folders
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|path| path.is_file());
    found.expect("libfaketime (scripts/install-test-servers installs it)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DEADLINE, eventually};

    #[test]
    fn a_running_program_sees_the_clock_jump() {
        let clock = FakeClock::new();
        clock.set("+40y");
        // One process that asks for the time again and again.
        let script = "while :; do printf '%(%Y)T\\n' -1; sleep 0.02; done";
        let running = clock
            .under(Program::new("bash").args(["-c", script]))
            .spawn();
        let decade = |decade: &str| {
            eventually(DEADLINE, format_args!("the decade {decade}"), || {
                let stdout = running.stdout();
                stdout
                    .lines()
                    .last()
                    .is_some_and(|year| year.starts_with(decade))
            });
        };
        decade("206");
        clock.set("-30y");
        decade("199");
    }
}
