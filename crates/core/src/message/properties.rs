//! MQTT 5 properties, and the check of their values.

use bytes::Bytes;

use crate::topic::{TopicError, TopicName};

/// The MQTT 5 properties of a packet (§2.2.2.2). Default none.
///
/// Each packet can have some of them; others are not sent with it, and the connection ends with
/// 0x81 if the broker sends them. Texts and data have at most 65,535 bytes each.
///
/// ```
/// use iot_core::{Message, Properties, TopicName};
///
/// # fn main() -> Result<(), iot_core::Error> {
/// let properties = Properties {
///     content_type: Some("application/json".to_owned()),
///     message_expiry_interval: Some(60),
///     ..Properties::default()
/// };
/// let topic = TopicName::new("iot/kitchen")?;
/// let message = Message::new(topic, r#"{"temp":21.5}"#).with_properties(properties);
/// assert!(message.properties.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// 1: the payload is UTF-8 text, 0: unspecified bytes (§3.3.2.3.2).
    pub payload_format_indicator: Option<u8>,
    /// Lifetime of the message, in seconds; absent: unlimited (§3.3.2.3.3).
    pub message_expiry_interval: Option<u32>,
    /// The content of the payload, often a MIME type (§3.3.2.3.9).
    pub content_type: Option<String>,
    /// The topic of the answer to a request (§3.3.2.3.5).
    pub response_topic: Option<String>,
    /// Identifies the request that an answer belongs to (§3.3.2.3.6).
    pub correlation_data: Option<Bytes>,
    /// PUBLISH received: the identifiers of the subscriptions that the message matched,
    /// 1–268,435,455 (§3.3.2.3.8). SUBSCRIBE: one at most, for all filters of the packet
    /// (§3.8.2.1.2).
    pub subscription_identifiers: Vec<u32>,
    /// CONNECT, CONNACK, DISCONNECT: how long the broker keeps the session after the connection, in
    /// seconds; `0xFFFF_FFFF` for ever, absent in CONNECT means 0 (§3.1.2.11.2).
    pub session_expiry_interval: Option<u32>,
    /// CONNACK: the client identifier that the broker has assigned (§3.2.2.3.7).
    pub assigned_client_identifier: Option<String>,
    /// CONNACK: the keep alive that replaces CONNECT's, in seconds (§3.2.2.3.14).
    pub server_keep_alive: Option<u16>,
    /// The method of enhanced authentication (§4.12).
    pub authentication_method: Option<String>,
    /// The data of enhanced authentication (§4.12).
    pub authentication_data: Option<Bytes>,
    /// CONNECT: 1 if the broker may send reason strings and user properties with failures, 0 if
    /// not; absent means 1 (§3.1.2.11.7).
    pub request_problem_information: Option<u8>,
    /// Will: how long the broker waits before it publishes the will, in seconds; absent means 0
    /// (§3.1.3.2.2).
    pub will_delay_interval: Option<u32>,
    /// CONNECT: 1 if CONNACK may have response information; absent means 0 (§3.1.2.11.6).
    pub request_response_information: Option<u8>,
    /// CONNACK: a base for response topics (§3.2.2.3.15).
    pub response_information: Option<String>,
    /// CONNACK, DISCONNECT: another server to use (§3.2.2.3.16). It is not followed.
    pub server_reference: Option<String>,
    /// What went wrong, for people (§3.2.2.3.9).
    pub reason_string: Option<String>,
    /// How many unacknowledged QoS 1 and 2 messages the sender of the packet accepts at a time;
    /// absent means 65,535 (§3.2.2.3.3).
    pub receive_maximum: Option<u16>,
    /// The highest topic alias that the sender of the packet accepts; absent means 0, none
    /// (§3.2.2.3.8).
    pub topic_alias_maximum: Option<u16>,
    /// The number that replaces the topic, from 1 (§3.3.2.3.4). Received: the one that the broker
    /// used. To publish: the one to use if the broker accepts so many; without one, the client
    /// chooses.
    pub topic_alias: Option<u16>,
    /// CONNACK: the highest QoS that the broker accepts, 0 or 1; absent means 2 (§3.2.2.3.4).
    pub maximum_qos: Option<u8>,
    /// CONNACK: 0 if the broker doesn't retain messages; absent means 1 (§3.2.2.3.5).
    pub retain_available: Option<u8>,
    /// Names and values that the application defines, in order; names may repeat (§3.3.2.3.7).
    pub user_properties: Vec<(String, String)>,
    /// The largest packet that the sender of this one accepts, in bytes; absent means no limit
    /// (§3.2.2.3.6).
    pub maximum_packet_size: Option<u32>,
    /// CONNACK: 0 if the broker accepts no wildcards in filters; absent means 1 (§3.2.2.3.11).
    pub wildcard_subscription_available: Option<u8>,
    /// CONNACK: 0 if the broker accepts no subscription identifiers; absent means 1 (§3.2.2.3.12).
    pub subscription_identifier_available: Option<u8>,
    /// CONNACK: 0 if the broker accepts no shared subscriptions; absent means 1 (§3.2.2.3.13).
    pub shared_subscription_available: Option<u8>,
    /// Sent: the identifiers of the properties that come first (§2.2.2.2), in this order. The
    /// others follow by identifier. 0x26 stands for the next user property. Default empty, and so
    /// in packets that are received.
    pub order: Vec<u8>,
}

/// Why a property can't be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PropertyError {
    /// A text or data is longer than 65,535 bytes.
    #[error("a {name} has {len} bytes, at most 65,535 are allowed")]
    TooLong {
        /// The property.
        name: &'static str,
        /// Its length in bytes.
        len: usize,
    },
    /// A text holds a NUL character [MQTT-1.5.4-2].
    #[error("a {0} holds a NUL character")]
    Nul(&'static str),
    /// The payload format indicator is neither 0 nor 1 (§3.3.2.3.2).
    #[error("the payload format indicator is {0}, 0 or 1 are allowed")]
    PayloadFormat(u8),
    /// The response topic is no topic name (§3.3.2.3.5).
    #[error(transparent)]
    ResponseTopic(#[from] TopicError),
}

impl Properties {
    /// Checks that the values can be encoded, and that no broker ends the connection for them.
    pub(crate) fn check(&self) -> Result<(), PropertyError> {
        let texts = [
            ("content type", &self.content_type),
            ("response topic", &self.response_topic),
            ("reason string", &self.reason_string),
            ("authentication method", &self.authentication_method),
        ];
        let texts = texts
            .iter()
            .filter_map(|(name, text)| Some((*name, text.as_ref()?)));
        let user_properties = self.user_properties.iter();
        let user_properties = user_properties
            .flat_map(|(name, value)| [name, value].map(|text| ("user property", text)));
        for (name, text) in texts.chain(user_properties) {
            check_len(name, text.len())?;
            if text.contains('\0') {
                return Err(PropertyError::Nul(name));
            }
        }
        if let Some(data) = &self.correlation_data {
            check_len("correlation data", data.len())?;
        }
        if let Some(data) = &self.authentication_data {
            check_len("authentication data", data.len())?;
        }
        if let Some(topic) = &self.response_topic {
            TopicName::new(topic.as_str())?;
        }
        match self.payload_format_indicator {
            None | Some(0 | 1) => Ok(()),
            Some(other) => Err(PropertyError::PayloadFormat(other)),
        }
    }
}

fn check_len(name: &'static str, len: usize) -> Result<(), PropertyError> {
    if len > 65_535 {
        return Err(PropertyError::TooLong { name, len });
    }
    Ok(())
}
