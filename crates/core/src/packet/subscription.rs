//! The entries of SUBSCRIBE, and the answer to SUBSCRIBE and UNSUBSCRIBE.

use crate::message::{PacketId, Properties, QoS};
use crate::reason::ReasonCode;
use crate::topic::TopicFilter;

/// A topic filter of a SUBSCRIBE with its options (§3.8.3.1). Before MQTT 5 only the QoS is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The topics to receive.
    pub filter: TopicFilter,
    /// The highest QoS that messages are delivered with.
    pub qos: QoS,
    /// Skip the messages that this client publishes. Not allowed with a shared subscription
    /// [MQTT-3.8.3-4]. Default `false`.
    pub no_local: bool,
    /// Keep the retain flag as it was published. Default `false`: the broker sets it only on
    /// retained messages that it sends because of this SUBSCRIBE.
    pub retain_as_published: bool,
    /// Retained messages are sent 0: always, 1: if the subscription is new, 2: never. Default 0.
    pub retain_handling: u8,
}

impl Subscription {
    /// Returns a subscription with default options, which behave like MQTT 3.1.1.
    pub fn new(filter: TopicFilter, qos: QoS) -> Self {
        Self {
            filter,
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: 0,
        }
    }
}

impl From<(TopicFilter, QoS)> for Subscription {
    fn from((filter, qos): (TopicFilter, QoS)) -> Self {
        Self::new(filter, qos)
    }
}

/// The answer to SUBSCRIBE or UNSUBSCRIBE: SUBACK (§3.9) or UNSUBACK (§3.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeAck {
    /// The packet identifier of the packet that is answered.
    pub id: PacketId,
    /// One code for each filter, in the order of the filters. SUBACK: the granted QoS, or 128 and
    /// above for a refusal. UNSUBACK: success, 0x11 if there was no such subscription, or 128 and
    /// above; none before MQTT 5.
    pub reasons: Vec<ReasonCode>,
    /// Reason string and user properties (MQTT 5).
    pub properties: Option<Box<Properties>>,
}

impl SubscribeAck {
    /// Returns the granted QoS of each filter of a SUBSCRIBE, or the reason code of its refusal, in
    /// the order of the filters. Meaningless for an UNSUBACK.
    pub fn granted(&self) -> impl Iterator<Item = Result<QoS, ReasonCode>> {
        self.reasons
            .iter()
            .map(|reason| QoS::try_from(reason.0).map_err(|_| *reason))
    }
}
