//! A program on a machine of its own: one process after the other, with the same files.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use testkit::eventually;

use crate::network::Machine;
use torture::usage::{Thread, Usage};

/// How long a program may take to start, or to end on SIGTERM.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The program, running or between two runs.
pub(crate) struct Service {
    pub(crate) machine: Machine,
    program: PathBuf,
    arguments: Vec<OsString>,
    /// Its working directory, and `XDG_STATE_HOME`.
    folder: PathBuf,
    child: Option<Child>,
    /// Where the log of the latest run begins, in bytes.
    log_start: usize,
    /// What the runs before this one have used.
    used: Usage,
}

impl Service {
    /// Prepares a program whose files are in `folder`, which is made.
    pub(crate) fn new(machine: Machine, program: &Path, folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("room for a folder");
        Self {
            machine,
            program: program.to_owned(),
            arguments: Vec::new(),
            folder: folder.to_owned(),
            child: None,
            log_start: 0,
            used: Usage::default(),
        }
    }

    pub(crate) fn args<T: Into<OsString>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.arguments.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts it.
    pub(crate) fn start(&mut self) {
        self.start_with(&[]);
    }

    /// Starts it with further arguments.
    pub(crate) fn start_with(&mut self, more: &[&str]) {
        assert!(self.child.is_none(), "{} runs already", self.machine.name);
        self.log_start = self.log().len();
        let more = more.iter().map(OsString::from);
        let arguments: Vec<_> = self.arguments.iter().cloned().chain(more).collect();
        self.child = Some(self.spawn(&arguments));
    }

    /// Runs the program with other arguments on the same machine and files, to its end, which must
    /// be a success.
    pub(crate) fn run_to_end(&mut self, arguments: &[&str]) {
        self.log_start = self.log().len();
        let arguments: Vec<_> = arguments.iter().map(OsString::from).collect();
        let status = self.spawn(&arguments).wait().expect("a child of ours");
        assert!(
            status.success(),
            "{arguments:?}: {status}\n{}",
            self.latest_log()
        );
    }

    fn spawn(&self, arguments: &[OsString]) -> Child {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))
            .expect("the log can be written");
        let mut command = self.machine.command();
        command
            .arg(&self.program)
            .args(arguments)
            .current_dir(&self.folder)
            .env("XDG_STATE_HOME", &self.folder)
            .env("HOME", &self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let child = command.spawn();
        child.unwrap_or_else(|error| panic!("cannot run {}: {error}", self.program.display()))
    }

    /// Waits until it has logged this text in its latest run.
    pub(crate) fn wait_for_log(&mut self, text: &str) {
        let name = self.machine.name.clone();
        eventually(TIMEOUT, format_args!("{name} logs `{text}`"), || {
            self.check();
            self.latest_log().contains(text)
        });
    }

    pub(crate) fn latest_log(&self) -> String {
        self.log().split_off(self.log_start)
    }

    /// What it has logged in all its runs.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.used = self.usage();
        if let Some(mut child) = self.child.take() {
            // Fails only where it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends it with SIGTERM; returns whether it succeeded.
    pub(crate) fn terminate(&mut self) -> bool {
        self.signal(Signal::TERM);
        let mut used = self.used;
        let name = self.machine.name.clone();
        let status = eventually(TIMEOUT, format_args!("{name} ends"), || {
            used = self.usage().max(used);
            let child = self.child.as_mut().expect("it runs");
            child.try_wait().expect("a child of ours")
        });
        self.used = used;
        self.child = None;
        status.success()
    }

    /// Stops it from running (SIGSTOP).
    pub(crate) fn freeze(&mut self) {
        self.signal(Signal::STOP);
    }

    /// Lets it run on (SIGCONT).
    pub(crate) fn thaw(&mut self) {
        self.signal(Signal::CONT);
    }

    fn signal(&mut self, signal: Signal) {
        self.check();
        if let Some(child) = &self.child {
            kill_process(Pid::from_child(child), signal).expect("a child takes our signals");
        }
    }

    fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// It must not have ended by itself.
    pub(crate) fn check(&mut self) {
        let ended = match &mut self.child {
            Some(child) => child.try_wait().expect("a child of ours"),
            None => return,
        };
        if let Some(status) = ended {
            let log = self.latest_log();
            let last: Vec<_> = log.lines().rev().take(20).collect();
            let last: Vec<_> = last.into_iter().rev().collect();
            panic!(
                "{} ended by itself ({status}):\n{}",
                self.machine.name,
                last.join("\n")
            );
        }
    }

    /// The threads of its latest run.
    pub(crate) fn threads(&self) -> Vec<Thread> {
        self.id().map(Thread::all).unwrap_or_default()
    }

    /// What all its runs have used.
    pub(crate) fn usage(&self) -> Usage {
        let now = self.id().and_then(Usage::of);
        self.used.plus(now.unwrap_or_default())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}
