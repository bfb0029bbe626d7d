//! What a decoder remembers beyond the end of the process, such as the aliases of a Sparkplug node.
//!
//! The state is a table of keys and bytes. It is loaded once, with
//! [`restore`](KeepsState::restore). Each message that changes it lists the changes with its
//! readings; they are committed together, before the message is acknowledged.

use std::sync::Arc;

use bytes::Bytes;

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// Begins with the decoder's name and a colon, such as `sparkplug:GROUP/NODE`.
    pub key: Arc<str>,
    /// The new value; `None` removes the key. At most [`STATE_VALUE_LIMIT`] bytes.
    pub value: Option<Bytes>,
}

/// Largest value of a key, in bytes. Larger ones are kept in memory only.
pub const STATE_VALUE_LIMIT: usize = 1 << 20;

/// Most keys that are kept. Decoders bound what they remember themselves; this bounds what a file
/// can hold of it.
pub const STATE_KEY_LIMIT: usize = 100_000;

/// A decoder with state that survives a restart.
pub trait KeepsState {
    /// Takes what an earlier process has committed under a key, before the first message. Keys of
    /// other decoders, and bytes that cannot be read, are ignored.
    fn restore(&mut self, key: &str, value: &[u8]);
}
