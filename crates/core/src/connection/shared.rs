//! What a connection and its handles share.

use std::sync::{Mutex, MutexGuard};
use std::task::Waker;

use super::handle_writer::HandleWriter;
use crate::mutex::lock;
use crate::session::Session;

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<SharedState>,
}

#[derive(Debug)]
pub(super) struct SharedState {
    pub(super) session: Session,
    /// The task that drives the connection, while it waits.
    pub(super) waker: Option<Waker>,
    /// Where handles write by themselves.
    pub(super) handle_writer: Option<HandleWriter>,
    /// No connection is wanted any more.
    pub(super) stopped: bool,
    /// The address of the broker of the present or last attempt.
    pub(super) broker: String,
    /// The next attempt is at another broker, without a delay.
    pub(super) tries_another_broker: bool,
}

impl Shared {
    pub(super) fn new(session: Session, broker: String) -> Self {
        Self {
            state: Mutex::new(SharedState {
                session,
                waker: None,
                handle_writer: None,
                stopped: false,
                broker,
                tries_another_broker: false,
            }),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, SharedState> {
        lock(&self.state)
    }

    /// Does what a handle asks for, on its thread. Wakes the driver if that leaves something to do
    /// for it.
    pub(super) fn act<R>(&self, act: impl FnOnce(&mut SharedState) -> R) -> R {
        let mut state = self.lock();
        let result = act(&mut state);
        let waker = if state.write_here() {
            None
        } else {
            state.waker.take()
        };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        result
    }
}

impl SharedState {
    /// Encodes what is to be sent on this thread, and writes it if possible. Returns whether the
    /// driver may go on waiting.
    fn write_here(&mut self) -> bool {
        let driver_waits = self.waker.is_some();
        match &mut self.handle_writer {
            Some(writer) => writer.send(&mut self.session, driver_waits),
            None => false,
        }
    }
}
