//! Messages and what they are made of: payloads, QoS, packet ids, MQTT 5 properties.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use bytes::Bytes;

use crate::error::Error;
use crate::topic::TopicName;

/// Quality of service of a delivery (MQTT 3.1.1 §4.3), made from 0, 1, 2 as a number or as text.
/// Default QoS 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum QoS {
    /// QoS 0: sent once, never acknowledged.
    #[default]
    AtMostOnce = 0,
    /// QoS 1: sent until it is acknowledged; may arrive more than once.
    AtLeastOnce = 1,
    /// QoS 2: sent until it is acknowledged; arrives exactly once as long as client and broker keep
    /// the session.
    ExactlyOnce = 2,
}

impl TryFrom<u8> for QoS {
    type Error = InvalidQoS;

    fn try_from(number: u8) -> Result<Self, InvalidQoS> {
        match number {
            0 => Ok(Self::AtMostOnce),
            1 => Ok(Self::AtLeastOnce),
            2 => Ok(Self::ExactlyOnce),
            _ => Err(InvalidQoS),
        }
    }
}

impl TryFrom<i32> for QoS {
    type Error = InvalidQoS;

    fn try_from(number: i32) -> Result<Self, InvalidQoS> {
        u8::try_from(number).map_err(|_| InvalidQoS)?.try_into()
    }
}

impl FromStr for QoS {
    type Err = InvalidQoS;

    fn from_str(text: &str) -> Result<Self, InvalidQoS> {
        text.parse::<u8>().map_err(|_| InvalidQoS)?.try_into()
    }
}

impl fmt::Display for QoS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&(*self as u8), f)
    }
}

/// The error for a number or text that is no QoS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("QoS is 0, 1 or 2")]
pub struct InvalidQoS;

/// The id of a packet that is acknowledged, 1–65,535 (MQTT 3.1.1 §2.3.1). Paho's `mid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(pub NonZeroU16);

impl PacketId {
    /// Returns the id with the number `id`; `None` for 0.
    pub fn new(id: u16) -> Option<Self> {
        NonZeroU16::new(id).map(Self)
    }

    /// Returns the id as a number.
    pub fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a message carries: text, bytes, a number or nothing, as bytes.
///
/// Numbers become decimal text, floats the shortest that reads back as the same: `25.0`, and below
/// 0.00001 and from 10¹⁶ on with an exponent, `1e16`. Nothing, `()` or `None`, is no bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload(pub Bytes);

macro_rules! payload_from {
    ($($type:ty => |$value:ident| $bytes:expr;)+) => {
        $(impl From<$type> for Payload {
            fn from($value: $type) -> Self {
                Self($bytes)
            }
        })+
    };
}

payload_from! {
    () => |_nothing| Bytes::new();
    Bytes => |bytes| bytes;
    Vec<u8> => |bytes| bytes.into();
    &[u8] => |bytes| Bytes::copy_from_slice(bytes);
    String => |text| text.into();
    &String => |text| Bytes::copy_from_slice(text.as_bytes());
    &str => |text| Bytes::copy_from_slice(text.as_bytes());
    f64 => |number| format!("{number:?}").into();
    f32 => |number| format!("{number:?}").into();
    i32 => |number| number.to_string().into();
    i64 => |number| number.to_string().into();
    u32 => |number| number.to_string().into();
    u64 => |number| number.to_string().into();
    usize => |number| number.to_string().into();
}

impl<const N: usize> From<&[u8; N]> for Payload {
    fn from(bytes: &[u8; N]) -> Self {
        Self(Bytes::copy_from_slice(bytes))
    }
}

impl<T: Into<Payload>> From<Option<T>> for Payload {
    fn from(payload: Option<T>) -> Self {
        payload.map_or_else(Self::default, Into::into)
    }
}

/// The MQTT 5 properties of a packet (§2.2.2.2). Each packet has its own selection; what doesn't
/// belong to a packet is not sent with it, and a broker that sends it anyway is left with 0x81. The
/// default is none. Texts and data have at most 65,535 bytes each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// 1 where the payload is UTF-8 text, 0 for unspecified bytes (§3.3.2.3.2).
    pub payload_format_indicator: Option<u8>,
    /// Lifetime of the message, in seconds; absent for ever (§3.3.2.3.3).
    pub message_expiry_interval: Option<u32>,
    /// What the payload is, often a MIME type (§3.3.2.3.9).
    pub content_type: Option<String>,
    /// The topic that the answer to a request goes to (§3.3.2.3.5).
    pub response_topic: Option<String>,
    /// What tells the requester to which request an answer belongs (§3.3.2.3.6).
    pub correlation_data: Option<Bytes>,
    /// PUBLISH received: the identifiers of the subscriptions that the message matched, 1–268,435,455
    /// (§3.3.2.3.8). SUBSCRIBE: one at most, for all filters of the packet (§3.8.2.1.2).
    pub subscription_identifiers: Vec<u32>,
    /// CONNECT, CONNACK, DISCONNECT: how long the broker keeps the session after the connection, in
    /// seconds; `0xFFFF_FFFF` for ever, absent in CONNECT means 0 (§3.1.2.11.2).
    pub session_expiry_interval: Option<u32>,
    /// CONNACK: the client id that the broker gave (§3.2.2.3.7).
    pub assigned_client_identifier: Option<String>,
    /// CONNACK: the keep alive that the broker uses instead of ours, in seconds (§3.2.2.3.14). It is obeyed.
    pub server_keep_alive: Option<u16>,
    /// The method of enhanced authentication (§4.12).
    pub authentication_method: Option<String>,
    /// The data of enhanced authentication (§4.12).
    pub authentication_data: Option<Bytes>,
    /// CONNECT: 1 where reason strings and user properties are wanted in case of failures, 0 where not
    /// (§3.1.2.11.7); absent means 1.
    pub request_problem_information: Option<u8>,
    /// Will: how long the broker waits before it publishes it, in seconds; absent means 0 (§3.1.3.2.2).
    pub will_delay_interval: Option<u32>,
    /// CONNECT: 1 where response information is wanted in CONNACK (§3.1.2.11.6); absent means 0.
    pub request_response_information: Option<u8>,
    /// CONNACK: a base for response topics (§3.2.2.3.15).
    pub response_information: Option<String>,
    /// CONNACK, DISCONNECT: another server to use (§3.2.2.3.16). It is not followed.
    pub server_reference: Option<String>,
    /// What went wrong, for people (§3.2.2.3.9).
    pub reason_string: Option<String>,
    /// How many QoS 1 and 2 messages the sender of the packet takes unacknowledged at a time; absent
    /// means 65,535 (§3.2.2.3.3).
    pub receive_maximum: Option<u16>,
    /// The highest topic alias that the sender of the packet takes; absent means 0, none (§3.2.2.3.8).
    pub topic_alias_maximum: Option<u16>,
    /// The number that stands for the topic, from 1 (§3.3.2.3.4). Of a received message it is what the
    /// broker used; to publish, the one to use if the broker takes so many; without one the client
    /// chooses.
    pub topic_alias: Option<u16>,
    /// CONNACK: the highest QoS that the broker takes, 0 or 1; absent means 2 (§3.2.2.3.4).
    pub maximum_qos: Option<u8>,
    /// CONNACK: 0 where the broker doesn't retain messages; absent means 1 (§3.2.2.3.5).
    pub retain_available: Option<u8>,
    /// User properties: names and values of the application, in order; names may repeat (§3.3.2.3.7).
    pub user_properties: Vec<(String, String)>,
    /// The largest packet that the sender of this one takes, in bytes; absent for no limit (§3.2.2.3.6).
    pub maximum_packet_size: Option<u32>,
    /// CONNACK: 0 where the broker takes no wildcards in filters; absent means 1 (§3.2.2.3.11).
    pub wildcard_subscription_available: Option<u8>,
    /// CONNACK: 0 where the broker takes no subscription identifiers; absent means 1 (§3.2.2.3.12).
    pub subscription_identifier_available: Option<u8>,
    /// CONNACK: 0 where the broker takes no shared subscriptions; absent means 1 (§3.2.2.3.13).
    pub shared_subscription_available: Option<u8>,
}

impl Properties {
    /// Checks what a broker would end the connection for, and what has no form on the wire.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let texts = [
            ("content type", &self.content_type),
            ("response topic", &self.response_topic),
            ("reason string", &self.reason_string),
            ("authentication method", &self.authentication_method),
        ];
        let texts = texts
            .iter()
            .filter_map(|(name, text)| Some((*name, text.as_ref()?)));
        let users = self.user_properties.iter();
        let users =
            users.flat_map(|(name, value)| [name, value].map(|text| ("user property", text)));
        for (name, text) in texts.chain(users) {
            check_len(name, text.len())?;
            if text.contains('\0') {
                return Err(Error::Config(format!("a {name} holds a NUL character")));
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
            Some(other) => Err(Error::Config(format!(
                "the payload format indicator is {other}, 0 or 1 are allowed"
            ))),
        }
    }
}

fn check_len(name: &str, len: usize) -> Result<(), Error> {
    if len > 65_535 {
        return Err(Error::Config(format!(
            "a {name} has {len} bytes, at most 65,535 are allowed"
        )));
    }
    Ok(())
}

/// An application message, to publish or received (MQTT 3.1.1 §3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The topic that it is published to; a topic alias is resolved already.
    pub topic: TopicName,
    /// What it carries; clones share the bytes.
    pub payload: Bytes,
    /// To publish: the QoS that the broker gets it with. Received: the QoS that it came with, which the
    /// subscription may have lowered.
    pub qos: QoS,
    /// To publish: the broker keeps it for later subscribers, and forgets the one before; it forgets
    /// only, where the payload is empty. Received: it was kept (MQTT 3.1.1 §3.3.1.3).
    pub retain: bool,
    /// Received: it may have been delivered before (§3.3.1.1). Publishing ignores it.
    pub dup: bool,
    /// Received with QoS 1 or 2: its packet id. Publishing ignores it.
    pub packet_id: Option<PacketId>,
    /// The properties of its PUBLISH (MQTT 5); `None` where there are none.
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

    /// Returns the message with these MQTT 5 properties; the earlier versions send none.
    #[must_use]
    pub fn with_properties(mut self, properties: Properties) -> Self {
        self.properties = Some(Box::new(properties));
        self
    }

    /// Returns a number that two messages share if topic and payload are equal, and else by accident
    /// only (one in 2⁶⁴). It is the same everywhere and for ever, so it may be written down; it is no
    /// defence against somebody who wants two messages to share it.
    pub fn fingerprint(&self) -> u64 {
        let topic = self.topic.as_str().as_bytes();
        let start = mix(0x9e37_79b9_7f4a_7c15, topic.len() as u64);
        mix_all(mix_all(start, topic), &self.payload)
    }

    /// Returns the message with the retain flag set or cleared.
    #[must_use]
    pub fn with_retain(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }
}

/// Adds eight bytes to a fingerprint; each step is reversible, so messages that differ in one word only differ in theirs.
fn mix(hash: u64, word: u64) -> u64 {
    let hash = (hash ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 32)
}

fn mix_all(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        hash = mix(hash, u64::from_le_bytes(eight));
    }
    let mut last = [0; 8];
    let rest = words.remainder();
    last[..rest.len()].copy_from_slice(rest);
    mix(mix(hash, u64::from_le_bytes(last)), bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_that_of_topic_and_payload_for_ever() {
        let of = |topic: &str, payload: &str| {
            Message::new(TopicName::new(topic).unwrap(), payload.to_owned()).fingerprint()
        };
        assert_eq!(of("iot/home2/temp", "25.5"), of("iot/home2/temp", "25.5"));
        // What is on disks must be found again by a later version.
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

    #[track_caller]
    fn case(payload: impl Into<Payload>, expected: &str) {
        assert_eq!(payload.into().0, expected.as_bytes());
    }

    #[test]
    fn a_payload_is_text_bytes_a_number_or_nothing() {
        case("25.3", "25.3");
        case(String::from("ü"), "ü");
        case(b"\x01\x02", "\u{1}\u{2}");
        case(25.0, "25.0");
        case(25.062_5_f32, "25.0625");
        case(-7, "-7");
        case((), "");
        case(None::<&str>, "");
        case(Some(1), "1");
    }
}
