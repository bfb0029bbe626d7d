//! Programs that are timed.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Runs a program whose output nobody reads.
pub(crate) fn timed(command: &mut Command) -> Result<Duration> {
    let name = command.get_program().to_string_lossy().into_owned();
    let start = Instant::now();
    let status = command
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {name}"))?;
    let time = start.elapsed();
    ensure!(status.success(), "{name} failed: {status}");
    Ok(time)
}
