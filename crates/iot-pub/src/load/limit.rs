//! Open files: each connection takes one.

use anyhow::{Result, bail};

/// Standard streams, signals, timers, the runtime's own, name look-ups.
const OTHERS: usize = 32;

/// Checks that the system allows this many connections, before the first one is made.
pub(super) fn check(connections: usize) -> Result<()> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    fits(connections, limit)
}

fn fits(connections: usize, limit: Option<u64>) -> Result<()> {
    let needed = connections + OTHERS;
    if let Some(limit) = limit
        && limit < needed as u64
    {
        bail!(
            "{connections} connections need {needed} open files, the limit is {limit}: `ulimit -n {needed}` raises it for this shell"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_are_told_with_the_command_that_helps() {
        assert!(fits(1000, None).is_ok());
        assert!(fits(992, Some(1024)).is_ok());
        assert_eq!(
            fits(993, Some(1024)).unwrap_err().to_string(),
            "993 connections need 1025 open files, the limit is 1024: `ulimit -n 1025` raises it for this shell"
        );
    }
}
