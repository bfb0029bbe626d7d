//! What the model sends through a session: messages by number, and the broker's limits.

use crate::error::Error;
use crate::message::{PacketId, Properties, QoS};
use crate::packet::Publish;
use crate::topic::TopicName;

pub(super) const TOPICS: [&str; 4] = ["t", "a/topic", "another/topic", "a/third/topic"];

/// What a CONNACK allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) receive_maximum: u16,
    pub(super) maximum_qos: u8,
    pub(super) retain_available: bool,
    pub(super) maximum_packet_size: u32,
    pub(super) alias_maximum: u16,
}

impl Limits {
    pub(super) const NONE: Self = Self {
        receive_maximum: u16::MAX,
        maximum_qos: 2,
        retain_available: true,
        maximum_packet_size: u32::MAX,
        alias_maximum: 0,
    };

    pub(super) fn properties(self) -> Properties {
        Properties {
            receive_maximum: Some(self.receive_maximum),
            maximum_qos: Some(self.maximum_qos).filter(|qos| *qos < 2),
            retain_available: Some(u8::from(self.retain_available)),
            maximum_packet_size: Some(self.maximum_packet_size),
            topic_alias_maximum: Some(self.alias_maximum),
            ..Properties::default()
        }
    }
}

/// A message for the client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) number: u32,
    pub(super) qos: u8,
    pub(super) topic: usize,
    pub(super) size: usize,
}

pub(super) fn publish_of(offer: Offer, id: Option<u16>, dup: bool) -> Publish {
    Publish {
        topic: Some(TopicName::new(TOPICS[offer.topic]).unwrap()),
        payload: payload(offer.number, offer.size).into(),
        qos: QoS::try_from(offer.qos).unwrap(),
        retain: false,
        dup,
        packet_id: id.and_then(PacketId::new),
        properties: None,
    }
}

/// The number, and dots up to a size.
pub(super) fn payload(number: u32, size: usize) -> String {
    format!("{number:.<size$}")
}

pub(super) fn number_of(payload: &[u8]) -> u32 {
    let text = std::str::from_utf8(payload).unwrap();
    text.trim_end_matches('.').parse().unwrap()
}

/// Whether an error is one of CONNACK's limits.
pub(super) fn is_limit(error: &Error) -> bool {
    matches!(
        error,
        Error::PacketTooLarge { .. } | Error::QosNotSupported { .. } | Error::RetainNotSupported
    )
}
