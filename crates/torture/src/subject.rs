//! The `iot-sub` under test: one process after the other, on the same files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::{FaultyDisk, Program, Running};

use crate::small_disk::SmallDisk;

/// A copy of the program, so that a build does not replace it during the test.
pub(crate) struct Binary {
    path: PathBuf,
    _folder: TempDir,
}

impl Binary {
    /// Copies `program`, or the one beside this program.
    pub(crate) fn of(program: Option<&Path>) -> Self {
        let own = std::env::current_exe().expect("the path of this program");
        let beside = own.with_file_name("iot-sub");
        let original = program.unwrap_or(&beside);
        let bytes = fs::read(original).unwrap_or_else(|error| {
            panic!(
                "cannot read `{}`: {error} (scripts/torture builds it)",
                original.display()
            )
        });
        let mark = b"IOT_FAILPOINT is";
        assert!(
            bytes.windows(mark.len()).any(|bytes| bytes == mark),
            "`{}` was built without the feature failpoints (scripts/torture builds it)",
            original.display()
        );
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("iot-sub");
        fs::copy(original, &path).expect("room for a copy");
        Self {
            path,
            _folder: folder,
        }
    }
}

impl Binary {
    /// Returns the path of the copy.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The program, running or between two runs.
pub(crate) struct Subject {
    program: PathBuf,
    arguments: Vec<String>,
    /// The logs of all runs.
    logs: PathBuf,
    /// Files that outlive a run.
    state: PathBuf,
    pub(crate) disk: FaultyDisk,
    /// The small file system with these files, if there is one.
    small_disk: Option<SmallDisk>,
    running: Option<Running>,
    pub(crate) runs: u64,
    /// The sum of what it found in its spool at each start.
    pub(crate) found: u64,
}

impl Subject {
    /// Returns the program with these arguments, not started yet. What outlives it lies on the
    /// small file system if there is one, else with the logs in `folder`, which has to be there.
    pub(crate) fn new(
        binary: &Binary,
        arguments: Vec<String>,
        small_disk: Option<SmallDisk>,
        folder: &Path,
    ) -> Self {
        let state = small_disk.as_ref().map_or(folder, SmallDisk::folder);
        Self {
            program: binary.path.clone(),
            arguments,
            logs: folder.to_owned(),
            state: state.to_owned(),
            disk: FaultyDisk::at(state),
            small_disk,
            running: None,
            runs: 0,
            found: 0,
        }
    }

    /// Starts it; with a fail point it will kill itself there.
    pub(crate) fn start(&mut self, failpoint: Option<&str>) {
        let program = Program::new(&self.program)
            .args(&self.arguments)
            .env("XDG_STATE_HOME", &self.state);
        let mut program = self.disk.under(program);
        if let Some(failpoint) = failpoint {
            program = program.env("IOT_FAILPOINT", failpoint);
        }
        self.running = Some(program.spawn());
        self.runs += 1;
    }

    pub(crate) fn small_disk(&self) -> &SmallDisk {
        self.small_disk
            .as_ref()
            .expect("a fault of a round with one")
    }

    /// The path of its spool.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    fn running(&mut self) -> &mut Running {
        self.running.as_mut().expect("started")
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.check();
        self.running().kill();
        self.bury();
    }

    /// Waits until it has killed itself at its fail point; kills it at the timeout.
    pub(crate) fn wait_for_failpoint(&mut self, timeout: Duration) -> bool {
        let end = Instant::now() + timeout;
        while self.running().is_running() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        let died = !self.running().is_running();
        self.running().kill();
        if died {
            let status = self.running().wait();
            assert_eq!(status.code(), None, "iot-sub ended by itself: {status}");
        }
        self.bury();
        died
    }

    /// Waits until it ends by itself. It has to fail, and name the disk as the reason.
    pub(crate) fn fails_with_its_disk(&mut self) {
        let status = self.running().wait();
        let stderr = self.running().stderr();
        assert_eq!(status.code(), Some(1), "iot-sub: {status}\n{stderr}");
        let last = stderr.lines().last().unwrap_or_default();
        // SQLite's text, or the system's for the file of a --durable session.
        let is_why = last.contains("disk I/O error") || last.contains("input/output error");
        assert!(is_why, "iot-sub ended with: {last}");
        self.bury();
    }

    /// Ends it with SIGTERM. It has to succeed, and its counts have to add up. Returns its last
    /// line.
    pub(crate) fn terminate(&mut self) -> String {
        self.check();
        self.running().terminate();
        let status = self.running().wait();
        let stderr = self.running().stderr();
        assert!(status.success(), "iot-sub: {status}\n{stderr}");
        self.bury();
        let totals = stderr.lines().last().unwrap_or_default().to_owned();
        assert!(adds_up(&totals), "its counts don't add up: {totals}");
        totals
    }

    /// Stops it from running (SIGSTOP).
    pub(crate) fn freeze(&mut self) {
        self.running().freeze();
    }

    /// Lets it run on.
    pub(crate) fn thaw(&mut self) {
        self.running().thaw();
    }

    /// It must not have ended by itself.
    pub(crate) fn check(&mut self) {
        let running = self.running();
        assert!(
            running.is_running(),
            "iot-sub ended by itself:\n{}",
            running.stderr()
        );
    }

    /// How often it has printed this text in this run.
    pub(crate) fn said(&self, text: &str) -> usize {
        let stderr = self.running.as_ref().map(Running::stderr);
        stderr.map_or(0, |stderr| stderr.matches(text).count())
    }

    /// The last position of this text in what it has printed in this run.
    pub(crate) fn last(&self, text: &str) -> Option<usize> {
        self.running.as_ref()?.stderr().rfind(text)
    }

    /// Waits until it has printed this text more than `before` times; returns whether it did.
    pub(crate) fn notices(&mut self, text: &str, before: usize, timeout: Duration) -> bool {
        let end = Instant::now() + timeout;
        loop {
            if self.said(text) > before {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            self.check();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Keeps what it printed.
    fn bury(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        let stderr = running.stderr();
        let found = "found in the spool: ";
        for line in stderr.lines() {
            if let Some((_, count)) = line.split_once(found) {
                self.found += count.parse::<u64>().unwrap_or(0);
            }
        }
        let path = self.logs.join(format!("iot-sub-{}.log", self.runs));
        fs::write(path, stderr).expect("room for a log");
    }
}

/// `received + found in the spool = all others`, of `iot-sub: received 3, stored 2, …`. Readings
/// are counted beside the messages.
fn adds_up(totals: &str) -> bool {
    let Some(totals) = totals.strip_prefix("iot-sub: ") else {
        return false;
    };
    let (mut came, mut went) = (0, 0);
    for count in totals.split(", ") {
        let Some((name, count)) = count.rsplit_once(' ') else {
            return false;
        };
        let Ok(count) = count.parse::<u64>() else {
            return false;
        };
        match name {
            "received" | "found in the spool" => came += count,
            "readings" => {}
            _ => went += count,
        }
    }
    came == went
}
