//! Errors for packets that the broker may not send, or that end the connection.

use crate::error::Error;
use crate::message::Properties;
use crate::packet::{DecodeError, Disconnect};

/// The packet is well formed, but the broker may not send it now.
pub(super) fn protocol_error(reason: &'static str) -> Error {
    Error::Decode(DecodeError::Protocol(reason))
}

/// The broker has ended the connection.
pub(super) fn server_disconnect(disconnect: Disconnect) -> Error {
    let Disconnect { reason, properties } = disconnect;
    Error::ServerDisconnect {
        reason,
        reason_string: reason_string(properties.as_deref()),
        properties,
    }
}

pub(super) fn reason_string(properties: Option<&Properties>) -> Option<String> {
    properties.and_then(|properties| properties.reason_string.clone())
}
