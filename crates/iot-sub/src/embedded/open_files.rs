//! The limit of open files: each client needs three, and the usual soft limit is 1,024.

use std::io;

use iot_cli::io_reason;

/// Raises the soft limit of open files to the hard limit.
#[cfg(unix)]
pub(super) fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // If it fails, fewer clients can connect.
    let _ = setrlimit(Resource::Nofile, raised);
}

#[cfg(not(unix))]
pub(super) fn raise_limit() {}

/// Returns why a connection could not be made, and what helps.
pub(super) fn explain(error: &io::Error) -> String {
    let reason = io_reason(error);
    if is_limit(error) {
        return format!("{reason} (each client needs three; raise the hard limit: ulimit -Hn)");
    }
    reason
}

/// Whether the process or the system has too many open files.
#[cfg(unix)]
fn is_limit(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let limits = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|it| limits.contains(&it))
}

#[cfg(not(unix))]
fn is_limit(_: &io::Error) -> bool {
    false
}
