//! The default paths of spools and session files: below
//! `$XDG_STATE_HOME/iot-sub/`, or else `~/.local/state/iot-sub/`, one file for each broker, client
//! identifier and store.

use std::env;
use std::fs::DirBuilder;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use iot_cli::io_reason;
use sha2::{Digest, Sha256};

/// Returns the spool's path, and creates its private directory.
///
/// # Errors
/// The home directory is unknown, or the directory cannot be created.
pub(crate) fn spool(broker: &str, client_id: &str, store: &str) -> Result<PathBuf> {
    let directory = directory().context("no directory for the spool (give --spool PATH)")?;
    Ok(directory.join(file_name(broker, client_id, store) + ".spool"))
}

/// Returns the path of a session's file, and creates its private directory.
///
/// # Errors
/// As [`spool`].
pub(crate) fn session(broker: &str, client_id: &str, store: &str) -> Result<PathBuf> {
    let directory = directory().context("no directory for the session")?;
    Ok(directory.join(file_name(broker, client_id, store) + ".session"))
}

/// Returns the path of the file of alerts, and creates its private directory.
///
/// # Errors
/// As [`spool`].
pub(crate) fn alerts(broker: &str, client_id: &str, store: &str) -> Result<PathBuf> {
    let directory = directory().context("no directory for alerts (give --alert-file PATH)")?;
    Ok(directory.join(file_name(broker, client_id, store) + ".alerts"))
}

fn directory() -> Result<PathBuf> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .context("neither HOME nor XDG_STATE_HOME is set")?;
    let directory = state.join("iot-sub");
    make(&directory)
        .map_err(|error| anyhow!(io_reason(&error)))
        .with_context(|| format!("cannot create directory `{}`", directory.display()))?;
    Ok(directory)
}

fn make(directory: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Returns a name with a readable part, and a hash that makes it unique.
fn file_name(broker: &str, client_id: &str, store: &str) -> String {
    const READABLE: usize = 60;
    let collection = store.rsplit('/').next().unwrap_or_default();
    let parts = [broker, client_id, collection].into_iter();
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    let readable: String = parts
        .join("_")
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => c,
            _ => '-',
        })
        .take(READABLE)
        .collect();
    let mut hash = Sha256::new();
    for part in [broker, client_id, store] {
        hash.update(part);
        // No part holds a NUL, so different parts give different bytes.
        hash.update([0]);
    }
    let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
    let hash = u32::from_be_bytes([a, b, c, d]);
    format!("{}-{hash:08x}", readable.trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_read_and_is_that_of_one_broker_client_and_store() {
        let name = |broker, client_id| {
            file_name(broker, client_id, "mongodb://db:27017/iot_service.sensors")
        };
        let first = name("localhost:1883", "green house/1");
        assert_eq!(
            first,
            "localhost-1883_green-house-1_iot_service.sensors-04d486a6"
        );
        assert_ne!(first, name("localhost:1883", "green-house-1"));
        assert_ne!(first, name("localhost:1884", "green house/1"));
        assert!(name("localhost:1883", "").starts_with("localhost-1883_iot_service"));
        assert!(name(&"x".repeat(300), "../..").len() < 100);
    }
}
