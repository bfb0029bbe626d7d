//! Our programs, run as a user runs them.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::capture::Capture;
use crate::wait::{self, DEADLINE};

/// Returns the path of a program of this workspace, for a test of another package: a package's own
/// tests have `env!("CARGO_BIN_EXE_…")`, and cargo then builds it for them. A missing one
/// is built. An existing one may be older than its sources; `cargo build --workspace` updates it.
#[track_caller]
pub fn program(name: &str) -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    // Tests lie in target/PROFILE/deps, programs one folder up.
    let folder = test
        .parent()
        .and_then(Path::parent)
        .expect("a test in a target folder");
    let path = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    if !path.is_file()
        && let Err(why) = build(name, folder)
    {
        panic!(
            "no program `{}`, and it can't be built: {why} (`cargo build --workspace` makes it)",
            path.display()
        );
    }
    path
}

/// Builds a program of this workspace into a folder `target/PROFILE`. A second test waits for
/// cargo's own lock.
fn build(name: &str, folder: &Path) -> Result<(), String> {
    let profile = match folder.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--package", name, "--bin", name])
        .args(["--profile", profile, "--target-dir"])
        .arg(folder.parent().expect("target is above it"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let first = said.lines().find(|line| line.starts_with("error"));
    Err(first.unwrap_or("cargo fails").to_owned())
}

/// A program to run in a temporary folder, which is also its home. Configuration files and `IOT_…`
/// variables of the user have no influence.
#[derive(Debug)]
#[must_use = "nothing runs before `spawn`"]
pub struct Program {
    command: Command,
    folder: TempDir,
    last_line: Option<String>,
}

impl Program {
    /// Prepares the program at `path`, or found in `PATH`. Its standard input is empty.
    #[track_caller]
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let mut command = Command::new(path);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("IOT_") {
                command.env_remove(name);
            }
        }
        for name in [
            "HOME",
            "XDG_CACHE_HOME",
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
            "XDG_RUNTIME_DIR",
            "XDG_STATE_HOME",
        ] {
            command.env(name, folder.path());
        }
        command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            command,
            folder,
            last_line: None,
        }
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable, an `IOT_…` one included.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Gives it this as its standard input, instead of nothing.
    #[track_caller]
    pub fn stdin(mut self, input: impl Into<Stdio>) -> Self {
        self.command.stdin(input);
        self
    }

    /// Runs it in this folder instead.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Closes its standard output after a line with `text`, as `| head` would.
    pub fn close_stdout_after(mut self, text: &str) -> Self {
        self.last_line = Some(text.into());
        self
    }

    /// Starts it.
    #[track_caller]
    pub fn spawn(mut self) -> Running {
        let name = Path::new(self.command.get_program())
            .file_name()
            .unwrap_or_default()
            .display()
            .to_string();
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(error) => panic!(
                "cannot run {}: {error}",
                self.command.get_program().display()
            ),
        };
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        Running {
            name,
            child,
            stdout: Capture::of(stdout, self.last_line),
            stderr: Capture::of(stderr, None),
            folder: self.folder,
            shown: AtomicBool::new(false),
        }
    }
}

/// A program that was started; killed on drop.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    stdout: Capture,
    stderr: Capture,
    folder: TempDir,
    /// Whether a panic has shown what it wrote.
    shown: AtomicBool,
}

impl Running {
    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the temporary folder that is its home, and its working directory unless told
    /// otherwise.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns all whole lines that it has written to stdout so far, and the rest once it has
    /// ended.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Returns what it has written to stderr so far, likewise.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits for a line with `text` on stdout, from its first line on, and returns that line.
    #[track_caller]
    pub fn wait_for_stdout(&self, text: &str) -> String {
        self.wait_for(&self.stdout, "stdout", text)
    }

    /// Waits for a line with `text` on stderr, from its first line on, and returns that line.
    #[track_caller]
    pub fn wait_for_stderr(&self, text: &str) -> String {
        self.wait_for(&self.stderr, "stderr", text)
    }

    #[track_caller]
    fn wait_for(&self, output: &Capture, which: &str, text: &str) -> String {
        match output.wait_for(text, DEADLINE) {
            Some(line) => line,
            None => self.fail(&format!(
                "did not write `{text}` to {which} before its end or within {DEADLINE:?}"
            )),
        }
    }

    /// Sends SIGINT, as Ctrl-C does. Nothing happens where it has ended already; so for all
    /// signals.
    pub fn interrupt(&mut self) {
        signal(&mut self.child, Signal::INT);
    }

    /// Sends SIGTERM.
    pub fn terminate(&mut self) {
        signal(&mut self.child, Signal::TERM);
    }

    /// Sends it SIGHUP, as a terminal that is closed does.
    pub fn hang_up(&mut self) {
        signal(&mut self.child, Signal::HUP);
    }

    /// Sends it SIGUSR1.
    pub fn signal_user(&mut self) {
        signal(&mut self.child, Signal::USR1);
    }

    /// Kills it with SIGKILL, and waits for its end.
    pub fn kill(&mut self) {
        // Fails only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it from running (SIGSTOP).
    pub fn freeze(&mut self) {
        signal(&mut self.child, Signal::STOP);
    }

    /// Lets it run on (SIGCONT).
    pub fn thaw(&mut self) {
        signal(&mut self.child, Signal::CONT);
    }

    /// Returns whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end, and until everything it has written is here.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let status = wait::poll(DEADLINE, || self.child.try_wait().ok().flatten());
        let Some(status) = status else {
            self.fail(&format!("did not end within {DEADLINE:?}"));
        };
        let complete = self.stdout.wait_for_end(DEADLINE) && self.stderr.wait_for_end(DEADLINE);
        if !complete {
            self.fail("has ended, but a program that it has started has not");
        }
        status
    }

    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        // One output at its end is often the end of the program: the other one then says why, but
        // may not be here yet.
        for output in [&self.stdout, &self.stderr] {
            output.wait_for_end(Duration::from_millis(500));
        }
        self.shown.store(true, Ordering::Relaxed);
        panic!("{} {what}\n{}", self.name, self.written());
    }

    fn written(&self) -> String {
        let (name, stdout, stderr) = (&self.name, self.stdout(), self.stderr());
        format!("--- {name}: stdout\n{stdout}--- {name}: stderr\n{stderr}---")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        // The test fails, and this may say why.
        if thread::panicking() && !self.shown.load(Ordering::Relaxed) {
            eprintln!("{}", self.written());
        }
    }
}

/// Sends a signal to a child that has not ended: only as long as nobody has waited for it is its id
/// its own.
pub(crate) fn signal(child: &mut Child, signal: Signal) {
    if matches!(child.try_wait(), Ok(None)) {
        kill_process(Pid::from_child(child), signal).expect("a child takes our signals");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn shell(script: &str) -> Program {
        Program::new("sh").args(["-c", script])
    }

    #[test]
    fn captures_both_outputs_and_the_status() {
        let mut running = shell("echo one; echo two >&2; printf three; exit 27").spawn();
        assert_eq!(running.wait().code(), Some(27));
        assert_eq!(running.stdout(), "one\nthree");
        assert_eq!(running.stderr(), "two\n");
    }

    #[test]
    fn returns_the_line_waited_for() {
        let running = shell("echo ' iot/home2/temp 25.5'; echo Connected >&2; sleep 60").spawn();
        assert_eq!(running.wait_for_stdout("25.5"), " iot/home2/temp 25.5");
        assert_eq!(running.wait_for_stderr("Conn"), "Connected");
    }

    #[test]
    #[should_panic(expected = "did not write `three` to stderr")]
    fn a_wait_ends_with_the_program() {
        shell("echo one; echo two >&2")
            .spawn()
            .wait_for_stderr("three");
    }

    #[test]
    #[should_panic(expected = "--- sh: stdout\none\n--- sh: stderr\ntwo\n")]
    fn a_failed_wait_shows_everything_captured() {
        shell("echo one; echo two >&2")
            .spawn()
            .wait_for_stdout("three");
    }

    #[test]
    fn signals_arrive() {
        // A shell can't trap what was ignored at its start, as SIGINT is in jobs that run in the
        // background.
        let script =
            "trap 'exit 3' INT; trap 'exit 4' TERM; echo ready; while :; do sleep 0.01; done";
        let ended_by = |end: fn(&mut Running)| {
            let shell = ["--default-signal=INT,TERM", "sh", "-c", script];
            let mut running = Program::new("env").args(shell).spawn();
            running.wait_for_stdout("ready");
            assert!(running.is_running());
            end(&mut running);
            running.wait()
        };
        assert_eq!(ended_by(Running::interrupt).code(), Some(3));
        assert_eq!(ended_by(Running::terminate).code(), Some(4));
        assert_eq!(ended_by(Running::kill).signal(), Some(9));
    }

    #[test]
    fn a_signal_after_the_end_is_nothing() {
        let mut running = shell("exit 0").spawn();
        running.wait();
        running.interrupt();
        running.kill();
        assert!(running.wait().success());
    }

    #[test]
    fn dropped_is_killed() {
        let running = shell("echo ready; exec sleep 60").spawn();
        running.wait_for_stdout("ready");
        let process = PathBuf::from(format!("/proc/{}", running.id()));
        let was_there = process.exists();
        drop(running);
        assert!(!was_there || !process.exists());
    }

    #[test]
    fn sees_nothing_of_the_developers_own_settings() {
        let mut running = shell("env; pwd").env("IOT_HOST", "example").spawn();
        running.wait();
        let folder = running.folder().display().to_string();
        let written = running.stdout();
        assert!(written.contains(&format!("HOME={folder}\n")), "{written}");
        assert!(
            written.contains(&format!("XDG_CONFIG_HOME={folder}\n")),
            "{written}"
        );
        assert!(written.ends_with(&format!("\n{folder}\n")), "{written}");
        let ours = written.lines().filter(|line| line.starts_with("IOT_"));
        assert_eq!(ours.collect::<Vec<_>>(), ["IOT_HOST=example"]);
    }

    #[test]
    fn stdout_can_be_closed_early() {
        const SIGPIPE: i32 = 13;
        let mut running = Program::new("yes").close_stdout_after("y").spawn();
        assert_eq!(running.wait().signal(), Some(SIGPIPE));
        assert_eq!(running.stdout(), "y\n");
    }

    #[test]
    fn finds_a_program_beside_the_test() {
        let beside = env::current_exe().expect("the path of this test");
        let folder = beside.ancestors().nth(2).expect("target/PROFILE");
        let name = format!("testkit-own-test-{}", std::process::id());
        fs::write(folder.join(&name), "").expect("the target folder can be written");
        assert_eq!(program(&name), folder.join(&name));
        fs::remove_file(folder.join(&name)).expect("it is still there");
    }

    #[test]
    #[should_panic(expected = "`cargo build --workspace` makes it")]
    fn a_missing_program_comes_with_the_line_that_makes_it() {
        program("no-such-program");
    }
}
