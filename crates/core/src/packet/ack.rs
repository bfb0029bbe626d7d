//! PUBACK, PUBREC, PUBREL and PUBCOMP.

use crate::message::{PacketId, Properties};
use crate::reason::ReasonCode;

/// One of the four acknowledgements: PUBACK, PUBREC, PUBREL, PUBCOMP (§3.4–3.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The packet identifier of the PUBLISH.
    pub id: PacketId,
    /// The result. Before MQTT 5 success, unless the broker sends a reason code nevertheless.
    pub reason: ReasonCode,
    /// Reason string and user properties (MQTT 5).
    pub properties: Option<Box<Properties>>,
}

impl Ack {
    /// Returns an acknowledgement of success.
    pub fn success(id: PacketId) -> Self {
        Self::with_reason(id, ReasonCode::SUCCESS)
    }

    /// Returns an acknowledgement with a reason code.
    pub fn with_reason(id: PacketId, reason: ReasonCode) -> Self {
        Self {
            id,
            reason,
            properties: None,
        }
    }
}
