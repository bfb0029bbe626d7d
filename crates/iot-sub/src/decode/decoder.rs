//! What is stored of a message beside topic, value and time: parts of its topic, facts about it,
//! and whether it was retained.

use std::mem;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use clap::ValueEnum;
use iot_core::{Message, SkippedMessage};
use iot_decode::{Decoded, KeepsState, PlainFormat, Request, StateChange};
use iot_store::{Entry, Extra, FieldValue, IdGenerator, RECEIVED, Rejection};
use serde_json::Value as Json;

use super::assemble::{self, Parts};
use super::keys::Keys;
use super::message::read_message;
use super::message_fact::FieldName;
use super::message_view::view;
use super::program_watch::ProgramWatch;
use super::router::{Route, Router};
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

/// Decoded values, and what keys have found beside them.
struct Values {
    decoded: Decoded,
    time: Option<DateTime<Utc>>,
    id: Vec<Json>,
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
    router: Router,
    plan: FieldsPlan,
    /// Readings have the four fields, whatever the message.
    plain: bool,
    ids: IdGenerator,
    broker: String,
    client: String,
}

/// What a message became.
#[derive(Debug)]
pub(crate) struct Made {
    /// `None`: it has no reading, and is not rejected.
    pub(crate) entry: Option<Entry>,
    /// What was recognised; `None` if it is rejected.
    pub(crate) format: Option<&'static str>,
    /// What the decoder asks for, if anything.
    pub(crate) effects: Option<Box<Effects>>,
    /// A local time was not used, because its time zone is unknown.
    pub(crate) lacks_timezone: bool,
}

/// What a decoder asks for beside readings.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) requests: Vec<Request>,
    /// To be committed with the readings.
    pub(crate) state: Vec<StateChange>,
}

impl Decoder {
    pub(crate) fn new(router: Router, plan: FieldsPlan, broker: String) -> Self {
        Self {
            router,
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

    /// Takes what an earlier process has learned from messages.
    pub(crate) fn restore(&mut self, state: &[(String, Vec<u8>)]) {
        for (key, value) in state {
            self.router.restore(key, value);
        }
    }

    /// Returns what the programs work on, if there are any.
    pub(crate) fn programs(&self) -> Option<&Arc<ProgramWatch>> {
        self.router.programs()
    }

    /// Whether the message is not to be stored, as it was retained.
    pub(crate) fn skips(&self, message: &Message) -> bool {
        message.retain && self.plan.retained == Retained::Skip
    }

    /// Returns what `message`, received at `now`, is.
    pub(crate) fn entry(&mut self, message: Message, now: DateTime<Utc>) -> Made {
        let extra = Extra {
            once: message.retain && self.plan.retained == Retained::Once,
            fields: if self.plain {
                Vec::new()
            } else {
                self.fields(&message, now)
            },
        };
        if let Some(format) = self.router.only_plain() {
            return self.plain_entry(format, message, now, extra);
        }
        let route = self.router.route(message.topic.as_str());
        if let Some(format) = self.router.unruled_plain(route) {
            return self.plain_entry(format, message, now, extra);
        }
        let decoded = self.decoded(route, &message, now);
        let Message { topic, payload, .. } = message;
        let topic: Arc<str> = topic.into();
        match decoded {
            Ok(Values {
                mut decoded,
                time,
                id,
            }) => {
                let effects = Effects {
                    requests: mem::take(&mut decoded.requests),
                    state: mem::take(&mut decoded.state),
                };
                let has_effects = !effects.requests.is_empty() || !effects.state.is_empty();
                let effects = has_effects.then(|| Box::new(effects));
                // With readings, only a part of the message is missing.
                if let Some(reason) = decoded.rejection.take()
                    && decoded.readings.is_empty()
                {
                    let reason = reason.to_string();
                    return Made {
                        effects,
                        ..self.rejected((topic, &payload), reason, now, extra.once)
                    };
                }
                let parts = Parts {
                    topic,
                    payload: &payload,
                    now,
                    time,
                    id,
                    extra,
                };
                Made {
                    format: Some(decoded.format),
                    lacks_timezone: decoded.lacks_timezone,
                    entry: assemble::entry(decoded, parts, &mut self.ids),
                    effects,
                }
            }
            Err(reason) => self.rejected((topic, &payload), reason, now, extra.once),
        }
    }

    /// Returns the rejection of a message, for this reason.
    fn rejected(
        &mut self,
        (topic, payload): (Arc<str>, &[u8]),
        reason: String,
        now: DateTime<Utc>,
        once: bool,
    ) -> Made {
        let id = self.ids.next(now);
        let rejection = Rejection::new(id, topic, payload, reason, now.trunc_subsecs(3));
        Made {
            entry: Some(Entry::Rejection(Rejection { once, ..rejection })),
            format: None,
            effects: None,
            lacks_timezone: false,
        }
    }

    /// Returns the entry of a message whose payload is one value.
    fn plain_entry(
        &mut self,
        format: PlainFormat,
        message: Message,
        now: DateTime<Utc>,
        extra: Extra,
    ) -> Made {
        let Message { topic, payload, .. } = message;
        let keys = &self.plan.keys;
        let mut entry = read_message(format, keys, topic, &payload, now, &mut self.ids);
        match &mut entry {
            Entry::Reading(reading) if extra.once || !extra.fields.is_empty() => {
                reading.extra = Some(Box::new(extra));
            }
            Entry::Reading(_) | Entry::Readings(_) => {}
            Entry::Rejection(rejection) => rejection.once = extra.once,
        }
        let is_rejected = entry.as_rejection().is_some();
        Made {
            entry: Some(entry),
            format: (!is_rejected).then(|| format.name()),
            effects: None,
            lacks_timezone: false,
        }
    }

    /// Returns what the route and its rule make of a message.
    fn decoded(
        &mut self,
        route: Route,
        message: &Message,
        now: DateTime<Utc>,
    ) -> Result<Values, String> {
        let view = view(message, now);
        let mut decoded = self.router.decode(route, &view)?;
        self.router.shape(route, &mut decoded)?;
        let keys = &self.plan.keys;
        let time_key = self.router.time(route).or(keys.time.as_ref());
        let (time, id) = keys
            .find_in(time_key, || self.router.document(route, &message.payload))
            .map_err(|reason| reason.to_string())?;
        Ok(Values { decoded, time, id })
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
