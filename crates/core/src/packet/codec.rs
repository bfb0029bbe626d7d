//! The settings of the codec; `encode` and `decode` have its methods.

use crate::protocol::Protocol;

/// Encodes and decodes packets of one protocol version.
#[derive(Debug, Clone, Copy)]
pub struct Codec {
    pub(super) protocol: Protocol,
    /// The largest packet that is decoded, in bytes with its fixed header.
    pub(super) maximum_packet_size: usize,
    /// The longest payload that is held, in bytes.
    pub(super) payload_limit: usize,
}

impl Codec {
    /// Returns a codec that decodes packets of at most `maximum_packet_size` bytes, including the
    /// fixed header. Encoding has no limit.
    pub fn new(protocol: Protocol, maximum_packet_size: usize) -> Self {
        Self {
            protocol,
            maximum_packet_size,
            payload_limit: usize::MAX,
        }
    }

    /// Returns the protocol version.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Returns a codec that decodes a PUBLISH with a payload of more than `limit` bytes as
    /// [`Incoming::LongPublish`](super::Incoming::LongPublish).
    #[must_use]
    pub fn with_payload_limit(self, limit: usize) -> Self {
        Self {
            payload_limit: limit,
            ..self
        }
    }
}
