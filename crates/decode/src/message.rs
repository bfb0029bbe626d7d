//! A message, as a decoder sees it.

use bytes::Bytes;
use chrono::{DateTime, Utc};

/// A received message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its topic name.
    pub topic: &'a str,
    /// The whole payload.
    pub payload: &'a Bytes,
    /// 0, 1 or 2.
    pub qos: u8,
    /// It was retained.
    pub retain: bool,
    /// When it was received. Relative times count from here.
    pub received: DateTime<Utc>,
    /// Its MQTT 5 properties; all empty with an older version.
    pub properties: Properties<'a>,
}

impl<'a> Message<'a> {
    /// Returns a message with QoS 0, not retained, without properties.
    pub fn new(topic: &'a str, payload: &'a Bytes, received: DateTime<Utc>) -> Self {
        Self {
            topic,
            payload,
            qos: 0,
            retain: false,
            received,
            properties: Properties::default(),
        }
    }
}

/// The MQTT 5 properties of a message (MQTT 5 §3.3.2.3).
#[derive(Clone, Copy, Debug, Default)]
pub struct Properties<'a> {
    /// 1: the payload is UTF-8 text, 0: unspecified bytes.
    pub payload_format_indicator: Option<u8>,
    /// Lifetime of the message, in seconds.
    pub message_expiry_interval: Option<u32>,
    /// The content of the payload, often a MIME type.
    pub content_type: Option<&'a str>,
    /// The topic of the answer to a request.
    pub response_topic: Option<&'a str>,
    /// Identifies the request that an answer belongs to.
    pub correlation_data: Option<&'a [u8]>,
    /// Names and values, in the order of the packet; names can come twice.
    pub user_properties: &'a [(String, String)],
}
