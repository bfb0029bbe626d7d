//! The will.

use bytes::Bytes;

use crate::message::{Properties, QoS};
use crate::topic::TopicName;

/// The will: what the broker publishes when the connection ends without a DISCONNECT of ours
/// (MQTT 3.1.1 §3.1.2.5).
#[derive(Debug, Clone, PartialEq)]
pub struct Will {
    /// The topic that it is published to.
    pub topic: TopicName,
    /// What it carries, at most 65,535 bytes.
    pub payload: Bytes,
    /// The QoS that it is published with.
    pub qos: QoS,
    /// Whether the broker keeps it for later subscribers.
    pub retain: bool,
    /// Will delay interval and the properties of a PUBLISH (MQTT 5 §3.1.3.2); the earlier versions
    /// send none.
    pub properties: Option<Properties>,
}
