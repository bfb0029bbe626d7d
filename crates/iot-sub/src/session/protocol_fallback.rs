//! MQTT 5, or 3.1.1 where the broker doesn't take it.

use iot_core::{Error, Protocol};

/// Returns the version to try next where the broker didn't take `tried`: old brokers refuse MQTT 5
/// with a code, or just close the connection. So does one that is about to stop, so it is 5's turn
/// again then.
pub(crate) fn fall_back(tried: Protocol, error: &Error) -> Option<Protocol> {
    match (tried, error) {
        (Protocol::V5, Error::Refused { code, .. }) if code.is_protocol_version() => {
            Some(Protocol::V311)
        }
        (Protocol::V5, Error::Closed) => Some(Protocol::V311),
        (Protocol::V311, Error::Closed) => Some(Protocol::V5),
        _ => None,
    }
}
