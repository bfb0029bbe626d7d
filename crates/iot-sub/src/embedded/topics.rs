//! The topics of one client's messages: aliases, and what the broker accepts.

use std::collections::HashMap;

use iot_core::packet::Publish;
use iot_core::topic::RecentTopics;
use iot_core::{Message, ReasonCode, TopicName};

use super::broker::TOPIC_ALIASES;
use super::fault::Fault;

/// The topics that a connection has used.
#[derive(Debug, Default)]
pub(super) struct Topics {
    pub(super) recent: RecentTopics,
    aliases: HashMap<u16, TopicName>,
}

impl Topics {
    /// Converts a PUBLISH into a message.
    ///
    /// # Errors
    /// The broker would refuse it.
    pub(super) fn resolve(&mut self, publish: Publish) -> Result<Message, Fault> {
        let mut properties = publish.properties;
        let alias = properties.as_mut().and_then(|it| it.topic_alias.take());
        if alias.is_some_and(|alias| alias > TOPIC_ALIASES) {
            return Err(Fault::Protocol(ReasonCode::TOPIC_ALIAS_INVALID));
        }
        let has_identifier =
            |properties: &iot_core::Properties| !properties.subscription_identifiers.is_empty();
        if properties.as_deref().is_some_and(has_identifier) {
            return Err(Fault::Protocol(ReasonCode::PROTOCOL_ERROR));
        }
        let response = properties
            .as_deref()
            .and_then(|it| it.response_topic.as_ref());
        if response.is_some_and(|topic| mqtt5::validate_topic_name(topic).is_err()) {
            return Err(Fault::Protocol(ReasonCode::PROTOCOL_ERROR));
        }
        let topic = match (publish.topic, alias) {
            // Makes the broker's own check first: else a message that the broker refuses would be
            // stored each time the client sends it again.
            (Some(topic), _) if mqtt5::validate_topic_name(topic.as_str()).is_err() => {
                return Err(Fault::Protocol(ReasonCode::TOPIC_NAME_INVALID));
            }
            (Some(topic), None) => topic,
            (Some(topic), Some(alias)) => {
                self.aliases.insert(alias, topic.clone());
                topic
            }
            (None, Some(alias)) => match self.aliases.get(&alias) {
                Some(topic) => topic.clone(),
                None => return Err(Fault::Protocol(ReasonCode::PROTOCOL_ERROR)),
            },
            (None, None) => return Err(Fault::Protocol(ReasonCode::PROTOCOL_ERROR)),
        };
        Ok(Message {
            topic,
            payload: publish.payload,
            qos: publish.qos,
            retain: publish.retain,
            dup: publish.dup,
            packet_id: publish.packet_id,
            properties,
        })
    }
}
