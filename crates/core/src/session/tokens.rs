//! What names a received message when the application acknowledges or releases it.

use crate::message::{PacketId, QoS};

/// Names one delivery of one message, for [`Session::ack`](super::Session::ack). A second
/// acknowledgement changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckToken {
    pub(super) connection: u64,
    pub(super) number: u64,
    pub(super) id: PacketId,
    pub(super) qos: QoS,
    pub(super) again: bool,
    pub(super) instead: bool,
}

/// Names one PUBREL, for [`Session::release`](super::Session::release). A second release changes
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseToken {
    pub(super) connection: u64,
    /// Distinguishes the message from a later one with the same packet identifier.
    pub(super) serial: u64,
    pub(super) id: PacketId,
}

impl AckToken {
    /// Returns the packet identifier of the message.
    pub fn id(&self) -> PacketId {
        self.id
    }

    /// Returns the QoS that the message came with.
    pub fn qos(&self) -> QoS {
        self.qos
    }

    /// Returns whether the message is certainly the one with this packet identifier of the
    /// connection before: with QoS 1, its PUBACK was never sent, and the broker still had the
    /// session. Never for a message that may be new, and only with `manual_ack`.
    pub fn is_again(&self) -> bool {
        self.again
    }

    /// Returns whether this QoS 2 message came with a packet identifier that is held for another
    /// message: the broker has lost its state of that one.
    pub fn is_instead(&self) -> bool {
        self.instead
    }
}

impl ReleaseToken {
    /// Returns the packet identifier that the broker releases.
    pub fn id(&self) -> PacketId {
        self.id
    }
}
