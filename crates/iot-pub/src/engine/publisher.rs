//! Publishes what is due, as far as the connections have room.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use iot_cli::PacketProperties;
use iot_core::{Error, Message, PacketId};

use super::shared::{RunState, Verification};
use crate::device::Device;
use crate::outgoing::Outgoing;
use crate::payload::Source;
use crate::plan::Plan;
use crate::schedule::Schedule;

/// In a load test, messages that are due within this time are published together: one wake, one
/// write for all.
const COALESCED: Duration = Duration::from_millis(1);
/// The most messages that are published before the connections run.
const BATCH: usize = 1000;

/// Publishes messages when they are due.
pub(super) struct Publisher {
    schedule: Schedule,
    /// The number of messages to publish.
    count: Option<u64>,
    /// How long to publish.
    duration: Option<Duration>,
    /// The end of that time. Nothing is due from then on.
    until: Option<Instant>,
    /// From a delivery to the next message, if each message waits for the delivery before.
    repeat_delay: Option<Duration>,
    /// A message waits for the connection, also with QoS 0.
    waits: bool,
    /// How long messages that are due wait for others.
    coalesced: Duration,
    last_batch: Option<Instant>,
    /// A message that found no room. The schedule waits for it.
    held: Option<Ready>,
}

/// A message that is due.
struct Ready {
    device: usize,
    outgoing: Outgoing,
    due: Instant,
}

/// What there is to do after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Publish again at this time.
    At(Instant),
    /// Wait for an event: room for a message, a delivery, or a message that becomes due.
    Event,
    /// Nothing more is to be published.
    Over,
}

impl Publisher {
    /// Takes the devices out of the plan.
    pub(super) fn new(plan: &mut Plan) -> Self {
        let devices = std::mem::take(&mut plan.devices);
        Self {
            schedule: Schedule::new(devices, plan.load.rate),
            count: plan.count,
            duration: plan.load.duration,
            until: None,
            repeat_delay: plan.repeat_delay,
            waits: plan.waits(),
            coalesced: if plan.load.is_load() {
                COALESCED
            } else {
                Duration::ZERO
            },
            last_batch: None,
            held: None,
        }
    }

    pub(super) fn devices(&self) -> &[Device] {
        self.schedule.devices()
    }

    /// Starts the schedule.
    pub(super) fn start(&mut self, now: Instant) {
        self.until = self.duration.and_then(|length| now.checked_add(length));
        self.schedule.start(now);
    }

    /// Waits until the next due time is known. May be dropped at the await.
    pub(super) async fn ready(&mut self) {
        self.schedule.ready().await;
    }

    /// Returns whether the devices have nothing more to publish, or a count limits them.
    pub(super) fn is_bounded(&self) -> bool {
        self.count.is_some() || self.schedule.is_over()
    }

    /// Returns whether a given message is to be published more often than `messages` times.
    pub(super) fn has_messages_left(&self, messages: u64) -> bool {
        let is_given = |device: &Device| matches!(device.source, Source::Message(_));
        self.count.is_some_and(|count| messages < count) && self.devices().iter().all(is_given)
    }

    /// Forgets the message that found no room.
    pub(super) fn forget_held(&mut self, state: &mut RunState) {
        if self.held.take().is_some() {
            state.counts.messages -= 1;
        }
    }

    /// Publishes what is due, up to a batch.
    ///
    /// # Errors
    /// A bad line of a recording or of standard input, and a message that can't be published.
    pub(super) fn publish(
        &mut self,
        state: &mut RunState,
        properties: &PacketProperties,
        now: Instant,
    ) -> Result<Next> {
        for done in 0..BATCH {
            if self.is_over(state) {
                return Ok(Next::Over);
            }
            if state.is_full {
                state.report_waiting();
                return Ok(Next::Event);
            }
            let ready = if let Some(held) = self.held.take() {
                held
            } else {
                let Some(due) = self.due(state) else {
                    return Ok(Next::Event);
                };
                let last = self.last_batch;
                let batch = last.map_or(due, |last| due.max(last + self.coalesced));
                if due > now || (done == 0 && batch > now) {
                    return Ok(Next::At(batch));
                }
                match self.take(state, properties, due)? {
                    Some(ready) => ready,
                    None => continue,
                }
            };
            self.last_batch = Some(now);
            self.send(state, now, ready)?;
        }
        Ok(Next::At(now))
    }

    fn is_over(&self, state: &RunState) -> bool {
        let messages = state.counts.messages;
        let is_all = self.count.is_some_and(|count| messages >= count);
        let due = self.schedule.due();
        let is_late = self.until.zip(due).is_some_and(|(until, due)| due >= until);
        self.held.is_none() && (is_all || is_late || self.schedule.is_over())
    }

    /// When the next message is due, if that is known.
    fn due(&self, state: &RunState) -> Option<Instant> {
        let due = self.schedule.due()?;
        let Some(delay) = self.repeat_delay else {
            return Some(due);
        };
        if state.counts.pending > 0 {
            return None;
        }
        match state.last_delivery {
            None => Some(due),
            Some(at) => Some(at.checked_add(delay)?.max(due)),
        }
    }

    /// Takes the message that is due from its device; `None` if the device is silent this time.
    fn take(
        &mut self,
        state: &mut RunState,
        properties: &PacketProperties,
        due: Instant,
    ) -> Result<Option<Ready>> {
        let Some((device, mut outgoing)) = self.schedule.next()? else {
            return Ok(None);
        };
        let message = &mut outgoing.message;
        message.properties.clone_from(&properties.publish);
        state.counts.messages += 1;
        if let Some(Verification { verifier, .. }) = &state.verification {
            message.payload = verifier.payload(device, &message.payload, due);
        }
        Ok(Some(Ready {
            device,
            outgoing,
            due,
        }))
    }

    fn send(&mut self, state: &mut RunState, now: Instant, ready: Ready) -> Result<()> {
        let Ready {
            device,
            outgoing,
            due,
        } = &ready;
        let (link, message, published) = self.publish_one(state, *device, outgoing)?;
        match published {
            Ok(id) => {
                let shown = outgoing.shown.as_deref();
                state.accepted((link, *device), id, (&message, shown), (*due, now));
            }
            Err(error @ Error::PacketTooLarge { .. }) if self.count != Some(1) => {
                state.counts.rejected += 1;
                state.notices.rejected(&error);
            }
            Err(Error::NotConnected) if !self.waits => state.counts.dropped += 1,
            Err(Error::NotConnected | Error::QueueFull { .. }) => {
                self.held = Some(ready);
                state.is_full = true;
                return Ok(());
            }
            Err(error) => {
                let topic = message.topic.as_str();
                return Err(error).with_context(|| format!("cannot publish to topic `{topic}`"));
            }
        }
        state.counts.skipped += self.schedule.advance(*device, now);
        Ok(())
    }

    /// Hands a message to its connection. Returns the index of that, the message as it was sent,
    /// and what the connection says.
    fn publish_one<'a>(
        &self,
        state: &mut RunState,
        device: usize,
        outgoing: &'a Outgoing,
    ) -> Result<(usize, Cow<'a, Message>, Result<PacketId, Error>)> {
        let place = self.schedule.devices()[device].edge;
        if let (Some(place), Some(sample)) = (place, &outgoing.sample) {
            let (mut message, node) = (
                state.edge_nodes[place.node].message(place.member, sample)?,
                place.node,
            );
            message.properties.clone_from(&outgoing.message.properties);
            // Its BIRTH has to come first.
            if !state.links[node].is_up() {
                return Ok((node, Cow::Owned(message), Err(Error::NotConnected)));
            }
            let published = state.links[node].handle.publish_tracked(message.clone());
            if published.is_ok() {
                state.edge_nodes[node].sent(place.member, sample);
            }
            return Ok((node, Cow::Owned(message), published));
        }
        let nodes = state.edge_nodes.len();
        let link = nodes + device % (state.links.len() - nodes);
        let message = &outgoing.message;
        let published = state.links[link].handle.publish_tracked(message.clone());
        Ok((link, Cow::Borrowed(message), published))
    }
}
