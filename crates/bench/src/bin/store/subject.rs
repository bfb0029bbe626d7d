//! The measured `iot-sub`, fed by a bare peer.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench::measure::processor_time;
use bench::peer::{Guest, Peer};
use bench::program;

/// Unacknowledged messages that an MQTT 5 broker sends to `iot-sub`.
pub(crate) const WINDOW: usize = 2_000;
pub(crate) const MILLION: usize = 1_000_000;

/// `iot-sub` in a process of its own, ended when dropped.
pub(crate) struct Subject {
    pub(crate) child: Child,
    pub(crate) guest: Guest,
    before: Duration,
    _peer: Peer,
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Subject {
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Result<Self> {
        let program = program("iot-sub")?;
        let peer = Peer::listen()?;
        let child = Command::new(&program)
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &peer.port()?.to_string(),
                "-q",
                "1",
            ])
            .args(arguments)
            .env("XDG_STATE_HOME", folder)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("stderr"))?)
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))?;
        let mut guest = peer.accept()?;
        guest.accept_subscription()?;
        let before = processor_time(child.id())?;
        Ok(Self {
            child,
            guest,
            before,
            _peer: peer,
        })
    }

    /// Processor time since the subscription, in µs for each of so many readings.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn cost(&self, readings: u64) -> Result<f64> {
        let used = processor_time(self.child.id())?.saturating_sub(self.before);
        Ok(used.as_secs_f64() * 1e6 / readings as f64)
    }

    /// Ends it with SIGTERM.
    pub(crate) fn terminate(mut self) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "iot-sub: {status}");
        Ok(())
    }
}
