//! Shutting down the embedded broker: first reading from clients stops, then connections are
//! closed.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::watch;

/// What connections do at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    /// Nothing more is read from clients.
    Draining,
    /// Each connection acknowledges what is on disk, and is closed.
    Closing,
}

/// The phase, and whether messages may still be received.
pub(super) struct Phases {
    phase: watch::Sender<Phase>,
    /// A connection holds the read lock while it reads from its client and passes messages on.
    /// [`stop_reading`](Self::stop_reading) takes the write lock.
    is_open: RwLock<bool>,
}

impl Phases {
    pub(super) fn new() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Running),
            is_open: RwLock::new(true),
        }
    }

    /// Returns a receiver of the phase.
    pub(super) fn subscribe(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Allows a connection to receive messages while the guard lives; `None` after
    /// [`stop_reading`](Self::stop_reading).
    pub(super) fn open(&self) -> Option<RwLockReadGuard<'_, bool>> {
        let open = self.is_open.read().unwrap_or_else(PoisonError::into_inner);
        (*open).then_some(open)
    }

    /// Stops reading from clients. When this returns, no connection receives messages any more.
    pub(super) fn stop_reading(&self) {
        *self.is_open.write().unwrap_or_else(PoisonError::into_inner) = false;
        self.phase.send_replace(Phase::Draining);
    }

    /// Closes each connection as soon as it has acknowledged what is on disk.
    pub(super) fn close(&self) {
        self.phase.send_replace(Phase::Closing);
    }
}
