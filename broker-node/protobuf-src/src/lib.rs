//! Stands in for the crate of this name, which compiles protoc from C++ source: the installed
//! protoc is used.

use std::path::PathBuf;

/// The compiler: `PROTOC`, or where Debian installs it.
pub fn protoc() -> PathBuf {
    std::env::var_os("PROTOC").map_or_else(|| PathBuf::from("/usr/bin/protoc"), PathBuf::from)
}

/// The folder of the well-known types.
pub fn include() -> PathBuf {
    PathBuf::from("/usr/include")
}
