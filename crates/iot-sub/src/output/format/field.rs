//! The fields of a message, by their letters.

use std::io::Write;

use chrono::{DateTime, Utc};
use iot_core::{Message, Properties};

use super::flags::{Flags, pad};
use super::hex;
use crate::output::json;
use crate::output::time::Clock;

/// How messages are shown that were received together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// When they were received.
    pub(crate) now: DateTime<Utc>,
    /// JSON has line breaks.
    pub(crate) is_pretty: bool,
    /// A terminal shows them: what it would obey is escaped.
    pub(crate) is_on_terminal: bool,
}

/// A field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    TopicAlias,
    ContentType,
    CorrelationData,
    Expiry,
    PayloadFormat,
    IsoDate,
    Json { parsed: bool },
    Length,
    PacketId,
    Payload,
    UserProperties,
    QoS,
    ResponseTopic,
    Retain,
    SubscriptionId,
    Topic,
    UnixTime,
    Hex { upper: bool },
    Float,
    Double,
}

impl Field {
    pub(super) fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'A' => Self::TopicAlias,
            'C' => Self::ContentType,
            'D' => Self::CorrelationData,
            'E' => Self::Expiry,
            'F' => Self::PayloadFormat,
            'I' => Self::IsoDate,
            'j' => Self::Json { parsed: false },
            'J' => Self::Json { parsed: true },
            'l' => Self::Length,
            'm' => Self::PacketId,
            'p' => Self::Payload,
            'P' => Self::UserProperties,
            'q' => Self::QoS,
            'R' => Self::ResponseTopic,
            'r' => Self::Retain,
            'S' => Self::SubscriptionId,
            't' => Self::Topic,
            'U' => Self::UnixTime,
            'x' => Self::Hex { upper: false },
            'X' => Self::Hex { upper: true },
            'f' => Self::Float,
            'd' => Self::Double,
            _ => return None,
        })
    }

    /// Appends the field of `message`; returns what could not be printed.
    pub(super) fn print(
        self,
        flags: Flags,
        message: &Message,
        shown: Shown,
        clock: &mut Clock,
        out: &mut Vec<u8>,
    ) -> Option<&'static str> {
        let properties = message.properties.as_deref();
        let payload = &message.payload[..];
        match self {
            Field::Topic => flags.string(message.topic.as_str().as_bytes(), out),
            Field::Payload => flags.payload(payload, out),
            Field::Hex { upper } => hex::print(flags, payload, upper, out),
            Field::Length => flags.integer(payload.len() as u64, out),
            Field::PacketId => {
                flags.integer(message.packet_id.map_or(0, |id| id.get().into()), out);
            }
            Field::QoS => out.push(b'0' + message.qos as u8),
            Field::Retain => out.push(b'0' + u8::from(message.retain)),
            Field::Json { parsed } => {
                json::message(
                    message,
                    clock.at(shown.now).stamp(),
                    parsed,
                    shown.is_pretty,
                    out,
                );
            }
            Field::IsoDate => flags.string(clock.at(shown.now).iso().as_bytes(), out),
            Field::UnixTime => {
                let nanoseconds = shown.now.timestamp_subsec_nanos();
                let _ = write!(out, "{}.{nanoseconds:09}", shown.now.timestamp());
            }
            Field::TopicAlias => flags.maybe(properties.and_then(|p| p.topic_alias), out),
            Field::Expiry => flags.maybe(properties.and_then(|p| p.message_expiry_interval), out),
            Field::PayloadFormat => {
                flags.maybe(properties.and_then(|p| p.payload_format_indicator), out);
            }
            Field::SubscriptionId => {
                let first = |p: &Properties| p.subscription_identifiers.first().copied();
                flags.maybe(properties.and_then(first), out);
            }
            Field::ContentType => match properties.and_then(|p| p.content_type.as_ref()) {
                Some(text) => flags.string(text.as_bytes(), out),
                None => pad(b' ', flags.width, out),
            },
            Field::ResponseTopic => {
                if let Some(topic) = properties.and_then(|p| p.response_topic.as_ref()) {
                    flags.string(topic.as_bytes(), out);
                }
            }
            Field::CorrelationData => {
                out.extend(
                    properties
                        .and_then(|p| p.correlation_data.as_deref())
                        .unwrap_or_default(),
                );
            }
            Field::UserProperties => {
                let pairs = properties.map_or(&[][..], |p| &p.user_properties);
                for (at, (name, value)) in pairs.iter().enumerate() {
                    let space = if at > 0 { " " } else { "" };
                    let _ = write!(out, "{space}{name}:{value}");
                }
            }
            Field::Float => match payload.try_into() {
                Ok(bytes) => flags.float(f32::from_ne_bytes(bytes).into(), out),
                Err(_) => return Some("`%f` needs a payload of 4 bytes"),
            },
            Field::Double => match payload.try_into() {
                Ok(bytes) => flags.float(f64::from_ne_bytes(bytes), out),
                Err(_) => return Some("`%d` needs a payload of 8 bytes"),
            },
        }
        None
    }
}
