//! Topic aliases of the messages that the broker sends (MQTT 5 §3.3.2.3.4).

use super::protocol_error::protocol_error;
use crate::error::Error;
use crate::reason::ReasonCode;
use crate::topic::TopicName;

/// The topic of each alias, from alias 1.
#[derive(Debug, Default)]
pub(super) struct IncomingAliases {
    topics: Vec<Option<TopicName>>,
}

impl IncomingAliases {
    /// A connection begins: no alias is defined, and the broker may define so many.
    pub(super) fn reset(&mut self, maximum: u16) {
        self.topics.clear();
        self.topics.resize(maximum.into(), None);
    }

    /// Returns the topic of a PUBLISH. An alias above the announced maximum is the broker's fault
    /// [MQTT-3.1.2-26].
    pub(super) fn resolve(
        &mut self,
        topic: Option<TopicName>,
        alias: Option<u16>,
    ) -> Result<TopicName, Error> {
        let slot = match alias {
            None => None,
            Some(alias) => {
                let slot = usize::from(alias)
                    .checked_sub(1)
                    .and_then(|at| self.topics.get_mut(at));
                Some(slot.ok_or(Error::Protocol(ReasonCode::TOPIC_ALIAS_INVALID))?)
            }
        };
        match (topic, slot) {
            (Some(topic), None) => Ok(topic),
            (Some(topic), Some(slot)) => Ok(slot.insert(topic).clone()),
            (None, Some(Some(topic))) => Ok(topic.clone()),
            (None, Some(None)) => Err(Error::Protocol(ReasonCode::PROTOCOL_ERROR)),
            (None, None) => Err(protocol_error("a PUBLISH without a topic")),
        }
    }
}
