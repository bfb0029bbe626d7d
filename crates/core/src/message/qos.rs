//! Quality of service.

use std::fmt;
use std::str::FromStr;

/// Quality of service (MQTT 3.1.1 §4.3), from the number or text 0, 1 or 2. Default QoS 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum QoS {
    /// QoS 0: sent once, never acknowledged.
    #[default]
    AtMostOnce = 0,
    /// QoS 1: sent until it is acknowledged; may arrive more than once.
    AtLeastOnce = 1,
    /// QoS 2: sent until it is acknowledged; arrives exactly once as long as client and broker keep
    /// the session.
    ExactlyOnce = 2,
}

impl TryFrom<u8> for QoS {
    type Error = InvalidQoS;

    fn try_from(number: u8) -> Result<Self, InvalidQoS> {
        match number {
            0 => Ok(Self::AtMostOnce),
            1 => Ok(Self::AtLeastOnce),
            2 => Ok(Self::ExactlyOnce),
            _ => Err(InvalidQoS),
        }
    }
}

impl TryFrom<i32> for QoS {
    type Error = InvalidQoS;

    fn try_from(number: i32) -> Result<Self, InvalidQoS> {
        u8::try_from(number).map_err(|_| InvalidQoS)?.try_into()
    }
}

impl FromStr for QoS {
    type Err = InvalidQoS;

    fn from_str(text: &str) -> Result<Self, InvalidQoS> {
        text.parse::<u8>().map_err(|_| InvalidQoS)?.try_into()
    }
}

impl fmt::Display for QoS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&(*self as u8), f)
    }
}

/// The error for a number or text that is not a QoS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("QoS is 0, 1 or 2")]
pub struct InvalidQoS;
