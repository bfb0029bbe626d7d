//! Reads files that people write. A device without an end, such as `/dev/zero`, does not fill the
//! memory.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use iot_core::error::io_reason;

/// A larger file is not one that somebody has written.
const LIMIT: u64 = 16 << 20;

/// Returns the bytes of a file.
///
/// # Errors
/// The system's, or the file is larger than 16 MiB.
pub fn read_small_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        let why = format!("it is larger than {} MiB", LIMIT >> 20);
        return Err(io::Error::new(ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

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

    #[cfg(unix)]
    #[test]
    fn a_file_without_an_end_is_refused() {
        let error = read_small_file(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(io_reason(&error), "it is larger than 16 MiB");
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_a_password() {
        let name = format!("iot-password-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, "\u{feff}s3cret\r\nrest").unwrap();
        assert_eq!(read_password_file(&path, "file").unwrap(), "s3cret");
        std::fs::write(&path, b"\xff").unwrap();
        let error = read_password_file(&path, "file").unwrap_err();
        assert!(format!("{error:#}").ends_with(": it is not UTF-8"));
        std::fs::remove_file(&path).unwrap();
    }
}
