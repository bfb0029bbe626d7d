//! When a lost connection is made again.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;
use crate::error::Error;

pub(super) struct Reconnect {
    /// A lost connection is made again.
    pub(super) enabled: bool,
    backoff: Backoff,
    opened_at: Instant,
    /// The broker has accepted the present or last connection.
    accepted: bool,
    /// The last connection was lost by what the broker had sent, which may come again on each.
    poisoned: bool,
}

impl Reconnect {
    pub(super) fn new(delays: (Duration, Duration)) -> Self {
        Self {
            enabled: true,
            backoff: Backoff::new(delays),
            opened_at: Instant::now(),
            accepted: false,
            poisoned: false,
        }
    }

    pub(super) fn opened(&mut self) {
        self.opened_at = Instant::now();
        self.accepted = false;
    }

    /// The broker has accepted the connection, and has sent something.
    pub(super) fn accepted(&mut self, longest_delay: Duration) {
        self.accepted = true;
        if self.opened_at.elapsed() >= longest_delay {
            self.poisoned = false;
            self.backoff.reset();
        }
    }

    /// The connection is lost. The next delay is the shortest again after progress, or after a
    /// connection that has lasted for the next delay. A message that breaks each connection is not
    /// asked for at the shortest delay: a connection has to last for the longest delay then.
    pub(super) fn lost(&mut self, result: &Result<(), Error>, has_progressed: bool) {
        let has_lasted = self.accepted && self.opened_at.elapsed() >= self.backoff.step();
        if !self.poisoned && (has_progressed || has_lasted) {
            self.backoff.reset();
        }
        self.poisoned |= result.as_ref().is_err_and(Error::is_poison);
    }

    /// Returns how long to wait before the next try.
    pub(super) fn next_delay(&mut self, delays: (Duration, Duration)) -> Duration {
        self.backoff.set(delays);
        self.backoff.next()
    }
}
