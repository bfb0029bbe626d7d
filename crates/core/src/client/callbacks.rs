//! The callbacks. Each is taken out of the mutex while it runs, so that it and other threads can
//! replace it without waiting. `C` is the client that they get, `U` the user data.

use std::sync::Mutex;

use crate::error::Error;
use crate::message::{Message, PacketId, Properties};
use crate::mutex::lock;
use crate::packet::{Ack, Auth, SubscribeAck};
use crate::reason::{ConnectCode, ReasonCode};
use crate::session::LogLevel;
use crate::topic::TopicFilter;

/// What CONNACK holds beside its code (MQTT 3.1.1 §3.2.2.2, MQTT 5 §3.2.2.3). Paho's `flags`, and
/// its `properties`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectFlags {
    /// The broker still has the session: subscriptions, and messages that are not acknowledged.
    /// Always `false` on MQTT 3.1, which has no such flag.
    pub session_present: bool,
    /// MQTT 5 only: the broker's limits, which the client obeys by itself, and its other
    /// properties.
    pub properties: Option<Box<Properties>>,
}

/// How the publishing of a message has ended: what `on_publish` gets.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Published {
    /// The broker's reason code, success on 3.1 and 3.1.1 and for QoS 0; or why the message will
    /// not be delivered: [`Error::Rejected`] by the broker; what its CONNACK has ruled out since
    /// the message was accepted ([`Error::PacketTooLarge`], [`Error::QosNotSupported`],
    /// [`Error::RetainNotSupported`]); for QoS 0 why the connection was lost.
    pub result: Result<ReasonCode, Error>,
    /// MQTT 5 only: what the broker added to its PUBACK or PUBCOMP, or to a PUBREC that refuses.
    pub properties: Option<Box<Properties>>,
    /// MQTT 5 only: the PUBREC of a QoS 2 message that is delivered, if it held more than success,
    /// such as that nobody has subscribed (0x10).
    pub pubrec: Option<Box<Ack>>,
}

type OnConnect<C, U> = dyn FnMut(&C, &mut U, ConnectFlags, ConnectCode) + Send;
type OnConnectFail<C, U> = dyn FnMut(&C, &mut U, &Error) + Send;
type OnDisconnect<C, U> = dyn FnMut(&C, &mut U, &Result<(), Error>) + Send;
type OnMessage<C, U> = dyn FnMut(&C, &mut U, &Message) + Send;
type OnPublish<C, U> = dyn FnMut(&C, &mut U, PacketId, &Published) + Send;
type OnSubscribe<C, U> = dyn FnMut(&C, &mut U, PacketId, &SubscribeAck) + Send;
type OnRelease<C, U> = dyn FnMut(&C, &mut U, &Ack) + Send;
type OnAuth<C, U> = dyn FnMut(&C, &mut U, &Auth) + Send;
type OnLog<C, U> = dyn FnMut(&C, &mut U, LogLevel, &str) + Send;

pub(super) struct Callbacks<C, U> {
    pub(super) on_connect: Slot<OnConnect<C, U>>,
    pub(super) on_connect_fail: Slot<OnConnectFail<C, U>>,
    pub(super) on_disconnect: Slot<OnDisconnect<C, U>>,
    pub(super) on_message: Slot<OnMessage<C, U>>,
    pub(super) on_publish: Slot<OnPublish<C, U>>,
    pub(super) on_subscribe: Slot<OnSubscribe<C, U>>,
    pub(super) on_unsubscribe: Slot<OnSubscribe<C, U>>,
    pub(super) on_release: Slot<OnRelease<C, U>>,
    pub(super) on_auth: Slot<OnAuth<C, U>>,
    pub(super) on_log: Slot<OnLog<C, U>>,
    /// Those for messages that match a filter, in the order in which they were added.
    filtered: Vec<Filtered<C, U>>,
    /// How many were ever added.
    added: u64,
}

struct Filtered<C, U> {
    /// Tells it from a later one for the same filter.
    number: u64,
    filter: TopicFilter,
    slot: Slot<OnMessage<C, U>>,
}

impl<C, U> Default for Callbacks<C, U> {
    fn default() -> Self {
        Self {
            on_connect: Slot(None),
            on_connect_fail: Slot(None),
            on_disconnect: Slot(None),
            on_message: Slot(None),
            on_publish: Slot(None),
            on_subscribe: Slot(None),
            on_unsubscribe: Slot(None),
            on_release: Slot(None),
            on_auth: Slot(None),
            on_log: Slot(None),
            filtered: Vec::new(),
            added: 0,
        }
    }
}

/// Holds a callback while it doesn't run.
pub(super) struct Slot<F: ?Sized>(Option<Box<F>>);

impl<F: ?Sized> Slot<F> {
    /// Returns the callback before this one, which is to be dropped outside of any lock.
    pub(super) fn set(&mut self, callback: Box<F>) -> Option<Box<F>> {
        self.0.replace(callback)
    }
}

impl<C, U> Callbacks<C, U> {
    /// Calls the callback of a slot, if there is one; returns whether there was.
    pub(super) fn call<F: ?Sized>(
        callbacks: &Mutex<Self>,
        slot: impl Fn(&mut Self) -> &mut Slot<F>,
        call: impl FnOnce(&mut F),
    ) -> bool {
        Self::call_if_set(callbacks, |callbacks| Some(slot(callbacks)), call)
    }

    /// Calls the callback of a slot that may be gone, if there is one; returns whether there was.
    fn call_if_set<F: ?Sized>(
        callbacks: &Mutex<Self>,
        slot: impl Fn(&mut Self) -> Option<&mut Slot<F>>,
        call: impl FnOnce(&mut F),
    ) -> bool {
        let callback = slot(&mut lock(callbacks)).and_then(|slot| slot.0.take());
        let is_set = callback.is_some();
        if let Some(mut callback) = callback {
            call(&mut callback);
            // It goes back, unless it was replaced or removed meanwhile; then it is dropped, after
            // the lock is released.
            let mut callbacks = lock(callbacks);
            let removed = match slot(&mut callbacks) {
                Some(Slot(empty @ None)) => {
                    *empty = Some(callback);
                    None
                }
                _ => Some(callback),
            };
            drop(callbacks);
            drop(removed);
        }
        is_set
    }

    /// Adds a callback for a filter; the one before it is returned, to be dropped outside of any
    /// lock.
    pub(super) fn add(
        &mut self,
        filter: TopicFilter,
        callback: Box<OnMessage<C, U>>,
    ) -> Option<impl Sized + use<C, U>> {
        self.added += 1;
        let entry = Filtered {
            number: self.added,
            filter,
            slot: Slot(Some(callback)),
        };
        let same = |other: &&mut Filtered<C, U>| other.filter == entry.filter;
        if let Some(before) = self.filtered.iter_mut().find(same) {
            return Some(std::mem::replace(before, entry));
        }
        self.filtered.push(entry);
        None
    }

    /// Removes the callback of a filter, and returns it, to be dropped outside of any lock.
    pub(super) fn remove(&mut self, filter: &TopicFilter) -> Option<impl Sized + use<C, U>> {
        let at = self.filtered.iter().position(|f| f.filter == *filter)?;
        Some(self.filtered.remove(at))
    }

    /// Calls what is there for a message: the callbacks of all filters that it matches, or
    /// `on_message` where it matches none.
    pub(super) fn call_for_message(
        callbacks: &Mutex<Self>,
        topic: &str,
        mut call: impl FnMut(&mut OnMessage<C, U>),
    ) {
        let matching = lock(callbacks).matching(topic);
        if matching.is_empty() {
            Self::call(callbacks, |c| &mut c.on_message, call);
            return;
        }
        for number in matching {
            Self::call_if_set(callbacks, |c| c.filtered(number), &mut call);
        }
    }

    fn filtered(&mut self, number: u64) -> Option<&mut Slot<OnMessage<C, U>>> {
        let entry = self.filtered.iter_mut().find(|f| f.number == number)?;
        Some(&mut entry.slot)
    }

    fn matching(&self, topic: &str) -> Vec<u64> {
        let matching = self.filtered.iter().filter(|f| f.filter.matches(topic));
        matching.map(|f| f.number).collect()
    }
}
