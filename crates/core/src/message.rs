//! Messages and their parts: payload, QoS, packet identifier, MQTT 5 properties.

mod fingerprint;
mod packet_id;
mod payload;
mod properties;
mod qos;

use bytes::Bytes;

use crate::topic::TopicName;
pub(crate) use fingerprint::Fingerprint;
pub use packet_id::PacketId;
pub use payload::Payload;
pub use properties::{Properties, PropertyError};
pub use qos::{InvalidQoS, QoS};

/// An application message, to publish or received (MQTT 3.1.1 §3.3).
///
/// ```
/// use iot_core::{Message, QoS, TopicName};
///
/// # fn main() -> Result<(), iot_core::Error> {
/// let topic = TopicName::new("iot/kitchen/temp")?;
/// let message = Message {
///     qos: QoS::AtLeastOnce,
///     retain: true,
///     ..Message::new(topic, "21.5")
/// };
/// assert_eq!(&message.payload[..], b"21.5");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The topic that it is published to; a topic alias is resolved already.
    pub topic: TopicName,
    /// The payload. Clones share the bytes.
    pub payload: Bytes,
    /// To publish: the QoS of the PUBLISH. Received: the QoS that it came with, which the
    /// subscription may have lowered.
    pub qos: QoS,
    /// To publish: the broker retains it for later subscribers instead of the one before; with an
    /// empty payload it only removes that one. Received: it was retained (MQTT 3.1.1 §3.3.1.3).
    pub retain: bool,
    /// Received: it may have been delivered before (§3.3.1.1). Publishing ignores it.
    pub dup: bool,
    /// Received with QoS 1 or 2: its packet identifier. Publishing ignores it.
    pub packet_id: Option<PacketId>,
    /// The properties of its PUBLISH (MQTT 5).
    pub properties: Option<Box<Properties>>,
}

impl Message {
    /// Returns a message with QoS 0, not retained.
    pub fn new(topic: TopicName, payload: impl Into<Payload>) -> Self {
        Self {
            topic,
            payload: payload.into().0,
            qos: QoS::AtMostOnce,
            retain: false,
            dup: false,
            packet_id: None,
            properties: None,
        }
    }

    /// Returns the message with the given QoS.
    #[must_use]
    pub fn with_qos(mut self, qos: QoS) -> Self {
        self.qos = qos;
        self
    }

    /// Returns the message with these properties. They are not sent before MQTT 5.
    #[must_use]
    pub fn with_properties(mut self, properties: Properties) -> Self {
        self.properties = Some(Box::new(properties));
        self
    }

    /// Returns a hash of topic and payload.
    ///
    /// Two different messages have the same one with a probability of one in 2⁶⁴. It never changes,
    /// so it can be stored. It is not cryptographic: a sender can make two messages with the same
    /// one.
    pub fn fingerprint(&self) -> u64 {
        let mut fingerprint = Fingerprint::new(self.topic.as_str());
        fingerprint.update(&self.payload);
        fingerprint.finish()
    }

    /// Returns the message with the retain flag set or cleared.
    #[must_use]
    pub fn with_retain(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_depends_on_topic_and_payload_and_never_changes() {
        let of = |topic: &str, payload: &str| {
            Message::new(TopicName::new(topic).unwrap(), payload.to_owned()).fingerprint()
        };
        assert_eq!(of("iot/home2/temp", "25.5"), of("iot/home2/temp", "25.5"));
        // Fingerprints are stored; a later version must compute the same.
        assert_eq!(of("iot/home2/temp", "25.5"), 4_920_863_868_634_544_277);
        let others = [
            of("iot/home2/temp", "25.6"),
            of("iot/home2/temp", "25.50"),
            of("iot/home2/temp2", "5.5"),
            of("iot/home2/tem", "p25.5"),
            of("iot/home2/temp", "25.5\0"),
            of("iot/home2/temp", ""),
        ];
        let all: std::collections::HashSet<u64> = others.into_iter().collect();
        assert_eq!(all.len(), others.len());
    }
}
