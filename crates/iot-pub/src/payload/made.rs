//! What a sensor has made: a payload, or values for an edge node to send.

use bytes::Bytes;

/// What a sensor has made at a tick.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Made {
    pub(crate) payload: Bytes,
    /// What is printed instead of a payload that is not text.
    pub(crate) shown: Option<String>,
    /// With Sparkplug, the payload is made when it is sent.
    pub(crate) sample: Option<Sample>,
}

/// The values of a device at one time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// In the order of the models; `None` is a sensor that has dropped out.
    pub(crate) values: Vec<Option<f64>>,
    /// In milliseconds since 1970 (UTC).
    pub(crate) timestamp: u64,
}

impl Made {
    /// Returns a payload that is text.
    pub(crate) fn new(payload: Bytes) -> Self {
        Self {
            payload,
            shown: None,
            sample: None,
        }
    }
}
