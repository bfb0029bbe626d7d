//! The properties that can be given, with the packets that take them and what their values are.

use iot_core::message::Properties;
use iot_core::topic::TopicName;

use crate::property::packet_kind::PacketKind;

/// Stands between the words of a user property where its name holds a space.
pub(crate) const BETWEEN: char = '\u{1f}';

/// What a property's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Flag,
    /// From the first to the second.
    Number(u32, u32),
    Text,
    Topic,
    Data,
    Pair,
}

/// A property that can be given, and with which packets.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    /// The identifier (MQTT 5 §2.2.2.2).
    pub(crate) id: u8,
    pub(crate) kind: Kind,
    pub(crate) packets: &'static [PacketKind],
    pub(crate) set: fn(&mut Properties, Value),
}

/// A value that fits its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Number(u32),
    Text(String),
    Pair(String, String),
}

impl Value {
    fn number(self) -> u32 {
        match self {
            Self::Number(number) => number,
            _ => 0,
        }
    }

    fn short(self) -> u16 {
        u16::try_from(self.number()).unwrap_or(u16::MAX)
    }

    fn flag(self) -> u8 {
        u8::from(self.number() > 0)
    }

    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            _ => String::new(),
        }
    }
}

const MESSAGE: &[PacketKind] = &[PacketKind::Publish, PacketKind::Will];
const CONNECT: &[PacketKind] = &[PacketKind::Connect];

/// All of them (MQTT 5 §2.2.2.2), but those of enhanced authentication.
pub(crate) const KNOWN: [Known; 16] = [
    Known {
        name: "content-type",
        id: 0x03,
        kind: Kind::Text,
        packets: MESSAGE,
        set: |p, value| p.content_type = Some(value.text()),
    },
    Known {
        name: "correlation-data",
        id: 0x09,
        kind: Kind::Data,
        packets: MESSAGE,
        set: |p, value| p.correlation_data = Some(value.text().into()),
    },
    Known {
        name: "maximum-packet-size",
        id: 0x27,
        kind: Kind::Number(1, u32::MAX),
        packets: CONNECT,
        set: |p, value| p.maximum_packet_size = Some(value.number()),
    },
    Known {
        name: "message-expiry-interval",
        id: 0x02,
        kind: Kind::Number(0, u32::MAX),
        packets: MESSAGE,
        set: |p, value| p.message_expiry_interval = Some(value.number()),
    },
    Known {
        name: "payload-format-indicator",
        id: 0x01,
        kind: Kind::Flag,
        packets: MESSAGE,
        set: |p, value| p.payload_format_indicator = Some(value.flag()),
    },
    Known {
        name: "reason-string",
        id: 0x1f,
        kind: Kind::Text,
        packets: &[PacketKind::Disconnect],
        set: |p, value| p.reason_string = Some(value.text()),
    },
    Known {
        name: "receive-maximum",
        id: 0x21,
        kind: Kind::Number(1, 65_535),
        packets: CONNECT,
        set: |p, value| p.receive_maximum = Some(value.short()),
    },
    Known {
        name: "request-problem-information",
        id: 0x17,
        kind: Kind::Flag,
        packets: CONNECT,
        set: |p, value| p.request_problem_information = Some(value.flag()),
    },
    Known {
        name: "request-response-information",
        id: 0x19,
        kind: Kind::Flag,
        packets: CONNECT,
        set: |p, value| p.request_response_information = Some(value.flag()),
    },
    Known {
        name: "response-topic",
        id: 0x08,
        kind: Kind::Topic,
        packets: MESSAGE,
        set: |p, value| p.response_topic = Some(value.text()),
    },
    Known {
        name: "session-expiry-interval",
        id: 0x11,
        kind: Kind::Number(0, u32::MAX),
        packets: &[PacketKind::Connect, PacketKind::Disconnect],
        set: |p, value| p.session_expiry_interval = Some(value.number()),
    },
    Known {
        name: "subscription-identifier",
        id: 0x0b,
        kind: Kind::Number(1, 268_435_455),
        packets: &[PacketKind::Subscribe],
        set: |p, value| p.subscription_identifiers = vec![value.number()],
    },
    Known {
        name: "topic-alias",
        id: 0x23,
        kind: Kind::Number(1, 65_535),
        packets: &[PacketKind::Publish],
        set: |p, value| p.topic_alias = Some(value.short()),
    },
    Known {
        name: "topic-alias-maximum",
        id: 0x22,
        kind: Kind::Number(0, 65_535),
        packets: CONNECT,
        set: |p, value| p.topic_alias_maximum = Some(value.short()),
    },
    Known {
        name: "user-property",
        id: 0x26,
        kind: Kind::Pair,
        packets: &[
            PacketKind::Connect,
            PacketKind::Publish,
            PacketKind::Subscribe,
            PacketKind::Unsubscribe,
            PacketKind::Disconnect,
            PacketKind::Will,
        ],
        set: |p, value| {
            if let Value::Pair(name, value) = value {
                p.user_properties.push((name, value));
            }
        },
    },
    Known {
        name: "will-delay-interval",
        id: 0x18,
        kind: Kind::Number(0, u32::MAX),
        packets: &[PacketKind::Will],
        set: |p, value| p.will_delay_interval = Some(value.number()),
    },
];

impl Kind {
    pub(crate) fn parse(self, name: &str, text: &str) -> Result<Value, String> {
        match self {
            Self::Flag => Self::Number(0, 1).parse(name, text),
            Self::Number(least, most) => match text.parse() {
                Ok(number) if (least..=most).contains(&number) => Ok(Value::Number(number)),
                _ if (least, most) == (0, 1) => Err(format!("{name} is 0 or 1")),
                _ => Err(format!("{name} is a whole number from {least} to {most}")),
            },
            Self::Text | Self::Data => {
                string(name, text, self == Self::Text)?;
                Ok(Value::Text(text.into()))
            }
            Self::Topic => {
                TopicName::new(text).map_err(|error| error.to_string())?;
                Ok(Value::Text(text.into()))
            }
            Self::Pair => {
                let Some((key, value)) = text.split_once(BETWEEN).or_else(|| text.split_once(' '))
                else {
                    return Err(format!("{name} needs a name and a value"));
                };
                string(name, key, true)?;
                string(name, value, true)?;
                Ok(Value::Pair(key.into(), value.into()))
            }
        }
    }
}

/// Checks what a UTF-8 string of MQTT may be (§1.5.4).
fn string(name: &str, text: &str, is_text: bool) -> Result<(), String> {
    if text.len() > 65_535 {
        return Err(format!(
            "{name} has {} bytes, at most 65,535 are allowed",
            text.len()
        ));
    }
    if is_text && text.contains('\0') {
        return Err(format!("{name} holds a NUL character"));
    }
    Ok(())
}
