//! SHA-256 of a payload that is not held.

use iot_core::packet::PayloadHasher;
use sha2::{Digest, Sha256};

struct PayloadHash(Sha256);

/// Returns what computes the SHA-256 of a payload.
pub(crate) fn new() -> Box<dyn PayloadHasher> {
    Box::new(PayloadHash(Sha256::new()))
}

impl PayloadHasher for PayloadHash {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}
