//! Decodes messages for the intake: what each became, which of its readings are stored, and what
//! the decoder asks for.

use chrono::{DateTime, Utc};
use iot_cli::is_debug;
use iot_core::{Message, QoS, TopicName};
use iot_decode::{Request, StateChange};
use iot_store::Entry;
use iot_store::sqlite::decoder_state::StateRow;
use tokio::time::Instant;

use crate::args::DecodePlan;
use crate::decode::decoder::{Decoder, Effects, FieldsPlan, Made};
use crate::decode::downsample::{Downsampler, Downsampling};
use crate::decode::explain::{Explainer, Verdict};
use crate::decode::recognised::Recognised;
use crate::decode::victron::Keepalives;
use crate::output::{Messages, Output};

/// The decoder, and what is done with its answers.
pub(crate) struct Decoding {
    pub(crate) decoder: Decoder,
    downsampler: Option<Downsampler>,
    recognised: Recognised,
    explainer: Option<Explainer>,
    keepalives: Keepalives,
    /// Messages that decoders have asked to publish.
    asked: Vec<Message>,
}

impl Decoding {
    /// Returns a decoding that reports on `messages`.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(super) fn new(
        plan: DecodePlan,
        fields: FieldsPlan,
        downsampling: Downsampling,
        broker: &str,
        messages: &Messages,
    ) -> std::io::Result<Self> {
        let decoder = Decoder::new(plan.router, fields, broker.to_owned());
        if let Some(programs) = decoder.programs() {
            let messages = messages.clone();
            programs.start(move |line| messages.report(&line))?;
        }
        Ok(Self {
            decoder,
            downsampler: Downsampler::new(downsampling),
            recognised: Recognised::new(is_debug()),
            explainer: plan.explainer,
            keepalives: Keepalives::new(plan.portals),
            asked: Vec::new(),
        })
    }

    /// Returns what a message became, and counts its format.
    pub(super) fn decode(
        &mut self,
        message: Message,
        now: DateTime<Utc>,
        messages: &Messages,
    ) -> Made {
        let topic = { self.recognised.reports() }.then(|| message.topic.clone());
        let made = self.decoder.entry(message, now);
        if let Some(format) = made.format {
            self.recognised.count(format);
            if let Some(topic) = topic
                && self.recognised.is_new(topic.as_str())
            {
                messages.recognised(topic.as_str(), format);
            }
        }
        made
    }

    /// Whether messages are explained, and not stored.
    pub(super) fn explains(&self) -> bool {
        self.explainer.is_some()
    }

    /// Prints how a message would be stored. Returns what it would become.
    pub(super) fn explain(
        &mut self,
        message: Message,
        now: DateTime<Utc>,
        output: &mut Output,
        messages: &Messages,
    ) -> Option<Entry> {
        let explainer = self.explainer.as_mut()?;
        let topic = message.topic.clone();
        let known = explainer.known(&message, now);
        let other = { known.is_guess() }.then(|| explainer.other(&message, now));
        let mut made = self.decode(message, now, messages);
        let verdict = Verdict::of_made(&made, topic.as_str(), now);
        let other = other.flatten().filter(|_| verdict.is_guess());
        output.explain(topic.as_str(), &verdict, &known, other.as_ref());
        if let Some(effects) = made.effects.take() {
            self.take_effects(*effects);
        }
        made.entry
    }

    /// Removes the readings that `--on-change` and `--min-interval` leave out. Returns whether
    /// something is left to be stored.
    pub(super) fn keeps(&mut self, entry: &mut Entry) -> bool {
        let Some(downsampler) = &mut self.downsampler else {
            return true;
        };
        match entry {
            Entry::Reading(reading) => downsampler.keeps(reading),
            Entry::Readings(message) => {
                let readings = &mut message.readings;
                readings.retain(|reading| downsampler.keeps(reading));
                !readings.is_empty() || !message.series.is_empty()
            }
            Entry::Rejection(_) => true,
        }
    }

    /// Returns how many series downsampling has forgotten.
    pub(super) fn forgotten(&self) -> u64 {
        self.downsampler.as_ref().map_or(0, Downsampler::forgotten)
    }

    /// Takes what a decoder asks for, and returns what it has learned, if anything.
    pub(super) fn take_effects(&mut self, effects: Effects) -> Option<Box<[StateRow]>> {
        for request in effects.requests {
            match request {
                Request::Publish { topic, payload } => {
                    if let Ok(topic) = TopicName::new(topic) {
                        let message = Message::new(topic, payload);
                        self.asked.push(message.with_qos(QoS::AtMostOnce));
                    }
                }
                // The options say what is subscribed to.
                Request::Subscribe { .. } => {}
            }
        }
        if effects.state.is_empty() {
            return None;
        }
        let rows = effects.state.into_iter();
        let rows = rows.map(|StateChange { key, value }| StateRow { key, value });
        Some(rows.collect())
    }

    /// Takes how many messages had each format since the last call.
    pub(super) fn take_formats(&mut self) -> Vec<(&'static str, u64)> {
        self.recognised.take()
    }

    /// A connection to the broker was made.
    pub(super) fn connected(&mut self) {
        self.keepalives.connected();
    }

    /// Takes the messages that are to be published: what decoders have asked for, and keepalives
    /// that are due.
    pub(crate) fn take_outgoing(&mut self) -> Vec<Message> {
        let mut messages = std::mem::take(&mut self.asked);
        messages.extend(self.keepalives.due(Instant::now()));
        messages
    }
}
