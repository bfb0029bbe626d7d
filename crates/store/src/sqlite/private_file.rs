//! Files that nobody else may read, whatever the umask: they hold other people's messages.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Makes an empty file; one that is there is emptied.
///
/// # Errors
/// The system's.
pub fn create(path: &Path) -> io::Result<File> {
    let file = options().truncate(true).create(true).open(path)?;
    restrict(&file)?;
    Ok(file)
}

/// Makes an empty file unless there is one. A file that is there keeps its rights.
///
/// # Errors
/// The system's; that there is one is none.
pub fn create_unless_there(path: &Path) -> io::Result<()> {
    match create_new(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        result => result.map(drop),
    }
}

/// Makes a file where there is none.
///
/// # Errors
/// The system's, also if there is one.
pub fn create_new(path: &Path) -> io::Result<File> {
    let file = options().create_new(true).open(path)?;
    restrict(&file)?;
    Ok(file)
}

fn options() -> std::fs::OpenOptions {
    let mut options = File::options();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A umask can only take rights away, also from us.
fn restrict(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}
