//! Reads texts that people write.

use std::io::{self, ErrorKind};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use iot_core::error::io_reason;
pub use iot_core::small_file::read_small_file;

/// Returns the text of a file.
///
/// # Errors
/// The system's, or the file is larger than 16 MiB or not UTF-8.
pub fn read_small_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read_small_file(path)?)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

/// Returns the first line of a password file.
///
/// # Errors
/// The file cannot be read: a line that calls it `what`.
pub fn read_password_file(path: &Path, what: &str) -> Result<String> {
    let text = read_small_text(path)
        .map_err(|error| anyhow!(io_reason(&error)))
        .with_context(|| format!("cannot read {what} `{}`", path.display()))?;
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_not_part_of_a_password() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "\u{feff}s3cret\r\nrest").unwrap();
        assert_eq!(read_password_file(file.path(), "file").unwrap(), "s3cret");
        std::fs::write(&file, b"\xff").unwrap();
        let error = read_password_file(file.path(), "file").unwrap_err();
        assert!(format!("{error:#}").ends_with(": it is not UTF-8"));
    }
}
