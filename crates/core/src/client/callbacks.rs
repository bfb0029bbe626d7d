//! The callbacks and the user data. Both are taken out of their mutex while a callback runs, so
//! that the callback can replace them, and other threads too, without waiting for it.

use std::sync::Mutex;

use super::{Client, lock};
use crate::error::Error;
use crate::message::Message;
use crate::reason::ConnectCode;

/// What CONNACK says beside its code. Paho's `flags`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectFlags {
    /// The broker still has the session: subscriptions, and messages that are not acknowledged.
    pub session_present: bool,
}

type OnConnect<U> = dyn FnMut(&Client<U>, &mut U, ConnectFlags, ConnectCode) + Send;
type OnConnectFail<U> = dyn FnMut(&Client<U>, &mut U, &Error) + Send;
type OnDisconnect<U> = dyn FnMut(&Client<U>, &mut U, &Result<(), Error>) + Send;
type OnMessage<U> = dyn FnMut(&Client<U>, &mut U, &Message) + Send;

#[expect(clippy::struct_field_names, reason = "the names are Paho's")]
pub(super) struct Callbacks<U: Send + 'static> {
    pub(super) on_connect: Slot<OnConnect<U>>,
    pub(super) on_connect_fail: Slot<OnConnectFail<U>>,
    pub(super) on_disconnect: Slot<OnDisconnect<U>>,
    pub(super) on_message: Slot<OnMessage<U>>,
}

impl<U: Send + 'static> Default for Callbacks<U> {
    fn default() -> Self {
        Self {
            on_connect: Slot(None),
            on_connect_fail: Slot(None),
            on_disconnect: Slot(None),
            on_message: Slot(None),
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

impl<U: Send + 'static> Callbacks<U> {
    /// Calls the callback of a slot, if there is one.
    pub(super) fn call<F: ?Sized>(
        callbacks: &Mutex<Self>,
        slot: impl Fn(&mut Self) -> &mut Slot<F>,
        call: impl FnOnce(&mut F),
    ) {
        let callback = slot(&mut lock(callbacks)).0.take();
        if let Some(mut callback) = callback {
            call(&mut callback);
            // Back to its place, unless it was replaced meanwhile; then it is dropped, after the
            // lock.
            let mut callbacks = lock(callbacks);
            let place = &mut slot(&mut callbacks).0;
            let replaced = if place.is_some() {
                Some(callback)
            } else {
                *place = Some(callback);
                None
            };
            drop(callbacks);
            drop(replaced);
        }
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
