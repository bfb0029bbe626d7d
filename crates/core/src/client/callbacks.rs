//! The callbacks and the user data. Both are taken out of their mutex while a callback runs, so
//! that the callback can replace them, and other threads too, without waiting for it.

use std::sync::Mutex;

use super::{Client, lock};
use crate::error::Error;
use crate::message::{Message, PacketId, Properties};
use crate::packet::{Ack, Auth, SubscribeAck};
use crate::reason::{ConnectCode, ReasonCode};
use crate::session::LogLevel;
use crate::topic::TopicFilter;

/// What CONNACK says beside its code (MQTT 3.1.1 §3.2.2.2, MQTT 5 §3.2.2.3). Paho's `flags`, and its
/// `properties`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectFlags {
    /// The broker still has the session: subscriptions, and messages that are not acknowledged.
    /// Always `false` on MQTT 3.1, which has no such flag.
    pub session_present: bool,
    /// MQTT 5 only: the broker's limits, which are obeyed without your doing, its words, and what else
    /// it says.
    pub properties: Option<Box<Properties>>,
}

/// How the publishing of a message has ended: what `on_publish` gets.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Published {
    /// The broker's reason code, success on 3.1 and 3.1.1 and for QoS 0; or why the message will
    /// not be delivered: [`Error::Rejected`] by the broker; what its CONNACK has ruled out since the
    /// message was accepted ([`Error::PacketTooLarge`], [`Error::QosNotSupported`],
    /// [`Error::RetainNotSupported`]); for QoS 0 why the connection was lost.
    pub result: Result<ReasonCode, Error>,
    /// MQTT 5 only: what the broker added to its PUBACK or PUBCOMP, or to a PUBREC that refuses.
    pub properties: Option<Box<Properties>>,
    /// MQTT 5 only: the PUBREC of a QoS 2 message that is delivered, where it said more than success;
    /// that nobody has subscribed (0x10), for one.
    pub pubrec: Option<Box<Ack>>,
}

type OnConnect<U> = dyn FnMut(&Client<U>, &mut U, ConnectFlags, ConnectCode) + Send;
type OnConnectFail<U> = dyn FnMut(&Client<U>, &mut U, &Error) + Send;
type OnDisconnect<U> = dyn FnMut(&Client<U>, &mut U, &Result<(), Error>) + Send;
type OnMessage<U> = dyn FnMut(&Client<U>, &mut U, &Message) + Send;
type OnPublish<U> = dyn FnMut(&Client<U>, &mut U, PacketId, &Published) + Send;
type OnSubscribe<U> = dyn FnMut(&Client<U>, &mut U, PacketId, &SubscribeAck) + Send;
type OnRelease<U> = dyn FnMut(&Client<U>, &mut U, &Ack) + Send;
type OnAuth<U> = dyn FnMut(&Client<U>, &mut U, &Auth) + Send;
type OnLog<U> = dyn FnMut(&Client<U>, &mut U, LogLevel, &str) + Send;

pub(super) struct Callbacks<U: Send + 'static> {
    pub(super) on_connect: Slot<OnConnect<U>>,
    pub(super) on_connect_fail: Slot<OnConnectFail<U>>,
    pub(super) on_disconnect: Slot<OnDisconnect<U>>,
    pub(super) on_message: Slot<OnMessage<U>>,
    pub(super) on_publish: Slot<OnPublish<U>>,
    pub(super) on_subscribe: Slot<OnSubscribe<U>>,
    pub(super) on_unsubscribe: Slot<OnSubscribe<U>>,
    pub(super) on_release: Slot<OnRelease<U>>,
    pub(super) on_auth: Slot<OnAuth<U>>,
    pub(super) on_log: Slot<OnLog<U>>,
    /// Those for messages that match a filter, in the order in which they were added.
    filtered: Vec<Filtered<U>>,
    /// How many were ever added.
    added: u64,
}

struct Filtered<U: Send + 'static> {
    /// Tells it from a later one for the same filter.
    number: u64,
    filter: TopicFilter,
    slot: Slot<OnMessage<U>>,
}

impl<U: Send + 'static> Default for Callbacks<U> {
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

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl<U: Send + 'static> Callbacks<U> {
    /// Calls the callback of a slot, if there is one; returns whether there was.
    pub(super) fn call<F: ?Sized>(
        callbacks: &Mutex<Self>,
        slot: impl Fn(&mut Self) -> &mut Slot<F>,
        call: impl FnOnce(&mut F),
    ) -> bool {
        Self::call_if_there(callbacks, |callbacks| Some(slot(callbacks)), call)
    }

    /// Calls the callback of a slot that may be gone, if there is one; returns whether there was.
    fn call_if_there<F: ?Sized>(
        callbacks: &Mutex<Self>,
        slot: impl Fn(&mut Self) -> Option<&mut Slot<F>>,
        call: impl FnOnce(&mut F),
    ) -> bool {
        let callback = slot(&mut lock(callbacks)).and_then(|slot| slot.0.take());
        let is_there = callback.is_some();
        if let Some(mut callback) = callback {
            call(&mut callback);
            // Back to its place, unless it was replaced or removed meanwhile; then it is dropped,
            // after the lock.
            let mut callbacks = lock(callbacks);
            let removed = match slot(&mut callbacks) {
                Some(Slot(place @ None)) => {
                    *place = Some(callback);
                    None
                }
                _ => Some(callback),
            };
            drop(callbacks);
            drop(removed);
        }
        is_there
    }

    /// Adds a callback for a filter; the one before it is returned, to be dropped outside of any
    /// lock.
    pub(super) fn add(
        &mut self,
        filter: TopicFilter,
        callback: Box<OnMessage<U>>,
    ) -> Option<impl Sized + use<U>> {
        self.added += 1;
        let entry = Filtered {
            number: self.added,
            filter,
            slot: Slot(Some(callback)),
        };
        let same = |other: &&mut Filtered<U>| other.filter == entry.filter;
        if let Some(place) = self.filtered.iter_mut().find(same) {
            return Some(std::mem::replace(place, entry));
        }
        self.filtered.push(entry);
        None
    }

    /// Removes the callback of a filter, and returns it, to be dropped outside of any lock.
    pub(super) fn remove(&mut self, filter: &TopicFilter) -> Option<impl Sized + use<U>> {
        let at = self.filtered.iter().position(|f| f.filter == *filter)?;
        Some(self.filtered.remove(at))
    }

    /// Calls what is there for a message: the callbacks of all filters that it matches, or
    /// `on_message` where it matches none.
    pub(super) fn call_for_message(
        callbacks: &Mutex<Self>,
        topic: &str,
        mut call: impl FnMut(&mut OnMessage<U>),
    ) {
        let matching = lock(callbacks).matching(topic);
        if matching.is_empty() {
            Self::call(callbacks, |c| &mut c.on_message, call);
            return;
        }
        for number in matching {
            Self::call_if_there(callbacks, |c| c.filtered(number), &mut call);
        }
    }

    fn filtered(&mut self, number: u64) -> Option<&mut Slot<OnMessage<U>>> {
        let entry = self.filtered.iter_mut().find(|f| f.number == number)?;
        Some(&mut entry.slot)
    }

    fn matching(&self, topic: &str) -> Vec<u64> {
        let matching = self.filtered.iter().filter(|f| f.filter.matches(topic));
        matching.map(|f| f.number).collect()
    }
}

/// The application's data that every callback gets.
pub(super) struct UserData<U>(Mutex<Option<U>>);

impl<U> UserData<U> {
    pub(super) fn new(userdata: U) -> Self {
        Self(Mutex::new(Some(userdata)))
    }

    pub(super) fn set(&self, userdata: U) {
        let before = lock(&self.0).replace(userdata);
        drop(before);
    }

    /// Lends the data to a callback. Only the thread that runs the loop does so.
    pub(super) fn with(&self, lend: impl FnOnce(&mut U)) {
        /// Puts the data back, also after a panic, unless it was replaced meanwhile.
        struct Lent<'a, U>(&'a UserData<U>, Option<U>);
        impl<U> Drop for Lent<'_, U> {
            fn drop(&mut self) {
                let mut place = lock(&self.0.0);
                if place.is_none() {
                    *place = self.1.take();
                }
            }
        }
        let mut loan = Lent(self, lock(&self.0).take());
        lend(loan.1.as_mut().expect("one thread at a time runs the loop"));
    }
}
