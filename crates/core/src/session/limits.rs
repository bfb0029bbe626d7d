//! The broker's limits, from its CONNACK (MQTT 5 §3.2.2.3).

use std::time::Duration;

use crate::error::Error;
use crate::message::{Message, Properties};
use crate::packet::MAX_PACKET;

/// What the broker's CONNACK allows.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of CONNACK, independent of each other"
)]
pub(super) struct Limits {
    pub(super) receive_maximum: u16,
    pub(super) maximum_qos: u8,
    pub(super) retain_available: bool,
    pub(super) maximum_packet_size: usize,
    pub(super) keep_alive: Duration,
    pub(super) wildcards: bool,
    pub(super) subscription_identifiers: bool,
    pub(super) shared_subscriptions: bool,
}

impl Limits {
    /// Returns what a CONNACK with these properties allows; without properties, all that the
    /// protocol does.
    pub(super) fn new(connack: Option<&Properties>, keep_alive: Duration) -> Self {
        let none = Properties::default();
        let connack = connack.unwrap_or(&none);
        Self {
            receive_maximum: connack.receive_maximum.unwrap_or(u16::MAX),
            maximum_qos: connack.maximum_qos.unwrap_or(2),
            retain_available: connack.retain_available != Some(0),
            maximum_packet_size: connack
                .maximum_packet_size
                .map_or(MAX_PACKET, |n| MAX_PACKET.min(n as usize)),
            keep_alive: connack
                .server_keep_alive
                .map_or(keep_alive, |seconds| Duration::from_secs(seconds.into())),
            wildcards: connack.wildcard_subscription_available != Some(0),
            subscription_identifiers: connack.subscription_identifier_available != Some(0),
            shared_subscriptions: connack.shared_subscription_available != Some(0),
        }
    }

    /// Checks a message whose PUBLISH has `size` bytes.
    pub(super) fn check(&self, message: &Message, size: usize) -> Result<(), Error> {
        if message.qos as u8 > self.maximum_qos {
            Err(Error::QosNotSupported {
                maximum: self.maximum_qos,
            })
        } else if message.retain && !self.retain_available {
            Err(Error::RetainNotSupported)
        } else {
            check_size(size, self.maximum_packet_size)
        }
    }
}

/// Checks a packet's size in bytes.
pub(super) fn check_size(size: usize, limit: usize) -> Result<(), Error> {
    if size > limit {
        Err(Error::PacketTooLarge { size, limit })
    } else {
        Ok(())
    }
}
