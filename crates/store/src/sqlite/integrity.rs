//! Whether a file is whole.

use std::path::Path;

use anyhow::{Context, anyhow};

use super::failure::explain;
use super::read::connect;

/// Findings that are reported.
const MOST: u32 = 20;

/// Returns what SQLite finds damaged in the file at `path`, at most 20 lines; nothing if it is
/// whole. It reads all of it, which takes its time, and does not delay the program that writes.
///
/// # Errors
/// The file can't be read, or is none of SQLite's.
pub fn damage_in(path: &Path) -> anyhow::Result<Vec<String>> {
    let name = path.display();
    let failed = || format!("cannot check `{name}`");
    if !path.is_file() {
        return Err(anyhow!("no such file")).with_context(failed);
    }
    let lines = || {
        let connection = connect(path)?;
        let mut check = connection.prepare(&format!("PRAGMA integrity_check({MOST})"))?;
        let rows = check.query_map([], |row| row.get::<_, String>(0))?;
        rows.collect::<Result<Vec<_>, _>>()
    };
    let mut lines = lines().map_err(explain).with_context(failed)?;
    lines.retain(|line| line != "ok");
    Ok(lines)
}
