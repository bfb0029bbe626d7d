//! Why the gateway ends a connection by itself.

use std::fmt;

use iot_core::ReasonCode;

/// Why a client can't go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It doesn't follow the protocol.
    Protocol(ReasonCode),
    /// Its packet of so many bytes is too large.
    TooLarge(usize),
    /// Too many bytes of it wait for their PUBREL.
    HalfOpen,
    /// Nothing could be written to it for so long.
    Stalled,
}

impl Fault {
    /// Returns the reason code for an MQTT 5 client.
    pub(super) fn reason(self) -> ReasonCode {
        match self {
            Self::Protocol(reason) => reason,
            Self::TooLarge(_) => ReasonCode::PACKET_TOO_LARGE,
            Self::HalfOpen | Self::Stalled => ReasonCode(0x97),
        }
    }

    /// Whether it is worth a line: what a client gets wrong is its own affair.
    pub(super) fn is_reported(self) -> bool {
        !matches!(self, Self::Protocol(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(reason) => write!(f, "{reason}"),
            Self::TooLarge(size) => write!(
                f,
                "a packet of {size} bytes is larger than the limit of {}",
                super::broker::MAX_PACKET_SIZE
            ),
            Self::HalfOpen => f.write_str("too many messages with QoS 2 wait for their PUBREL"),
            Self::Stalled => f.write_str("it reads too slowly"),
        }
    }
}
