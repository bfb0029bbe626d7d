//! Files that lie beside another one.

use std::path::{Path, PathBuf};

/// Returns the path of a file that belongs to the one at `path`: its name with `suffix` behind it.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
