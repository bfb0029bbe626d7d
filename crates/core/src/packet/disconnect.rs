//! DISCONNECT and AUTH.

use crate::message::Properties;
use crate::reason::ReasonCode;

/// The last packet of a connection (§3.14). Before MQTT 5 it has neither reason nor properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    /// Why the connection ends.
    pub reason: ReasonCode,
    /// Session expiry interval, reason string, server reference and user properties (MQTT 5).
    pub properties: Option<Box<Properties>>,
}

/// A step of enhanced authentication (MQTT 5 §3.15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Success, continue (0x18) or, from the client, re-authenticate (0x19).
    pub reason: ReasonCode,
    /// The method, its data, a reason string and user properties.
    pub properties: Option<Box<Properties>>,
}
