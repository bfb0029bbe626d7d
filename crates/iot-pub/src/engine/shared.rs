//! The state that the connections of a run share, and what their events change in it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::anyhow;
use iot_cli::notify;
use iot_core::{Error, Event, Message, PacketId, QoS, RefusedPacket};
use tokio::sync::Notify;

use super::counts::Counts;
use super::link::Link;
use super::notices::BrokerNotices;
use super::observer::Observer;
use crate::edge_node::EdgeNode;
use crate::name::NAME;
use crate::verify::verifier::Verifier;

/// The state of a run, and a way to wait for it to change.
pub(super) struct Shared {
    state: Mutex<RunState>,
    pub(super) changed: Notify,
}

impl Shared {
    pub(super) fn new(state: RunState) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(state),
            changed: Notify::new(),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, RunState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of a run.
pub(super) struct RunState {
    /// Those of edge nodes first.
    pub(super) links: Vec<Link>,
    pub(super) edge_nodes: Vec<EdgeNode>,
    pub(super) counts: Counts,
    pub(super) observers: Vec<Box<dyn Observer>>,
    /// How many connections were accepted at least once.
    pub(super) connected: usize,
    /// A connection has no room: nothing is published until it has.
    pub(super) is_full: bool,
    /// When the last message was written or acknowledged.
    pub(super) last_delivery: Option<Instant>,
    /// The error that ends the run.
    pub(super) failure: Option<anyhow::Error>,
    pub(super) verification: Option<Verification>,
    pub(super) notices: BrokerNotices,
    /// The connections are being closed: what becomes of them is not reported any more.
    pub(super) is_ending: bool,
    /// Messages with QoS 0 are confirmed by PINGREQ, so that those without are few.
    pub(super) confirms: bool,
}

/// The verifier, and its connection.
pub(super) struct Verification {
    pub(super) verifier: Verifier,
    /// The broker has accepted all subscriptions.
    pub(super) is_subscribed: bool,
    /// It was reported that the connection is away.
    is_loss_reported: bool,
}

impl Verification {
    pub(super) fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            is_subscribed: false,
            is_loss_reported: false,
        }
    }
}

impl RunState {
    pub(super) fn new(
        notices: BrokerNotices,
        edge_nodes: Vec<EdgeNode>,
        verifier: Option<Verifier>,
        observers: Vec<Box<dyn Observer>>,
    ) -> Self {
        Self {
            links: Vec::new(),
            edge_nodes,
            counts: Counts::default(),
            observers,
            connected: 0,
            is_full: false,
            last_delivery: None,
            failure: None,
            verification: verifier.map(Verification::new),
            notices,
            is_ending: false,
            confirms: false,
        }
    }

    /// The connections are closed: counts the messages with QoS 0 that the broker did not read.
    pub(super) fn closed(&mut self) {
        if self.confirms {
            let up = self.links.iter_mut().filter(|link| link.is_up());
            self.counts.maybe_lost += up.map(Link::maybe_lost).sum::<u64>();
        }
    }

    /// A connection has taken a message of this device.
    pub(super) fn accepted(
        &mut self,
        (link, device): (usize, usize),
        id: PacketId,
        (message, shown): (&Message, Option<&str>),
        (due, now): (Instant, Instant),
    ) {
        self.counts.accepted(message.qos);
        self.links[link].push(id, message.qos, due);
        if let Some(Verification { verifier, .. }) = &mut self.verification {
            verifier.sent(device, &message.topic, &message.payload, due);
        }
        let lateness = now.saturating_duration_since(due);
        for observer in &mut self.observers {
            observer.published(message, shown, lateness);
        }
    }

    /// Takes an event of a connection. Returns whether the engine has to look at the state.
    pub(super) fn event(&mut self, link: usize, event: &Event, now: Instant) -> bool {
        match event {
            Event::Published { id, result, .. } => {
                self.published(link, *id, result.as_ref().err(), now)
            }
            Event::PacketRefused {
                packet: RefusedPacket::Publish { id, topic, size },
                error,
            } => {
                BrokerNotices::refused(topic, *size, error);
                // `Published` follows.
                self.links[link].handle.discard(*id);
                false
            }
            Event::Writable => std::mem::replace(&mut self.is_full, false),
            Event::Connected(_) => {
                self.connected(link, event);
                true
            }
            Event::Received { message, .. } => {
                self.edge_command(link, message);
                false
            }
            Event::ConnectFailed(error) | Event::Disconnected(Err(error)) => {
                self.failed(link, event, error);
                true
            }
            _ => false,
        }
    }

    fn connected(&mut self, link: usize, event: &Event) {
        let is_new = self.links[link].connected();
        if is_new {
            self.connected += 1;
            for observer in &mut self.observers {
                observer.connected(self.links.len());
            }
        }
        self.is_full = false;
        if let Err(error) = self.begin_edge_session(link, is_new) {
            self.fail(error);
        }
        if !self.is_ending {
            let dropped = self.counts.dropped;
            let handle = &self.links[link].handle;
            self.notices.connected(event, handle, !is_new, dropped);
        }
    }

    fn failed(&mut self, link: usize, event: &Event, error: &Error) {
        let was_up = self.links[link].failed();
        if was_up && self.confirms {
            self.counts.maybe_lost += self.links[link].maybe_lost();
        }
        if was_up {
            for observer in &mut self.observers {
                observer.lost();
            }
        }
        if self.is_ending {
            return;
        }
        if let Some(failure) = self
            .notices
            .failed(event, error, &self.links[link].handle, was_up)
        {
            self.fail(failure);
        }
    }

    fn published(
        &mut self,
        link: usize,
        id: PacketId,
        error: Option<&Error>,
        now: Instant,
    ) -> bool {
        let Some(message) = self.links[link].take(id) else {
            return false;
        };
        self.last_delivery = Some(now);
        match error {
            None => {
                if message.qos != QoS::AtMostOnce {
                    self.notices.progress();
                }
                self.counts.acknowledged(message.qos);
                for observer in &mut self.observers {
                    observer.acknowledged(message.qos, message.due, now);
                }
            }
            Some(
                // Already reported, with its reason.
                Error::Discarded,
            ) => self.counts.rejected += 1,
            Some(
                error @ (Error::Rejected(_)
                | Error::PacketTooLarge { .. }
                | Error::QosNotSupported { .. }
                | Error::RetainNotSupported),
            ) => {
                self.counts.rejected += 1;
                self.notices.rejected(error);
            }
            // QoS 0: the connection was lost before the message was written.
            Some(_) => {
                self.counts.dropped += 1;
                self.links[link].unwritten();
            }
        }
        self.counts.pending -= 1;
        self.counts.pending == 0
    }

    /// A message has arrived that is to be verified. Returns whether it was the last one.
    pub(super) fn arrived(&mut self, message: &Message, now: Instant) -> bool {
        let Some(Verification { verifier, .. }) = &mut self.verification else {
            return false;
        };
        verifier.received(message, now);
        verifier.is_complete()
    }

    /// The verifier's connection could not be made or is lost. What it misses counts as lost.
    pub(super) fn subscriber_failed(&mut self, error: &Error, fail_fast: bool) {
        let Some(verification) = &mut self.verification else {
            return;
        };
        if self.is_ending {
            return;
        }
        if fail_fast || error.is_permanent() {
            self.fail(anyhow!(error.clone()).context("cannot verify"));
        } else if !std::mem::replace(&mut verification.is_loss_reported, true) {
            notify(
                NAME,
                &format!("the connection that verifies is not there: {error}; connecting again"),
            );
        }
    }

    /// The run ends with this error, unless there was one before.
    pub(super) fn fail(&mut self, error: anyhow::Error) {
        if !self.is_ending {
            self.failure.get_or_insert(error);
        }
    }

    /// Reports that the schedule waits for a broker that is away. With a connection, there is room
    /// again soon.
    pub(super) fn report_waiting(&mut self) {
        let pending = self.counts.pending;
        if pending > 0 && !self.links.iter().any(Link::is_up) {
            self.notices.waiting(pending);
        }
    }
}
