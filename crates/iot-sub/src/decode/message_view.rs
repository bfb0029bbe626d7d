//! A received message, as decoders see it.

use chrono::{DateTime, Utc};
use iot_core::Message;
use iot_decode::{Message as View, Properties};

/// Returns the view of a message that was received at `now`.
pub(crate) fn view(message: &Message, now: DateTime<Utc>) -> View<'_> {
    let properties = match message.properties.as_deref() {
        Some(properties) => Properties {
            payload_format_indicator: properties.payload_format_indicator,
            message_expiry_interval: properties.message_expiry_interval,
            content_type: properties.content_type.as_deref(),
            response_topic: properties.response_topic.as_deref(),
            correlation_data: properties.correlation_data.as_deref(),
            user_properties: &properties.user_properties,
        },
        None => Properties::default(),
    };
    View {
        topic: message.topic.as_str(),
        payload: &message.payload,
        qos: message.qos as u8,
        retain: message.retain,
        received: now,
        properties,
    }
}
