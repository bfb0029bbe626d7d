//! What all test servers share: a port, a folder, a log, start and end.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::ports::Port;
use crate::program::signal;
use crate::wait::{self, DEADLINE};

/// What differs from one server to the next.
pub(crate) trait Kind {
    /// Its name, for messages.
    const NAME: &'static str;

    /// What it logs once it accepts connections. A connection to probe it would appear in the log
    /// that tests read, and cannot distinguish our server from another one on the same port.
    const READY: &'static str;

    /// Longest time from the start until it is ready.
    const START_TIMEOUT: Duration;

    /// How much of the end of its log a failed test shows.
    const LINES_TO_SHOW: usize;

    /// Returns the command that runs it on `port`, with all its files in `folder`.
    #[track_caller]
    fn command(&self, folder: &Path, port: u16) -> Command;
}

/// A server program on a port of its own, with its files in a temporary folder; killed on drop.
pub(crate) struct Server<K: Kind> {
    kind: K,
    folder: TempDir,
    port: Port,
    child: Option<Child>,
    /// Where the log of the latest start begins, in bytes.
    log_start: usize,
    /// Whether a panic has shown the log.
    shown: AtomicBool,
}

/// Another program may take a port after we have checked it, before the server listens.
const PORTS_TO_TRY: usize = 5;
const PORT_TAKEN: &str = "ddress already in use";

impl<K: Kind> Server<K> {
    #[track_caller]
    pub(crate) fn start(kind: K) -> Self {
        let mut server = Self::reserve(kind);
        for _ in 1..PORTS_TO_TRY {
            server.launch();
            if server.becomes_ready() {
                return server;
            }
            if !server.log().contains(PORT_TAKEN) {
                break;
            }
            server.kill();
            server.port = Port::free();
        }
        server.fail("did not start");
    }

    #[track_caller]
    pub(crate) fn reserve(kind: K) -> Self {
        Self {
            kind,
            folder: TempDir::new().expect("a temporary folder"),
            port: Port::free(),
            child: None,
            log_start: 0,
            shown: AtomicBool::new(false),
        }
    }

    #[track_caller]
    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none(), "{} is running already", K::NAME);
        self.launch();
        if !self.becomes_ready() {
            self.fail("did not start");
        }
    }

    #[track_caller]
    fn launch(&mut self) {
        self.log_start = self.log().len();
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .expect("the log can be written");
        let mut command = self.kind.command(self.folder.path(), self.port.number());
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log);
        match command.spawn() {
            Ok(child) => self.child = Some(child),
            Err(error) => panic!("cannot run {}: {error}", command.get_program().display()),
        }
    }

    fn becomes_ready(&mut self) -> bool {
        let ready = wait::poll(K::START_TIMEOUT, || {
            let ended = !self.is_running();
            (ended || self.latest_log().contains(K::READY)).then_some(!ended)
        });
        ready == Some(true)
    }

    fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    #[track_caller]
    pub(crate) fn stop(&mut self) {
        if self.child.is_none() {
            return;
        }
        self.signal(Signal::TERM);
        // A frozen server gets the first signal only after it continues.
        self.signal(Signal::CONT);
        if wait::poll(DEADLINE, || !self.is_running()).is_none() {
            self.fail("does not end on SIGTERM");
        }
        self.child = None;
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Fails only where it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    #[track_caller]
    pub(crate) fn signal(&mut self, which: Signal) {
        match &mut self.child {
            Some(child) => signal(child, which),
            None => panic!("{} is not running", K::NAME),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.number()
    }

    pub(crate) fn kind(&self) -> &K {
        &self.kind
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    fn latest_log(&self) -> String {
        self.log().get(self.log_start..).unwrap_or_default().into()
    }

    #[track_caller]
    pub(crate) fn wait_for_log(&self, text: &str, deadline: Duration) -> String {
        let line = wait::poll(deadline, || {
            let log = self.latest_log();
            log.lines().find(|line| line.contains(text)).map(Into::into)
        });
        match line {
            Some(line) => line,
            None => self.fail(&format!("did not log `{text}` within {deadline:?}")),
        }
    }

    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        self.shown.store(true, Ordering::Relaxed);
        panic!("{} {what}\n{}", K::NAME, self.end_of_log());
    }

    fn end_of_log(&self) -> String {
        let log = self.log();
        let first = log.lines().count().saturating_sub(K::LINES_TO_SHOW);
        let lines: Vec<_> = log.lines().skip(first).collect();
        let (name, port, lines) = (K::NAME, self.port(), lines.join("\n"));
        format!("--- {name} on port {port}: end of its log\n{lines}\n---")
    }
}

impl<K: Kind> Drop for Server<K> {
    fn drop(&mut self) {
        self.kill();
        // The test fails, and this may say why.
        let silent = self.log().is_empty() || self.shown.load(Ordering::Relaxed);
        if thread::panicking() && !silent {
            eprintln!("{}", self.end_of_log());
        }
    }
}
