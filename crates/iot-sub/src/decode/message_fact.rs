//! Facts about a message that are stored as fields, with `--fields`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::ValueEnum;
use iot_core::{Message, Properties};
use serde_json::{Value as Json, json};

/// A fact about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FieldName {
    Qos,
    Retain,
    Dup,
    Mid,
    Length,
    /// The client identifier of iot-sub
    Client,
    Broker,
    ContentType,
    ResponseTopic,
    CorrelationData,
    Expiry,
    PayloadFormat,
    SubscriptionId,
    UserProperties,
}

impl FieldName {
    /// Returns what it is called in a document.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Qos => "qos",
            Self::Retain => "retain",
            Self::Dup => "dup",
            Self::Mid => "mid",
            Self::Length => "length",
            Self::Client => "client",
            Self::Broker => "broker",
            Self::ContentType => "content_type",
            Self::ResponseTopic => "response_topic",
            Self::CorrelationData => "correlation_data",
            Self::Expiry => "expiry",
            Self::PayloadFormat => "payload_format",
            Self::SubscriptionId => "subscription_id",
            Self::UserProperties => "user_properties",
        }
    }

    /// Returns the fact, if `message` has it. `broker` is the address that it came from, `client`
    /// the client identifier that received it.
    pub(super) fn of(self, message: &Message, broker: &str, client: &str) -> Option<Json> {
        let none = Properties::default();
        let properties = message.properties.as_deref().unwrap_or(&none);
        match self {
            Self::Qos => Some((message.qos as u8).into()),
            Self::Retain => Some(message.retain.into()),
            Self::Dup => Some(message.dup.into()),
            Self::Mid => message.packet_id.map(|id| id.get().into()),
            Self::Length => Some(message.payload.len().into()),
            Self::Client => Some(client.into()),
            Self::Broker => Some(broker.into()),
            Self::ContentType => properties.content_type.clone().map(Json::from),
            Self::ResponseTopic => properties.response_topic.clone().map(Json::from),
            Self::CorrelationData => {
                let data = properties.correlation_data.as_deref()?;
                Some(match std::str::from_utf8(data) {
                    Ok(text) => text.into(),
                    Err(_) => BASE64_STANDARD.encode(data).into(),
                })
            }
            Self::Expiry => properties.message_expiry_interval.map(Json::from),
            Self::PayloadFormat => properties.payload_format_indicator.map(Json::from),
            Self::SubscriptionId => properties
                .subscription_identifiers
                .first()
                .map(|id| (*id).into()),
            Self::UserProperties => {
                let pairs = &properties.user_properties;
                let pairs = pairs
                    .iter()
                    .map(|(name, value)| json!({ name.as_str(): value }));
                (!properties.user_properties.is_empty()).then(|| pairs.collect())
            }
        }
    }
}
