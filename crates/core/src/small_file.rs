//! Reads files that people write. A device without an end, such as `/dev/zero`, does not fill the
//! memory.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

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
