//! What SUBSCRIBE asks for, and the answer to SUBSCRIBE and UNSUBSCRIBE.

use crate::message::{PacketId, Properties, QoS};
use crate::reason::ReasonCode;
use crate::topic::TopicFilter;

/// One filter of a SUBSCRIBE with its options; all but the QoS are MQTT 5's (§3.8.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The topics to receive.
    pub filter: TopicFilter,
    /// The highest QoS that messages are delivered with.
    pub qos: QoS,
    /// Not what this client itself publishes; not to be had with a shared subscription [MQTT-3.8.3-4].
    /// Default `false`.
    pub no_local: bool,
    /// Keep the retain flag as it was published. Default `false`: it is set on retained messages that
    /// the subscription brings, and only there.
    pub retain_as_published: bool,
    /// 0: send retained messages, 1: only if the subscription is new, 2: never. Default 0.
    pub retain_handling: u8,
}

impl Subscription {
    /// Returns a subscription with the options' defaults, which are MQTT 3.1.1's behaviour.
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

/// The answer to SUBSCRIBE or UNSUBSCRIBE, SUBACK (§3.9) or UNSUBACK (§3.11): one code for each filter;
/// none in an UNSUBACK before MQTT 5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeAck {
    /// The id of the packet that is answered.
    pub id: PacketId,
    /// In the order of the filters. SUBACK: the granted QoS, or 128 and above for a refusal. UNSUBACK:
    /// success, 0x11 where there was no such subscription, or 128 and above.
    pub reasons: Vec<ReasonCode>,
    /// Reason string and user properties (MQTT 5).
    pub properties: Option<Box<Properties>>,
}

impl SubscribeAck {
    /// Returns what each filter of a SUBSCRIBE was granted, in their order: the highest QoS, or the
    /// reason code of its refusal. Without meaning for an UNSUBACK.
    pub fn granted(&self) -> impl Iterator<Item = Result<QoS, ReasonCode>> {
        self.reasons
            .iter()
            .map(|reason| QoS::try_from(reason.0).map_err(|_| *reason))
    }
}
