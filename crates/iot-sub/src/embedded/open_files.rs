//! Each client takes three open files, and many systems allow 1,024 at first.

/// Allows this process as many open files as it may have.
#[cfg(unix)]
pub(super) fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Without it there are fewer clients.
    let _ = setrlimit(Resource::Nofile, most);
}

#[cfg(not(unix))]
pub(super) fn raise_limit() {}
