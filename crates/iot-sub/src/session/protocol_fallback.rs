//! The fallback from MQTT 5 to 3.1.1, for brokers that do not support MQTT 5.

use iot_core::{Error, Protocol};

/// Returns the version to try next if the broker seems not to support `tried`. Old brokers refuse
/// MQTT 5 with a return code, or close the connection. A broker that is about to stop also closes
/// it, so after 3.1.1 MQTT 5 is tried again.
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
