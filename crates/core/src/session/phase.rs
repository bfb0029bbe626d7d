//! The state of the present connection.

use std::time::Instant;

use crate::packet::Disconnect;

/// The state of the present connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// There is no connection.
    Offline,
    /// CONNECT is queued or sent; CONNACK must arrive before the deadline.
    Connecting {
        /// When to give up.
        deadline: Instant,
    },
    /// CONNACK has accepted the connection.
    Online,
    /// The application has ended the connection.
    Ending {
        /// The last packet to send. `None` once it is sent, or if CONNECT never was.
        disconnect: Option<Disconnect>,
        /// CONNACK has arrived; it may arrive after the end was asked for.
        has_connack: bool,
    },
}

impl Phase {
    /// Whether there is a connection that packets can be queued for.
    pub(super) fn is_up(&self) -> bool {
        matches!(self, Self::Connecting { .. } | Self::Online)
    }

    pub(super) fn is_online(&self) -> bool {
        matches!(self, Self::Online)
    }
}
