//! Why received bytes are not a packet.

use crate::reason::ReasonCode;

/// Why bytes are not a packet that a broker may send (MQTT 5 §4.13.1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes don't have the form of the packet.
    #[error("malformed packet: {0}")]
    Malformed(&'static str),
    /// The form is right, but the content is not allowed.
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    /// The packet is larger than this client accepts (MQTT 5 [MQTT-3.1.2-24]).
    #[error("a packet of {size} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// The packet's size in bytes, with its fixed header.
        size: usize,
        /// The limit in bytes, [`maximum_packet_size`](crate::ClientConfig::maximum_packet_size).
        limit: usize,
    },
}

impl DecodeError {
    /// Returns the reason code of the DISCONNECT that follows on MQTT 5: 0x81, 0x82 or 0x95.
    pub fn reason(&self) -> ReasonCode {
        match self {
            Self::Malformed(_) => ReasonCode::MALFORMED_PACKET,
            Self::Protocol(_) => ReasonCode::PROTOCOL_ERROR,
            Self::TooLarge { .. } => ReasonCode::PACKET_TOO_LARGE,
        }
    }
}
