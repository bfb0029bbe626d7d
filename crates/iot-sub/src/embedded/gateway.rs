//! What all connections of the gateway share: which messages are wanted, the queue to the store,
//! and the phase of the run.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iot_core::{Message, SkippedMessage, Will};
use tokio::sync::Notify;

use super::broker::Publisher;
use super::limits::Limits;
use super::open_files;
use super::phase::Phases;
use super::sessions::Sessions;
use super::wanted::Wanted;
use super::will::{self, Wills};
use crate::acknowledge::Ack;
use crate::output::Messages;
use crate::pipeline::queue::{OnCommit, Queue};
use crate::pipeline::{Intake, Ticket};

/// What a connection has received from its client for the store.
#[derive(Debug)]
pub(super) enum Arrival {
    Message(Message, Option<Ticket>),
    /// A message whose payload is longer than is held.
    Skipped(Box<SkippedMessage>, Option<Ticket>),
    /// A message that was received before.
    Duplicate(Ack),
    /// A change of the session.
    Change(OnCommit),
}

/// Shared by all connections.
pub(super) struct Gateway {
    intake: Mutex<Intake>,
    /// The queue to the store; `None` without a store.
    queue: Option<Arc<Queue>>,
    /// Notified when something was printed; only used without a store.
    printed: Notify,
    pub(super) wanted: Wanted,
    publisher: Publisher,
    pub(super) sessions: Sessions,
    pub(super) wills: Wills,
    pub(super) messages: Messages,
    /// Whether held packet identifiers are kept in a file.
    pub(super) persists_ids: bool,
    pub(super) limits: Limits,
    pub(super) phases: Phases,
    /// Notified when `-C` and the like end the run.
    pub(super) ended: Notify,
}

/// What a [`Gateway`] is made of.
pub(super) struct Parts {
    pub(super) intake: Intake,
    pub(super) queue: Option<Arc<Queue>>,
    pub(super) wanted: Wanted,
    pub(super) publisher: Publisher,
    pub(super) sessions: Sessions,
    pub(super) messages: Messages,
    pub(super) persists_ids: bool,
    pub(super) limits: Limits,
}

impl Gateway {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            intake: Mutex::new(parts.intake),
            queue: parts.queue,
            printed: Notify::new(),
            wanted: parts.wanted,
            publisher: parts.publisher,
            sessions: parts.sessions,
            wills: Wills::default(),
            messages: parts.messages,
            persists_ids: parts.persists_ids,
            limits: parts.limits,
            phases: Phases::new(),
            ended: Notify::new(),
        }
    }

    pub(super) fn intake(&self) -> MutexGuard<'_, Intake> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes what a connection has received to the intake, and from there to the store.
    pub(super) fn receive(&self, arrivals: &mut Vec<Arrival>) {
        if arrivals.is_empty() {
            return;
        }
        let mut intake = self.intake();
        intake.begin();
        for arrival in arrivals.drain(..) {
            match arrival {
                Arrival::Message(message, ticket) => intake.message(message, ticket),
                Arrival::Skipped(skipped, ticket) => intake.skipped(*skipped, ticket),
                Arrival::Duplicate(ack) => intake.duplicate(Some(ack)),
                Arrival::Change(change) => intake.change(change),
            }
        }
        self.flush(&mut intake);
    }

    /// Passes the intake's batch to the store, and removes retained messages if that is wanted.
    pub(super) fn flush(&self, intake: &mut Intake) {
        intake.flush();
        for message in intake.decoding.take_outgoing() {
            self.publish(&message);
        }
        let removals = intake.selector.take_removals();
        if !removals.is_empty() {
            for removal in removals {
                self.publish(&removal);
                // As a subscriber receives it.
                intake.message(removal.with_retain(false), None);
            }
            intake.flush();
        }
        if intake.selector.has_ended() {
            self.ended.notify_one();
        }
    }

    /// Publishes keepalives that are due.
    pub(super) fn publish_outgoing(&self) {
        let messages = self.intake().decoding.take_outgoing();
        for message in &messages {
            self.publish(message);
        }
    }

    /// Publishes a message of iot-sub itself.
    fn publish(&self, message: &Message) {
        if message.retain {
            self.limits
                .retained
                .set(message.topic.as_str(), &message.payload, 0);
        }
        self.publisher.publish(message);
    }

    /// Stores a will now.
    pub(super) fn store_will(&self, will: &Will) {
        // At the end of the program the store may be closed already.
        let Some(_open) = self.phases.open() else {
            return;
        };
        if let Some(message) = self.wanted.received(will::message(will)) {
            self.receive(&mut vec![Arrival::Message(message, None)]);
        }
    }

    /// Stores a will after its delay, unless the client connects before.
    pub(super) fn store_will_later(self: &Arc<Self>, client_id: &str, will: Will, delay: Duration) {
        let gateway = Arc::clone(self);
        let task = tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            gateway.store_will(&will);
        });
        self.wills.set_delayed(client_id, task.abort_handle());
    }

    /// Whether nothing more should be read for now.
    pub(super) fn is_full(&self) -> bool {
        match &self.queue {
            Some(queue) => queue.is_full(),
            None => self.intake().is_full(),
        }
    }

    /// Waits until it is not full. May be dropped at the await.
    pub(super) async fn room(&self) {
        if let Some(queue) = &self.queue {
            return queue.room().await;
        }
        loop {
            let printed = self.printed.notified();
            tokio::pin!(printed);
            // From here on, no notification is missed.
            printed.as_mut().enable();
            if !self.is_full() {
                return;
            }
            printed.await;
        }
    }

    /// A client could not connect, usually because too many files are open. Prints the first line,
    /// and then counts.
    pub(super) fn not_connected(&self, error: &io::Error) {
        let reason = "a client could not connect";
        let line = open_files::explain(error);
        let line = format_args!("{reason}: {line}");
        self.messages.report_once(reason, "", &line);
    }

    /// Something was printed.
    pub(super) fn set_printed(&self) {
        self.printed.notify_waiters();
    }
}
