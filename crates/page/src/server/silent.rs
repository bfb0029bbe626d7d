//! Connections that have not sent a request.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::AbortHandle;

/// Whether a connection has sent the head of a request. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct HasAsked(Arc<AtomicBool>);

impl HasAsked {
    /// A request has come.
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The connections that have not sent a request, the oldest first, and some that have.
#[derive(Debug, Default)]
pub(super) struct SilentConnections {
    connections: VecDeque<(HasAsked, AbortHandle)>,
}

impl SilentConnections {
    /// Adds a new connection, which is answered by `task`.
    pub(super) fn add(&mut self, has_asked: HasAsked, task: AbortHandle) {
        self.connections.retain(is_silent);
        self.connections.push_back((has_asked, task));
    }

    /// Ends the oldest one, if there is one.
    pub(super) fn end_oldest(&mut self) {
        self.connections.retain(is_silent);
        if let Some((_, task)) = self.connections.pop_front() {
            task.abort();
        }
    }
}

fn is_silent((has_asked, task): &(HasAsked, AbortHandle)) -> bool {
    !has_asked.0.load(Ordering::Relaxed) && !task.is_finished()
}
