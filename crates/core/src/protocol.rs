//! The protocol version.

use std::fmt;

/// The version of the MQTT protocol. Default MQTT 3.1.1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// MQTT 3.1 (protocol level 3, `MQIsdp`): client identifiers of 1–23 characters;
    /// the broker does not say whether it still has the session.
    V31,
    /// MQTT 3.1.1 (protocol level 4).
    #[default]
    V311,
    /// MQTT 5 (protocol level 5).
    V5,
}

impl Protocol {
    /// Returns whether packets carry properties and reason codes.
    pub(crate) fn is_v5(self) -> bool {
        self == Self::V5
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V31 => "MQTT 3.1",
            Self::V311 => "MQTT 3.1.1",
            Self::V5 => "MQTT 5",
        })
    }
}
