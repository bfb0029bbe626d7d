//! What is stored of a message beside topic, value and time: parts of its topic, facts about it, and whether it was
//! retained.

use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, SubsecRound, Utc};
use clap::ValueEnum;
use iot_core::{Message, Properties};
use iot_store::{Entry, Extra, Fact, IdGenerator, RECEIVED, Rejection};
use serde_json::{Value as Json, json};

use super::keys::Keys;
use super::message::read_message;
use super::payload::PayloadMode;

/// Names that a field can't have: the four, and what other options add.
const RESERVED: [&str; 6] = ["_id", "topic", "value", "reg_date", RECEIVED, "retained"];

/// What a retained message is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Retained {
    /// It is stored unless topic and value are what was last stored for that topic
    #[default]
    Once,
    /// It is stored like any other
    Store,
    /// It is stored with the field `retained`
    Mark,
    /// It is not stored
    Skip,
}

/// A form of topics, some of whose levels are fields: `iot/{home}/{sensor}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicPattern(Vec<Level>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Level {
    Text(String),
    Field(Arc<str>),
    /// `+`
    Any,
    /// `#`
    Rest,
}

impl FromStr for TopicPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut levels = Vec::new();
        for level in text.split('/') {
            if levels.last() == Some(&Level::Rest) {
                return Err("`#` must be the last level".into());
            }
            levels.push(match level {
                "+" => Level::Any,
                "#" => Level::Rest,
                level => match level.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                    Some(name) => Level::Field(field_name(name)?),
                    None if level.contains(['{', '}', '+', '#']) => {
                        return Err(format!(
                            "`{level}` is no level: a field is the whole of it, as in iot/{{home}}/{{sensor}}"
                        ));
                    }
                    None => Level::Text(level.to_owned()),
                },
            });
        }
        let pattern = Self(levels);
        let mut names: Vec<_> = pattern.names().collect();
        if names.is_empty() {
            return Err("no level is a field, as in iot/{home}/{sensor}".into());
        }
        names.sort_unstable();
        if let Some([name, _]) = names.array_windows().find(|[one, next]| one == next) {
            return Err(format!("the field `{name}` stands twice"));
        }
        Ok(pattern)
    }
}

fn field_name(name: &str) -> Result<Arc<str>, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins_well || !name.chars().all(plain) {
        return Err(format!(
            "`{name}` is no name of a field: letters, digits and _ are"
        ));
    }
    if RESERVED.contains(&name) {
        return Err(format!("the name `{name}` is taken"));
    }
    Ok(name.into())
}

impl TopicPattern {
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().filter_map(|level| match level {
            Level::Field(name) => Some(name),
            _ => None,
        })
    }

    /// Returns the fields of `topic`, if it has this form.
    fn fields(&self, topic: &str) -> Option<Vec<(Arc<str>, Fact)>> {
        let mut fields = Vec::new();
        let mut parts = topic.split('/');
        for level in &self.0 {
            let part = match level {
                Level::Rest => return Some(fields),
                _ => parts.next()?,
            };
            match level {
                Level::Text(text) if text != part => return None,
                Level::Field(name) => fields.push((Arc::clone(name), Fact::Json(part.into()))),
                _ => {}
            }
        }
        parts.next().is_none().then_some(fields)
    }
}

/// A fact about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FieldName {
    Qos,
    Retain,
    Dup,
    Mid,
    Length,
    /// The client id of iot-sub
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
}

/// What is stored, as the options say it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FieldsPlan {
    /// The first that a topic has the form of counts.
    pub(crate) patterns: Vec<TopicPattern>,
    pub(crate) keys: Keys,
    pub(crate) facts: Vec<FieldName>,
    pub(crate) retained: Retained,
}

impl FieldsPlan {
    /// Returns the names of all fields that there may be beside the four.
    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = Vec::new();
        for name in self.patterns.iter().flat_map(TopicPattern::names) {
            if !names.contains(name) {
                names.push(Arc::clone(name));
            }
        }
        names.extend(self.facts.iter().map(|fact| fact.name().into()));
        if self.keys.time.is_some() {
            names.push(RECEIVED.into());
        }
        if self.retained == Retained::Mark {
            names.push("retained".into());
        }
        names
    }
}

/// Makes entries of messages.
#[derive(Debug)]
pub(crate) struct Decoder {
    mode: PayloadMode,
    plan: FieldsPlan,
    /// Readings have the four fields, whatever the message.
    plain: bool,
    ids: IdGenerator,
    broker: String,
    client: String,
}

impl Decoder {
    pub(crate) fn new(mode: PayloadMode, plan: FieldsPlan, broker: String) -> Self {
        Self {
            mode,
            plain: plan.names().is_empty(),
            plan,
            ids: IdGenerator::new(),
            broker,
            client: String::new(),
        }
    }

    /// Takes note of the client id, which the broker may have given.
    pub(crate) fn set_client(&mut self, client: String) {
        self.client = client;
    }

    /// Whether the message is not to be stored, as it was retained.
    pub(crate) fn skips(&self, message: &Message) -> bool {
        message.retain && self.plan.retained == Retained::Skip
    }

    /// Returns what `message`, received at `now`, is.
    pub(crate) fn entry(&mut self, message: Message, now: DateTime<Utc>) -> Entry {
        let once = message.retain && self.plan.retained == Retained::Once;
        let fields = if self.plain {
            Vec::new()
        } else {
            self.fields(&message, now)
        };
        let Message { topic, payload, .. } = message;
        let mut entry = read_message(
            self.mode,
            &self.plan.keys,
            topic,
            &payload,
            now,
            &mut self.ids,
        );
        if once || !fields.is_empty() {
            match &mut entry {
                Entry::Reading(reading) => {
                    reading.extra = Some(Box::new(Extra { once, fields }));
                }
                Entry::Rejection(rejection) => rejection.once = once,
            }
        }
        entry
    }

    /// Returns what is kept of a message that was larger than it may be, received at `now`; its payload was not taken.
    pub(crate) fn passed_over(
        &mut self,
        message: &Message,
        size: usize,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Entry {
        let now = now.trunc_subsecs(3);
        let reason = format!("its packet of {size} bytes is larger than the limit of {limit}");
        let topic = message.topic.as_str().into();
        let rejection = Rejection::new(self.ids.next(now), topic, b"", reason, now);
        Entry::Rejection(Rejection {
            length: size as u64,
            ..rejection
        })
    }

    fn fields(&self, message: &Message, now: DateTime<Utc>) -> Vec<(Arc<str>, Fact)> {
        let topic = message.topic.as_str();
        let mut patterns = self.plan.patterns.iter();
        let mut fields = patterns
            .find_map(|pattern| pattern.fields(topic))
            .unwrap_or_default();
        for fact in &self.plan.facts {
            if let Some(json) = self.fact(*fact, message) {
                fields.push((fact.name().into(), Fact::Json(json)));
            }
        }
        if self.plan.keys.time.is_some() {
            fields.push((RECEIVED.into(), Fact::Date(now.trunc_subsecs(3))));
        }
        if self.plan.retained == Retained::Mark && message.retain {
            fields.push(("retained".into(), Fact::Json(true.into())));
        }
        fields
    }

    fn fact(&self, fact: FieldName, message: &Message) -> Option<Json> {
        let none = Properties::default();
        let properties = message.properties.as_deref().unwrap_or(&none);
        match fact {
            FieldName::Qos => Some((message.qos as u8).into()),
            FieldName::Retain => Some(message.retain.into()),
            FieldName::Dup => Some(message.dup.into()),
            FieldName::Mid => message.packet_id.map(|id| id.get().into()),
            FieldName::Length => Some(message.payload.len().into()),
            FieldName::Client => Some(self.client.clone().into()),
            FieldName::Broker => Some(self.broker.clone().into()),
            FieldName::ContentType => properties.content_type.clone().map(Json::from),
            FieldName::ResponseTopic => properties.response_topic.clone().map(Json::from),
            FieldName::CorrelationData => {
                let data = properties.correlation_data.as_deref()?;
                Some(match std::str::from_utf8(data) {
                    Ok(text) => text.into(),
                    Err(_) => BASE64_STANDARD.encode(data).into(),
                })
            }
            FieldName::Expiry => properties.message_expiry_interval.map(Json::from),
            FieldName::PayloadFormat => properties.payload_format_indicator.map(Json::from),
            FieldName::SubscriptionId => properties
                .subscription_identifiers
                .first()
                .map(|id| (*id).into()),
            FieldName::UserProperties => {
                let pairs = &properties.user_properties;
                let pairs = pairs
                    .iter()
                    .map(|(name, value)| json!({ name.as_str(): value }));
                (!properties.user_properties.is_empty()).then(|| pairs.collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(pattern: &str, topic: &str, expected: Option<&str>) {
        let pattern: TopicPattern = pattern.parse().unwrap();
        let found = pattern.fields(topic).map(|fields| {
            let fields = fields
                .iter()
                .map(|(name, fact)| format!("{name}={}", fact.to_json()));
            fields.collect::<Vec<_>>().join(" ")
        });
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn levels_of_a_topic_are_fields() {
        case(
            "iot/{home}/{sensor}",
            "iot/a/t",
            Some(r#"home="a" sensor="t""#),
        );
        case("iot/{home}/{sensor}", "iot/a/t/x", None);
        case("iot/{home}/{sensor}", "iot/a", None);
        case("iot/{home}/{sensor}", "x/a/t", None);
        case("+/{home}/#", "x/ü/t/u", Some(r#"home="ü""#));
        case("+/{home}/#", "x/y", Some(r#"home="y""#));
        case("{a}//{b}", "1//", Some(r#"a="1" b="""#));
    }

    #[test]
    fn what_is_wrong_with_a_pattern_is_said() {
        for (pattern, expected) in [
            ("iot/a", "no level is a field, as in iot/{home}/{sensor}"),
            ("iot/{a}/{a}", "the field `a` stands twice"),
            ("iot/{value}", "the name `value` is taken"),
            (
                "iot/{a b}",
                "`a b` is no name of a field: letters, digits and _ are",
            ),
            (
                "iot/x{a}",
                "`x{a}` is no level: a field is the whole of it, as in iot/{home}/{sensor}",
            ),
            ("#/{a}", "`#` must be the last level"),
        ] {
            assert_eq!(pattern.parse::<TopicPattern>().unwrap_err(), expected);
        }
    }
}
