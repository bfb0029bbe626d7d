//! A disk that is full, or fails, when a test says so.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::program::Program;

const SOURCE: &str = include_str!("disk.c");

/// A folder below which writes or fsyncs of a program fail when the test says so (on Linux, with a
/// C compiler): a few lines of C, preloaded into the program, stand between it and the system.
#[derive(Debug)]
pub struct FaultyDisk {
    folder: PathBuf,
    own: TempDir,
}

impl FaultyDisk {
    /// Makes the folder and everything in it faulty, for programs that are run
    /// [`under`](Self::under) it.
    #[track_caller]
    pub fn at(folder: impl AsRef<Path>) -> Self {
        let own = TempDir::new().expect("a temporary folder");
        let source = own.path().join("disk.c");
        fs::write(&source, SOURCE).expect("the folder can be written");
        let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
        let made = Command::new(&compiler)
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(own.path().join("disk.so"))
            .arg(source)
            .arg("-ldl")
            .output();
        match made {
            Ok(made) => assert!(made.status.success(), "the C compiler: {made:?}"),
            Err(error) => panic!(
                "cannot run C compiler `{}`: {error}; `apt-get install gcc libc6-dev` installs it",
                compiler.display()
            ),
        }
        let folder = folder.as_ref().canonicalize().expect("the folder is there");
        Self { folder, own }
    }

    /// Runs the program on this disk.
    pub fn under(&self, program: Program) -> Program {
        program
            .env("LD_PRELOAD", self.own.path().join("disk.so"))
            .env("TESTKIT_DISK", &self.folder)
            .env("TESTKIT_DISK_COMMAND", self.command())
    }

    /// Makes each further write fail for want of room.
    pub fn fill(&self) {
        self.tell("full");
    }

    /// Makes each further write fail, as on a broken disk.
    pub fn fail_write(&self) {
        self.tell("write");
    }

    /// Makes each further fsync fail.
    pub fn fail_fsync(&self) {
        self.tell("fsync");
    }

    /// Ends all faults.
    pub fn heal(&self) {
        // There may be no fault.
        let _ = fs::remove_file(self.command());
    }

    fn tell(&self, command: &str) {
        // By a rename, so that no program reads half of it.
        let new = self.own.path().join("new");
        fs::write(&new, command).expect("the folder can be written");
        fs::rename(new, self.command()).expect("the folder can be written");
    }

    fn command(&self) -> PathBuf {
        self.own.path().join("command")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(disk: &FaultyDisk, to: &Path) -> Option<i32> {
        let script = "echo text >\"$0\" && dd if=\"$0\" of=\"$0\" conv=notrunc,fsync status=none";
        let program = Program::new("sh").args(["-c", script]).args([to]);
        disk.under(program).spawn().wait().code()
    }

    #[test]
    fn fails_on_command_and_only_there() {
        let folder = TempDir::new().expect("a temporary folder");
        let elsewhere = TempDir::new().expect("a temporary folder");
        let disk = FaultyDisk::at(folder.path());
        let here = folder.path().join("file");
        assert_eq!(copy(&disk, &here), Some(0));
        for act in [
            FaultyDisk::fill,
            FaultyDisk::fail_write,
            FaultyDisk::fail_fsync,
        ] {
            act(&disk);
            assert_ne!(copy(&disk, &here), Some(0));
            assert_eq!(copy(&disk, &elsewhere.path().join("file")), Some(0));
            disk.heal();
            assert_eq!(copy(&disk, &here), Some(0));
        }
    }
}
