//! The broker's folder is private, whatever the umask is: it holds other people's messages.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::path::Path;

use anyhow::anyhow;

/// Creates the folder if it does not exist, and makes all files private that this process creates
/// from now on.
///
/// # Errors
/// The folder cannot be created or made private.
pub(super) fn make_folder(dir: &Path) -> anyhow::Result<()> {
    set_umask();
    make(dir).map_err(|error| {
        anyhow!(
            "cannot create folder `{}` for the broker's files: {}",
            dir.display(),
            iot_cli::io_reason(&error)
        )
    })
}

fn make(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.recursive(false).create(dir) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.is_dir() => restrict(dir),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(dir)?;
            restrict(dir)
        }
        result => result,
    }
}

/// Removes the rights that an earlier version has given to others.
fn restrict(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

#[cfg(unix)]
fn set_umask() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

#[cfg(not(unix))]
fn set_umask() {}
