//! The limit of open files: each connection takes one.

use anyhow::{Result, bail};

/// The files besides the connections: standard streams, signals, timers, the runtime, name
/// look-ups.
const OTHERS: usize = 32;

/// Checks that the system allows this many connections, before the first one is made.
pub(crate) fn check(connections: usize) -> Result<()> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    fits(connections, limit.current, limit.maximum)
}

/// `maximum` is how far a user may raise the limit.
fn fits(connections: usize, limit: Option<u64>, maximum: Option<u64>) -> Result<()> {
    let needed = connections + OTHERS;
    let is_below = |limit: &u64| *limit < needed as u64;
    let Some(limit) = limit.filter(is_below) else {
        return Ok(());
    };
    let files = format!("{connections} connections need {needed} open files, the limit is {limit}");
    match maximum.filter(is_below) {
        None => bail!("{files}: `ulimit -n {needed}` raises it for this shell"),
        Some(maximum) => bail!(
            "{files}, its hard limit {maximum}: \
             `sudo prlimit --pid $$ --nofile={needed}` raises both for this shell"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_connections_are_reported_with_the_command_that_helps() {
        let why = |limit, maximum| fits(993, Some(limit), maximum).unwrap_err().to_string();
        assert!(fits(1000, None, None).is_ok());
        assert!(fits(992, Some(1024), Some(1024)).is_ok());
        for maximum in [None, Some(1025)] {
            assert_eq!(
                why(1024, maximum),
                "993 connections need 1025 open files, the limit is 1024: `ulimit -n 1025` raises it for this shell"
            );
        }
        assert_eq!(
            why(256, Some(1024)),
            "993 connections need 1025 open files, the limit is 256, its hard limit 1024: \
             `sudo prlimit --pid $$ --nofile=1025` raises both for this shell"
        );
    }
}
