//! How long a payload may be that is held.

use std::fmt;

use crate::packet::PayloadHasher;

/// How long a payload may be that is held, and what is known of a longer one.
///
/// A longer payload is skipped while it arrives, which takes no memory. The message is an
/// [`Event::Skipped`](crate::Event::Skipped) then, and is acknowledged like any other. The broker
/// does not learn of this limit, unlike of
/// [`maximum_packet_size`](crate::ClientConfig::maximum_packet_size).
#[derive(Clone, Copy)]
pub struct PayloadLimit {
    /// The longest payload to hold, in bytes.
    pub bytes: usize,
    /// How many of its first bytes are kept of a longer one.
    pub kept_bytes: usize,
    /// Makes what computes the hash of a longer one. Default none.
    pub hasher: Option<fn() -> Box<dyn PayloadHasher>>,
}

impl PartialEq for PayloadLimit {
    fn eq(&self, other: &Self) -> bool {
        let same_hasher = match (self.hasher, other.hasher) {
            (None, None) => true,
            (Some(one), Some(other)) => std::ptr::fn_addr_eq(one, other),
            _ => false,
        };
        same_hasher && self.bytes == other.bytes && self.kept_bytes == other.kept_bytes
    }
}

impl fmt::Debug for PayloadLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadLimit")
            .field("bytes", &self.bytes)
            .field("kept_bytes", &self.kept_bytes)
            .finish_non_exhaustive()
    }
}
