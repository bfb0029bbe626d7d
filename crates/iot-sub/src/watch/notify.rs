//! Notifies the service manager as in `sd_notify(3)`: datagrams to the socket in `NOTIFY_SOCKET`.
//! systemd reads them, and so do other managers.

use std::env;
use std::time::Duration;

/// A connection to the service manager.
#[derive(Debug)]
pub(super) struct Notifier {
    #[cfg(unix)]
    socket: std::os::unix::net::UnixDatagram,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// Returns the connection if a service manager has asked for notifications.
    pub(super) fn find() -> Option<Self> {
        Some(Self {
            #[cfg(unix)]
            socket: connect(&env::var_os("NOTIFY_SOCKET")?)?,
            #[cfg(not(unix))]
            watchdog: env::var_os("NOTIFY_SOCKET").and(None)?,
            #[cfg(unix)]
            watchdog: watchdog(
                env::var("WATCHDOG_USEC").ok().as_deref(),
                env::var("WATCHDOG_PID").ok().as_deref(),
                std::process::id(),
            ),
        })
    }

    /// Returns after how long without a notification the manager restarts this program.
    pub(super) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Sends `text`, one `NAME=VALUE` on each line. Errors are ignored: a manager that needs the
    /// notification acts when it is missing.
    pub(super) fn notify(&self, text: &str) {
        #[cfg(unix)]
        let _ = self.socket.send(text.as_bytes());
    }
}

/// Connects to the socket at a path, or to that of an abstract name, which begins with `@`.
#[cfg(unix)]
fn connect(address: &std::ffi::OsStr) -> Option<std::os::unix::net::UnixDatagram> {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let address = match address.as_bytes().split_first()? {
        #[cfg(target_os = "linux")]
        (b'@', name) => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name).ok()?
        }
        _ => SocketAddr::from_pathname(address).ok()?,
    };
    let socket = UnixDatagram::unbound().ok()?;
    // A manager that does not read must not block this program.
    socket.set_nonblocking(true).ok()?;
    socket.connect_addr(&address).ok()?;
    Some(socket)
}

/// Reads `WATCHDOG_USEC`. It is for another process if `WATCHDOG_PID` is not this process.
#[cfg(unix)]
fn watchdog(microseconds: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid.parse() != Ok(own)) {
        return None;
    }
    let microseconds = microseconds?.parse().ok().filter(|&number| number > 0)?;
    Some(Duration::from_micros(microseconds))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_is_for_the_process_that_it_names() {
        let half = Some(Duration::from_millis(500));
        assert_eq!(watchdog(Some("500000"), None, 7), half);
        assert_eq!(watchdog(Some("500000"), Some("7"), 7), half);
        assert_eq!(watchdog(Some("500000"), Some("8"), 7), None);
        assert_eq!(watchdog(Some("0"), None, 7), None);
        assert_eq!(watchdog(Some("x"), None, 7), None);
        assert_eq!(watchdog(None, None, 7), None);
    }
}
