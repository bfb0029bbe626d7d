//! The limit of open files: each client needs three, and the usual soft limit is 1,024.

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
