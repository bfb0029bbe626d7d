//! The will.

use bytes::Bytes;

use crate::message::{Properties, QoS};
use crate::topic::TopicName;

/// The will: a message that the broker publishes if the connection ends without DISCONNECT
/// (MQTT 3.1.1 §3.1.2.5).
///
/// ```
/// use iot_core::{ClientConfig, QoS, TopicName, Will};
///
/// # fn main() -> Result<(), iot_core::Error> {
/// let mut config = ClientConfig::new("boiler");
/// config.will = Some(Will {
///     topic: TopicName::new("iot/boiler/online")?,
///     payload: "false".into(),
///     qos: QoS::AtLeastOnce,
///     retain: true,
///     properties: None,
/// });
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Will {
    /// The topic that it is published to.
    pub topic: TopicName,
    /// Its payload, at most 65,535 bytes.
    pub payload: Bytes,
    /// The QoS that it is published with.
    pub qos: QoS,
    /// Whether the broker retains it for later subscribers.
    pub retain: bool,
    /// Will delay interval and the properties of a PUBLISH (MQTT 5 §3.1.3.2). Not sent before MQTT
    /// 5.
    pub properties: Option<Properties>,
}
