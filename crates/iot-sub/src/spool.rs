//! The spool: readings are committed to it before they are acknowledged, and wait there for their delivery.

mod codec;
mod lock;
mod salvage;
pub(crate) mod spool;

use std::path::{Path, PathBuf};

pub(crate) use lock::Lock;

/// Returns the path of a file that belongs to the one at `path`: its name with `end` behind it.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
