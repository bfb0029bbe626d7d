//! What is stored of a message beside topic, value and time: parts of its topic, facts about it,
//! and whether it was retained.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use clap::ValueEnum;
use iot_core::{Message, SkippedMessage};
use iot_store::{Entry, Extra, FieldValue, IdGenerator, RECEIVED, Rejection};

use super::keys::Keys;
use super::message::read_message;
use super::message_fact::FieldName;
use super::payload::PayloadMode;
use super::topic_pattern::TopicPattern;

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

    /// Takes note of the client identifier, which the broker may have given.
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
                Entry::Readings(_) => {}
                Entry::Rejection(rejection) => rejection.once = once,
            }
        }
        entry
    }

    /// Returns what is kept of a message that was larger than it may be, received at `now`; its
    /// payload was not taken.
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

    /// Returns what is kept of a message whose payload was longer than is held.
    pub(crate) fn skipped(&mut self, skipped: SkippedMessage, now: DateTime<Utc>) -> Entry {
        let SkippedMessage {
            message,
            length,
            limit,
            hash,
            ..
        } = skipped;
        let now = now.trunc_subsecs(3);
        let hash = hash.and_then(|hash| hash.try_into().ok());
        Entry::Rejection(Rejection {
            id: self.ids.next(now),
            topic: message.topic.into(),
            payload: message.payload,
            length: length as u64,
            sha256: hash.unwrap_or_default(),
            reason: format!("its payload of {length} bytes is larger than the limit of {limit}"),
            reg_date: now,
            once: message.retain && self.plan.retained == Retained::Once,
        })
    }

    fn fields(&self, message: &Message, now: DateTime<Utc>) -> Vec<(Arc<str>, FieldValue)> {
        let topic = message.topic.as_str();
        let mut patterns = self.plan.patterns.iter();
        let mut fields = patterns
            .find_map(|pattern| pattern.fields(topic))
            .unwrap_or_default();
        for fact in &self.plan.facts {
            if let Some(json) = fact.of(message, &self.broker, &self.client) {
                fields.push((fact.name().into(), FieldValue::Json(json)));
            }
        }
        if self.plan.keys.time.is_some() {
            fields.push((RECEIVED.into(), FieldValue::Date(now.trunc_subsecs(3))));
        }
        if self.plan.retained == Retained::Mark && message.retain {
            fields.push(("retained".into(), FieldValue::Json(true.into())));
        }
        fields
    }
}
