//! Ctrl-C, SIGTERM and SIGHUP: the first asks a program to end cleanly, the second to end now.

use std::io;

/// The signals that end a program.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    /// Of a terminal that is closed. `None` if SIGHUP is ignored, as under nohup.
    #[cfg(unix)]
    hang_up: Option<tokio::signal::unix::Signal>,
    /// Whether Ctrl-C was pressed.
    is_interrupted: bool,
    exit_code: u8,
}

impl Signals {
    /// Takes over Ctrl-C, SIGTERM and, unless it is ignored, SIGHUP. Ignores SIGXFSZ. Must be
    /// called inside a tokio runtime.
    ///
    /// # Errors
    /// The system's, if a signal cannot be taken over.
    pub fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            // A file beyond the size limit (`ulimit -f`) is an error of the write, like a full
            // disk, and no reason to end.
            let too_large = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
            drop(signal(too_large)?);
            let hang_up = (!is_hang_up_ignored()).then(|| signal(SignalKind::hangup()));
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hang_up: hang_up.transpose()?,
                is_interrupted: false,
                exit_code: 0,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {
            is_interrupted: false,
            exit_code: 0,
        })
    }

    /// Returns the exit code of a program that the last signal has interrupted, as a shell reports
    /// it: 130 after Ctrl-C, 143 after SIGTERM.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// Waits for the next of them. May be dropped at the await: no signal is lost.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        {
            let hang_up = async {
                match &mut self.hang_up {
                    Some(signal) => signal.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.interrupt.recv() => {
                    self.is_interrupted = true;
                    self.exit_code = 130;
                }
                _ = self.terminate.recv() => self.exit_code = 143,
                _ = hang_up => self.exit_code = 129,
            }
        }
        #[cfg(not(unix))]
        match tokio::signal::ctrl_c().await {
            Ok(()) => {
                self.is_interrupted = true;
                self.exit_code = 130;
            }
            Err(_) => std::future::pending::<()>().await,
        }
    }

    /// Returns what to press to end the program at once: `Ctrl-C again` after a first one.
    pub fn key(&self) -> &'static str {
        if self.is_interrupted {
            "Ctrl-C again"
        } else {
            "Ctrl-C"
        }
    }
}

/// Returns whether the process was started with SIGHUP ignored. If the system does not say so,
/// SIGHUP keeps its default, which ends the process.
#[cfg(unix)]
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status");
    status.map_or(true, |status| ignores_hang_up(&status))
}

#[cfg(unix)]
fn ignores_hang_up(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGHUP is signal 1, the lowest bit.
    ignored.is_none_or(|mask| mask & 1 == 1)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bit_of_the_mask_says_whether_sighup_is_ignored() {
        assert!(ignores_hang_up("Name:\tx\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores_hang_up("Name:\tx\nSigIgn:\t0000000000001000\n"));
        assert!(ignores_hang_up("Name:\tx\n"));
    }
}
