//! What all connections of the gateway share: which messages are wanted, the way to the store, and how far the end is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use iot_core::{Message, QoS, Subscription, TopicName};
use tokio::sync::{Notify, watch};

use super::broker::Publisher;
use super::sessions::Sessions;
use super::will::Wills;
use crate::acknowledge::Ack;
use crate::output::Messages;
use crate::pipeline::queue::{OnCommit, Queue};
use crate::pipeline::{Intake, Ticket};

/// What a connection has taken from its client for the store.
#[derive(Debug)]
pub(super) enum Arrival {
    Message(Message, Option<Ticket>),
    /// A message that was taken before.
    Again(Ack),
    /// A change of the session.
    Change(OnCommit),
}

/// How far the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    /// Nothing more is read from clients.
    Draining,
    /// What is on disk is acknowledged, then connections end.
    Closing,
}

/// Shared by all connections.
pub(super) struct Gateway {
    intake: Mutex<Intake>,
    /// The way to the store; none where nothing is stored.
    queue: Option<Arc<Queue>>,
    /// Something was printed, where nothing is stored.
    printed: Notify,
    subscriptions: Vec<Subscription>,
    /// Subscription identifiers that messages get.
    identifiers: Vec<u32>,
    publisher: Publisher,
    pub(super) sessions: Sessions,
    pub(super) wills: Wills,
    pub(super) messages: Messages,
    /// There is a file for packet identifiers that are held.
    pub(super) notes_ids: bool,
    phase: watch::Sender<Phase>,
    /// Held to read from clients and hand on; taken for writing once nothing more is to be read.
    open: RwLock<bool>,
    /// There is all that was wanted.
    pub(super) ended: Notify,
}

/// What a [`Gateway`] is made of.
pub(super) struct Parts {
    pub(super) intake: Intake,
    pub(super) queue: Option<Arc<Queue>>,
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) identifiers: Vec<u32>,
    pub(super) publisher: Publisher,
    pub(super) sessions: Sessions,
    pub(super) messages: Messages,
    pub(super) notes_ids: bool,
}

impl Gateway {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            intake: Mutex::new(parts.intake),
            queue: parts.queue,
            printed: Notify::new(),
            subscriptions: parts.subscriptions,
            identifiers: parts.identifiers,
            publisher: parts.publisher,
            sessions: parts.sessions,
            wills: Wills::default(),
            messages: parts.messages,
            notes_ids: parts.notes_ids,
            phase: watch::Sender::new(Phase::Running),
            open: RwLock::new(true),
            ended: Notify::new(),
        }
    }

    pub(super) fn intake(&self) -> MutexGuard<'_, Intake> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the message as a subscription of ours would receive it, if there is one for its topic.
    pub(super) fn received(&self, message: Message) -> Option<Message> {
        let topic = message.topic.as_str();
        if topic.starts_with('$') {
            // The broker refuses it.
            return None;
        }
        let mut most = None;
        let mut as_published = false;
        for subscription in &self.subscriptions {
            if subscription.filter.matches(topic) {
                most = most.max(Some(subscription.qos));
                as_published |= subscription.retain_as_published;
            }
        }
        let most: QoS = most?;
        let mut message = message;
        message.qos = message.qos.min(most);
        message.retain &= as_published;
        if !self.identifiers.is_empty() {
            let properties = message.properties.get_or_insert_default();
            properties
                .subscription_identifiers
                .clone_from(&self.identifiers);
        }
        Some(message)
    }

    /// Whether a message on this topic is wanted.
    pub(super) fn wants(&self, topic: &TopicName) -> bool {
        let topic = topic.as_str();
        let mut subscriptions = self.subscriptions.iter();
        !topic.starts_with('$') && subscriptions.any(|one| one.filter.matches(topic))
    }

    /// Hands on what a connection has taken.
    pub(super) fn take(&self, arrivals: &mut Vec<Arrival>) {
        if arrivals.is_empty() {
            return;
        }
        let mut intake = self.intake();
        intake.begin();
        for arrival in arrivals.drain(..) {
            match arrival {
                Arrival::Message(message, ticket) => intake.message(message, ticket),
                Arrival::Again(ack) => intake.message_again(Some(ack)),
                Arrival::Change(change) => intake.change(change),
            }
        }
        self.hand_on(&mut intake);
    }

    /// Hands on what the intake has taken, and removes what was retained where that is wanted.
    pub(super) fn hand_on(&self, intake: &mut Intake) {
        intake.hand_on();
        let removals = intake.selector.take_removals();
        if !removals.is_empty() {
            for removal in removals {
                self.publisher.publish(&removal);
                // As a subscriber gets it.
                intake.message(removal.with_retain(false), None);
            }
            intake.hand_on();
        }
        if intake.selector.has_ended() {
            self.ended.notify_one();
        }
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
            // From here on, nothing that is printed goes unnoticed.
            printed.as_mut().enable();
            if !self.is_full() {
                return;
            }
            printed.await;
        }
    }

    /// Something was printed.
    pub(super) fn set_printed(&self) {
        self.printed.notify_waiters();
    }

    /// Returns what follows the phases.
    pub(super) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Lets a connection read and hand on as long as the guard lives, if anything is to be read.
    pub(super) fn open(&self) -> Option<RwLockReadGuard<'_, bool>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        (*open).then_some(open)
    }

    /// From the return on, nothing is handed on.
    pub(super) fn stop_reading(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = false;
        self.phase.send_replace(Phase::Draining);
    }

    /// Ends the connections, each as soon as it has acknowledged what is on disk.
    pub(super) fn close(&self) {
        self.phase.send_replace(Phase::Closing);
    }
}
