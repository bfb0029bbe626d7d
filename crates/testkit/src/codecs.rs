//! Other implementations of CBOR and `MessagePack`: a script on cbor2 and msgpack.

use std::process::Command;

use crate::install::{codecs_python, peer_script};

/// Returns so many random documents, a line each, as `scripts/peers/binary_documents.py` writes
/// them.
#[track_caller]
pub fn binary_documents(count: usize) -> String {
    let output = Command::new(codecs_python())
        .arg(peer_script("binary_documents.py"))
        .arg(count.to_string())
        .output()
        .expect("Python runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "binary_documents.py: {errors}");
    String::from_utf8(output.stdout).expect("its lines are UTF-8")
}
