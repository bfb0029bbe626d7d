//! Programs that are run and timed.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Returns the path of a program that was built beside this one.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let own = env::current_exe()?;
    let path = own.with_file_name(name);
    ensure!(path.is_file(), "there is no {}", path.display());
    Ok(path)
}

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
