//! MQTT 5 properties from the command line: `-D COMMAND NAME VALUE`, with the standard's names in
//! small letters and hyphens, as mosquitto has them.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::str::FromStr;

use clap::Args;

use iot_core::config::ClientConfig;
use iot_core::message::Properties;
use iot_core::topic::TopicName;

/// The id of the option.
pub(crate) const PROPERTY: &str = "property";
/// Stands between the words of a user property where its name holds a space.
const BETWEEN: char = '\u{1f}';

/// The properties of all packets.
#[derive(Debug, Args)]
#[command(next_help_heading = "Properties")]
pub(crate) struct PropertyArgs {
    /// Send MQTT 5 property NAME with each packet of COMMAND: connect, publish, subscribe,
    /// unsubscribe, disconnect or will; user-property takes two VALUEs (can be repeated; implies
    /// -V mqttv5)
    #[arg(short = 'D', long, env = "IOT_PROPERTY", hide_env_values = true)]
    #[arg(value_name = "COMMAND NAME VALUE", allow_hyphen_values = true)]
    property: Vec<Property>,
}

/// The packet that a property belongs to, as the command line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// CONNECT.
    Connect,
    /// PUBLISH.
    Publish,
    /// SUBSCRIBE.
    Subscribe,
    /// UNSUBSCRIBE.
    Unsubscribe,
    /// DISCONNECT.
    Disconnect,
    /// The will in CONNECT.
    Will,
}

const TARGETS: [(&str, Target); 6] = [
    ("connect", Target::Connect),
    ("publish", Target::Publish),
    ("subscribe", Target::Subscribe),
    ("unsubscribe", Target::Unsubscribe),
    ("disconnect", Target::Disconnect),
    ("will", Target::Will),
];

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = TARGETS.iter().find(|(_, target)| target == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

/// What a property's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flag,
    /// From the first to the second.
    Number(u32, u32),
    Text,
    Topic,
    Data,
    Pair,
}

/// A property that can be given, and with which packets.
struct Known {
    name: &'static str,
    kind: Kind,
    targets: &'static [Target],
    set: fn(&mut Properties, Value),
}

/// A value that fits its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
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

const MESSAGE: &[Target] = &[Target::Publish, Target::Will];
const CONNECT: &[Target] = &[Target::Connect];

/// All of them (MQTT 5 §2.2.2.2), but those of enhanced authentication.
const KNOWN: [Known; 16] = [
    Known {
        name: "content-type",
        kind: Kind::Text,
        targets: MESSAGE,
        set: |p, value| p.content_type = Some(value.text()),
    },
    Known {
        name: "correlation-data",
        kind: Kind::Data,
        targets: MESSAGE,
        set: |p, value| p.correlation_data = Some(value.text().into()),
    },
    Known {
        name: "maximum-packet-size",
        kind: Kind::Number(1, u32::MAX),
        targets: CONNECT,
        set: |p, value| p.maximum_packet_size = Some(value.number()),
    },
    Known {
        name: "message-expiry-interval",
        kind: Kind::Number(0, u32::MAX),
        targets: MESSAGE,
        set: |p, value| p.message_expiry_interval = Some(value.number()),
    },
    Known {
        name: "payload-format-indicator",
        kind: Kind::Flag,
        targets: MESSAGE,
        set: |p, value| p.payload_format_indicator = Some(value.flag()),
    },
    Known {
        name: "reason-string",
        kind: Kind::Text,
        targets: &[Target::Disconnect],
        set: |p, value| p.reason_string = Some(value.text()),
    },
    Known {
        name: "receive-maximum",
        kind: Kind::Number(1, 65_535),
        targets: CONNECT,
        set: |p, value| p.receive_maximum = Some(value.short()),
    },
    Known {
        name: "request-problem-information",
        kind: Kind::Flag,
        targets: CONNECT,
        set: |p, value| p.request_problem_information = Some(value.flag()),
    },
    Known {
        name: "request-response-information",
        kind: Kind::Flag,
        targets: CONNECT,
        set: |p, value| p.request_response_information = Some(value.flag()),
    },
    Known {
        name: "response-topic",
        kind: Kind::Topic,
        targets: MESSAGE,
        set: |p, value| p.response_topic = Some(value.text()),
    },
    Known {
        name: "session-expiry-interval",
        kind: Kind::Number(0, u32::MAX),
        targets: &[Target::Connect, Target::Disconnect],
        set: |p, value| p.session_expiry_interval = Some(value.number()),
    },
    Known {
        name: "subscription-identifier",
        kind: Kind::Number(1, 268_435_455),
        targets: &[Target::Subscribe],
        set: |p, value| p.subscription_identifiers = vec![value.number()],
    },
    Known {
        name: "topic-alias",
        kind: Kind::Number(1, 65_535),
        targets: &[Target::Publish],
        set: |p, value| p.topic_alias = Some(value.short()),
    },
    Known {
        name: "topic-alias-maximum",
        kind: Kind::Number(0, 65_535),
        targets: CONNECT,
        set: |p, value| p.topic_alias_maximum = Some(value.short()),
    },
    Known {
        name: "user-property",
        kind: Kind::Pair,
        targets: &[
            Target::Connect,
            Target::Publish,
            Target::Subscribe,
            Target::Unsubscribe,
            Target::Disconnect,
            Target::Will,
        ],
        set: |p, value| {
            if let Value::Pair(name, value) = value {
                p.user_properties.push((name, value));
            }
        },
    },
    Known {
        name: "will-delay-interval",
        kind: Kind::Number(0, u32::MAX),
        targets: &[Target::Will],
        set: |p, value| p.will_delay_interval = Some(value.number()),
    },
];

/// One property, checked.
#[derive(Clone)]
struct Property {
    target: Target,
    set: fn(&mut Properties, Value),
    value: Value,
}

impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.target, self.value)
    }
}

impl FromStr for Property {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.splitn(3, ' ');
        let (target, name) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let value = words.next();
        let Some((_, target)) = TARGETS.iter().find(|(known, _)| *known == target) else {
            return Err(format!(
                "`{target}` is no command; these are: {}",
                list(TARGETS.iter().map(|(name, _)| *name))
            ));
        };
        if name.starts_with("authentication-") {
            return Err("enhanced authentication is not offered".into());
        }
        let known = KNOWN.iter().find(|known| known.name == name);
        let Some(known) = known.filter(|known| known.targets.contains(target)) else {
            let of = |target| {
                let known = KNOWN.iter().filter(move |one| one.targets.contains(target));
                list(known.map(|one| one.name))
            };
            return Err(match known {
                Some(known) => format!(
                    "{name} is no property of {target}, but of {}",
                    list(known.targets.iter().map(Target::to_string))
                ),
                None => format!(
                    "`{name}` is no property of {target}, which has: {}",
                    of(target)
                ),
            });
        };
        let Some(value) = value else {
            return Err(format!("{name} needs a value"));
        };
        Ok(Self {
            target: *target,
            set: known.set,
            value: known.kind.parse(name, value)?,
        })
    }
}

impl Kind {
    fn parse(self, name: &str, text: &str) -> Result<Value, String> {
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

fn list(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut list = String::new();
    for name in names {
        if !list.is_empty() {
            list += ", ";
        }
        list += name.as_ref();
    }
    list
}

/// Takes the words of one property and makes one of them. Where words are missing, parsing says so.
pub(crate) fn join(mut words: impl Iterator<Item = OsString>) -> OsString {
    let mut joined = OsString::new();
    let mut count = 3;
    let mut taken = 0;
    let mut between = " ".to_owned();
    while taken < count {
        let Some(word) = words.next() else { break };
        if taken > 0 {
            joined.push(&between);
        }
        joined.push(&word);
        taken += 1;
        if taken == 2 && word == "user-property" {
            count = 4;
        } else if taken == 3 && count == 4 && has_space(&word) {
            between = BETWEEN.into();
        }
    }
    joined
}

/// Makes one word of a line of an option file: two words, and the rest of the line.
pub(crate) fn join_line(line: &str) -> String {
    let (first, rest) = split(line);
    let (second, rest) = split(rest);
    if second == "user-property" {
        let (name, value) = split(rest);
        return format!("{first} {second} {name} {value}");
    }
    format!("{first} {second} {rest}")
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches([' ', '\t']);
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_start_matches([' ', '\t']))
}

fn has_space(word: &OsStr) -> bool {
    word.is_empty() || word.as_encoded_bytes().contains(&b' ')
}

/// The properties of each packet, as far as they are given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PacketProperties {
    /// Of each PUBLISH.
    pub publish: Option<Box<Properties>>,
    /// Of each SUBSCRIBE.
    pub subscribe: Properties,
    /// Of each UNSUBSCRIBE.
    pub unsubscribe: Properties,
    /// Of the DISCONNECT.
    pub disconnect: Option<Properties>,
}

impl PropertyArgs {
    /// Returns whether there is any.
    pub(crate) fn is_empty(&self) -> bool {
        self.property.is_empty()
    }

    /// Returns the first packet that has properties and that the program never sends.
    pub(crate) fn beyond(&self, sent: &[Target]) -> Option<Target> {
        let targets = self.property.iter().map(|property| property.target);
        targets.into_iter().find(|target| !sent.contains(target))
    }

    fn of(&self, target: Target) -> Option<Properties> {
        let mut properties = None;
        for property in self.property.iter().filter(|p| p.target == target) {
            let properties = properties.get_or_insert_with(Properties::default);
            (property.set)(properties, property.value.clone());
        }
        properties
    }

    /// Returns the will's.
    pub(crate) fn will(&self) -> Option<Properties> {
        self.of(Target::Will)
    }

    /// Returns those of the packets that are sent after CONNECT.
    pub(crate) fn packets(&self) -> PacketProperties {
        PacketProperties {
            publish: self.of(Target::Publish).map(Box::new),
            subscribe: self.of(Target::Subscribe).unwrap_or_default(),
            unsubscribe: self.of(Target::Unsubscribe).unwrap_or_default(),
            disconnect: self.of(Target::Disconnect),
        }
    }

    /// Puts CONNECT's into the configuration.
    pub(crate) fn apply(&self, config: &mut ClientConfig) {
        let Some(given) = self.of(Target::Connect) else {
            return;
        };
        set(&mut config.receive_maximum, given.receive_maximum);
        set(&mut config.topic_alias_maximum, given.topic_alias_maximum);
        set(&mut config.maximum_packet_size, given.maximum_packet_size);
        let flag = |value: Option<u8>| value.map(|value| value > 0);
        set(
            &mut config.request_response_information,
            flag(given.request_response_information),
        );
        set(
            &mut config.request_problem_information,
            flag(given.request_problem_information),
        );
        if given.session_expiry_interval.is_some() {
            config.session_expiry_interval = given.session_expiry_interval;
        }
        config.user_properties = given.user_properties;
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        assert_eq!(text.parse::<Property>().unwrap_err(), expected);
    }

    fn given(texts: &[&str]) -> PropertyArgs {
        let property = texts.iter().map(|text| text.parse().unwrap()).collect();
        PropertyArgs { property }
    }

    #[test]
    fn each_property_has_its_place() {
        let args = given(&[
            "connect receive-maximum 7",
            "connect maximum-packet-size 1000",
            "connect topic-alias-maximum 3",
            "connect session-expiry-interval 60",
            "connect request-response-information 1",
            "connect request-problem-information 0",
            "connect user-property a b",
        ]);
        let mut config = ClientConfig::default();
        args.apply(&mut config);
        let expected = ClientConfig {
            receive_maximum: 7,
            maximum_packet_size: 1000,
            topic_alias_maximum: 3,
            session_expiry_interval: Some(60),
            request_response_information: true,
            request_problem_information: false,
            user_properties: vec![("a".into(), "b".into())],
            ..ClientConfig::default()
        };
        assert!(config == expected);
        let args = given(&[
            "publish content-type text/plain; charset=utf-8",
            "publish user-property b 1",
            "publish user-property a two words",
            "publish user-property a b\u{1f}c d",
            "publish user-property b ",
            "publish message-expiry-interval 1",
            "publish message-expiry-interval 2",
        ]);
        let publish = *args.packets().publish.unwrap();
        assert_eq!(
            publish.content_type.as_deref(),
            Some("text/plain; charset=utf-8")
        );
        let pairs = [("b", "1"), ("a", "two words"), ("a b", "c d"), ("b", "")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(publish.user_properties, pairs);
        assert_eq!(publish.message_expiry_interval, Some(2));
    }

    #[test]
    fn what_is_wrong_is_named() {
        refused(
            "pubrel user-property a b",
            "`pubrel` is no command; these are: connect, publish, subscribe, unsubscribe, disconnect, will",
        );
        refused(
            "connect content-type x",
            "content-type is no property of connect, but of publish, will",
        );
        refused(
            "unsubscribe colour red",
            "`colour` is no property of unsubscribe, which has: user-property",
        );
        refused("publish content-type", "content-type needs a value");
        refused(
            "publish user-property a",
            "user-property needs a name and a value",
        );
        refused(
            "publish topic-alias 0",
            "topic-alias is a whole number from 1 to 65535",
        );
        refused(
            "connect receive-maximum 65536",
            "receive-maximum is a whole number from 1 to 65535",
        );
        refused(
            "will will-delay-interval -1",
            "will-delay-interval is a whole number from 0 to 4294967295",
        );
        refused(
            "publish payload-format-indicator 2",
            "payload-format-indicator is 0 or 1",
        );
        refused(
            "publish response-topic a/+",
            "topic name `a/+` holds the wildcard `+`, which only a topic filter may",
        );
        refused(
            "publish content-type a\0",
            "content-type holds a NUL character",
        );
        refused(
            "connect authentication-method x",
            "enhanced authentication is not offered",
        );
        refused(
            "",
            "`` is no command; these are: connect, publish, subscribe, unsubscribe, disconnect, will",
        );
    }

    #[test]
    fn a_line_of_a_file_has_words_and_a_rest() {
        for (line, expected) in [
            (
                "publish  content-type\ttext plain ",
                "publish content-type text plain ",
            ),
            ("will user-property  a  b c", "will user-property a b c"),
            ("will", "will  "),
        ] {
            assert_eq!(join_line(line), expected);
        }
    }
}
