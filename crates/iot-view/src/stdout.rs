//! What commands print on stdout.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};
use iot_cli::stdout_failure;

/// Set once nobody reads stdout any more, as after `| head`.
static HAS_GONE: AtomicBool = AtomicBool::new(false);

/// Returns whether nobody reads stdout any more.
pub(crate) fn has_gone() -> bool {
    HAS_GONE.load(Ordering::Relaxed)
}

/// Prints a text as it is.
///
/// # Errors
/// It cannot be written. That nobody reads it is none.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    checked(
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush()),
    )
}

/// Prints lines.
///
/// # Errors
/// They cannot be written.
pub(crate) fn print_lines(lines: &[String]) -> Result<()> {
    let mut text = lines.join("\n");
    if !lines.is_empty() {
        text.push('\n');
    }
    print(&text)
}

/// Returns the error of a write to stdout, if it is one.
///
/// # Errors
/// It cannot be written.
pub(crate) fn checked(written: io::Result<()>) -> Result<()> {
    let Err(error) = written else { return Ok(()) };
    if let Some(failure) = stdout_failure(&error) {
        bail!(failure);
    }
    HAS_GONE.store(true, Ordering::Relaxed);
    Ok(())
}
