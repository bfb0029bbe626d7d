//! From a message to a reading: which messages are used, what their payloads mean, and which
//! readings are stored.

pub(crate) mod decoder;
pub(crate) mod downsample;
mod id_key;
mod keys;
mod message;
pub(crate) mod message_fact;
mod payload;
pub(crate) mod payload_hash;
pub(crate) mod select;
pub(crate) mod topic_pattern;

pub(crate) use keys::{Keys, Pointer};
#[cfg(test)]
pub(crate) use message::read;
pub(crate) use payload::PayloadMode;
