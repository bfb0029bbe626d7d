//! Why the gateway closes a client's connection.

use std::fmt;

use iot_core::ReasonCode;

/// What a client did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It violates the protocol.
    Protocol(ReasonCode),
    /// Its packet is too large; the size in bytes.
    TooLarge(usize),
    /// Too many bytes of QoS 2 messages wait for their PUBREL.
    HalfOpen,
    /// It has sent nothing within its keep alive.
    Silent,
    /// It has not read anything for too long, or what waits for it takes too much memory.
    Stalled,
    /// Parts of packets of all clients together take too much memory.
    Memory,
}

impl Fault {
    /// Returns the reason code for an MQTT 5 client.
    pub(super) fn reason(self) -> ReasonCode {
        match self {
            Self::Protocol(reason) => reason,
            Self::TooLarge(_) => ReasonCode::PACKET_TOO_LARGE,
            Self::Silent => ReasonCode::KEEP_ALIVE_TIMEOUT,
            Self::HalfOpen | Self::Stalled | Self::Memory => ReasonCode(0x97),
        }
    }

    /// Whether it is reported on stderr. Errors in the protocol are the client's own problem, and
    /// devices vanish every day.
    pub(super) fn is_reported(self) -> bool {
        !matches!(self, Self::Protocol(_) | Self::Silent)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(reason) => write!(f, "{reason}"),
            Self::TooLarge(size) => write!(
                f,
                "a packet of {size} bytes is larger than the limit of {} for packets",
                super::broker::MAX_PACKET_SIZE
            ),
            Self::HalfOpen => f.write_str("too many messages with QoS 2 wait for their PUBREL"),
            Self::Silent => f.write_str("it has sent nothing within its keep alive"),
            Self::Stalled => f.write_str("it reads too slowly"),
            Self::Memory => f.write_str("too many large packets arrive at once"),
        }
    }
}
