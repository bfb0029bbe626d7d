//! A terminal with a shell in it.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use testkit::{DEADLINE, eventually};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A terminal of its own server, which ends with it.
pub(crate) struct Tmux {
    socket: String,
    folder: TempDir,
}

impl Tmux {
    /// Starts a shell on a terminal of this size.
    #[track_caller]
    pub(crate) fn start(columns: u16, rows: u16) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::tempdir().expect("a folder");
        let tmux = Self {
            socket: format!("iot-{}-{number}", std::process::id()),
            folder,
        };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let home = tmux.folder.path().to_str().expect("UTF-8").to_owned();
        tmux.run(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &columns,
            "-y",
            &rows,
            "-c",
            &home,
            "env",
            "-i",
            "PATH=/usr/bin:/bin",
            "TERM=screen-256color",
            "LANG=C.UTF-8",
            &format!("HOME={home}"),
            "PS1=$ ",
            "sh",
            "-i",
        ]);
        tmux.run(&["set-option", "-g", "window-size", "manual"]);
        tmux.wait_for("$");
        tmux
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-u", "-L", &self.socket])
            .args(args)
            .env_remove("TMUX")
            .output()
            .expect("tmux (scripts/install-test-servers installs it)");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {args:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Types a line.
    pub(crate) fn line(&self, text: &str) {
        self.run(&["send-keys", "-l", text]);
        self.key("Enter");
    }

    /// Presses a key, by tmux's name.
    pub(crate) fn key(&self, name: &str) {
        self.run(&["send-keys", name]);
    }

    /// Sends bytes to the program, as two hex digits each.
    pub(crate) fn bytes(&self, hex: &str) {
        let digits: Vec<_> = hex.split(' ').collect();
        self.run(&[&["send-keys", "-H"], &digits[..]].concat());
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.run(&["resize-window", "-x", &columns, "-y", &rows]);
    }

    /// Returns the text on the screen.
    pub(crate) fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    /// Returns the text on the screen with its attributes.
    pub(crate) fn colours(&self) -> String {
        self.run(&["capture-pane", "-p", "-e"])
    }

    /// Returns what programs can change of a terminal.
    pub(crate) fn modes(&self) -> String {
        let format = "alternate #{alternate_on}, mouse #{mouse_any_flag}, cursor #{cursor_flag}";
        self.run(&["display-message", "-p", format])
            .trim()
            .to_owned()
    }

    /// Returns the process id of the program that the shell runs.
    pub(crate) fn foreground(&self) -> String {
        let shell = self.run(&["display-message", "-p", "#{pane_pid}"]);
        let found = Command::new("pgrep").args(["-P", shell.trim()]).output();
        let found = found.expect("pgrep").stdout;
        String::from_utf8_lossy(&found).trim().to_owned()
    }

    /// Sends a signal to the program in the foreground.
    pub(crate) fn signal_foreground(&self, signal: &str) {
        let id = self.foreground();
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &id])
            .status();
        assert!(sent.expect("kill").success(), "{id}");
    }

    /// Waits for a text on the screen, and returns the whole screen.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |screen| screen.contains(text))
    }

    /// Waits until the screen is as it should be.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, mut is_there: impl FnMut(&str) -> bool) -> String {
        let mut screen = String::new();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(DEADLINE, what, || {
                screen = self.screen();
                is_there(&screen)
            });
        }));
        assert!(found.is_ok(), "no `{what}` on the screen:\n{screen}");
        screen
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux")
            .args(["-L", &self.socket, "kill-server"])
            .status();
    }
}
