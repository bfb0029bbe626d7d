//! How much room a disk has, and what file is at a path.

use std::path::Path;

/// Returns how many bytes are free for us on the disk that `path` lies on, where the system tells.
#[cfg(unix)]
pub fn free(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(not(unix))]
pub fn free(_path: &Path) -> Option<u64> {
    None
}

/// What tells a file from another one at its path.
pub type FileId = (u64, u64);

/// Returns which file is at `path`, if there is one.
#[cfg(unix)]
pub fn file_id(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

#[cfg(not(unix))]
pub fn file_id(path: &Path) -> Option<FileId> {
    path.exists().then_some((0, 0))
}
