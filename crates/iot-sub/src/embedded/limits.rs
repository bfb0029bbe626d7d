//! What bounds the memory and the files that clients can make the broker take.

use std::sync::Arc;

use iot_cli::counted;
use iot_core::PayloadLimit;

use super::backlog::{Backlog, Published};
use super::budget::{Budget, Share};
use super::retained::Retained;
use super::subscribers::Subscribers;
use crate::output::Messages;

/// The limits that all clients share.
pub(super) struct Limits {
    /// How long a payload may be.
    pub(super) payload: Option<PayloadLimit>,
    pub(super) retained: Retained,
    pub(super) subscribers: Subscribers,
    pub(super) published: Published,
    /// Received from clients and not passed on.
    incoming: Arc<Budget>,
    /// Received from the broker and not read by clients.
    outgoing: Arc<Budget>,
}

/// What one connection takes of them.
pub(super) struct Usage {
    pub(super) incoming: Share,
    pub(super) outgoing: Share,
    pub(super) backlog: Backlog,
    /// Messages with QoS 1 or 2 that the broker sends before the client acknowledges one.
    pub(super) window: usize,
}

impl Limits {
    pub(super) fn new(payload: Option<PayloadLimit>, messages: &Messages) -> Self {
        Self {
            payload,
            retained: Retained::new(messages.clone()),
            subscribers: Subscribers::new(messages.clone()),
            published: Published::new(),
            incoming: Arc::default(),
            outgoing: Arc::default(),
        }
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            incoming: self.incoming.share(),
            outgoing: self.outgoing.share(),
            backlog: self.published.subscribe(),
            window: usize::from(super::broker::MAX_INFLIGHT),
        }
    }

    /// Reports what was refused in the whole run.
    pub(super) fn report(&self, messages: &Messages) {
        let refused = self.retained.refused();
        if refused > 0 {
            let count = counted(refused, "message");
            messages.report(&format_args!("did not retain {count}"));
        }
        let undelivered = self.subscribers.undelivered();
        if undelivered > 0 {
            let count = counted(undelivered, "message");
            messages.report(&format_args!(
                "did not deliver {count} to other clients: they were too large"
            ));
        }
    }
}
