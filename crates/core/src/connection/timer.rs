//! Waits for the session's deadlines, and for that of the end of a connection.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// How long the end of a connection may make no progress: the broker doesn't take what is left to
/// be written, or doesn't close the stream after our DISCONNECT.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the broker may take to close the stream if everything is sent and answered: nothing is
/// lost if it does not.
pub(super) const SENT_TIMEOUT: Duration = Duration::from_millis(100);

/// One timer for many waits: a new one for each would cost more.
#[derive(Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// When an end without progress is given up.
    close_deadline: Option<Instant>,
}

impl Timer {
    /// The end of the connection makes progress, or there is another connection.
    pub(super) fn progress(&mut self) {
        self.close_deadline = None;
    }

    /// Waits until the deadline; for ever without one.
    pub(super) fn poll(&mut self, deadline: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(cx)
    }

    /// Waits until the end of the connection is to be given up; ready with `true` then.
    pub(super) fn poll_close(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<bool> {
        let deadline = *self.close_deadline.get_or_insert(now + CLOSE_TIMEOUT);
        if now >= deadline {
            return Poll::Ready(true);
        }
        self.poll(Some(deadline), cx).map(|()| false)
    }
}
