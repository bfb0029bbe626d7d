//! The devices that a scenario describes.

use std::time::Duration;

use iot_core::{QoS, TopicName};

use crate::payload::format::Format;
use crate::payload::sensor::Kind;

/// The values of the options, for groups without a value of their own.
#[derive(Debug, Clone)]
pub(crate) struct Defaults {
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) precision: Option<usize>,
    /// For groups without a template.
    pub(crate) format: Option<Format>,
    pub(crate) interval: Duration,
    pub(crate) jitter: Option<Duration>,
}

/// One device of a scenario.
#[derive(Debug)]
pub(crate) struct DeviceSpec {
    pub(crate) name: String,
    pub(crate) topic: TopicName,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) kind: Kind,
    pub(crate) interval: Duration,
    pub(crate) jitter: Duration,
}
