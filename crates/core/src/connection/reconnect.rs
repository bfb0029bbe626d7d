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
    /// The last connection was lost by what the broker had sent, which may come again on each.
    poisoned: bool,
}

impl Reconnect {
    pub(super) fn new(delays: (Duration, Duration)) -> Self {
        Self {
            enabled: true,
            backoff: Backoff::new(delays),
            opened_at: Instant::now(),
            poisoned: false,
        }
    }

    pub(super) fn opened(&mut self) {
        self.opened_at = Instant::now();
    }

    /// The broker has accepted the connection, and has sent something. A message that breaks each
    /// connection is not asked for at the shortest delay: delays are reset only once a connection
    /// has lasted for the longest.
    pub(super) fn accepted(&mut self, longest_delay: Duration) {
        if !self.poisoned || self.opened_at.elapsed() >= longest_delay {
            self.poisoned = false;
            self.backoff.reset();
        }
    }

    pub(super) fn lost(&mut self, result: &Result<(), Error>) {
        self.poisoned |= result.as_ref().is_err_and(Error::is_poison);
    }

    /// Returns how long to wait before the next try.
    pub(super) fn next_delay(&mut self, delays: (Duration, Duration)) -> Duration {
        self.backoff.set(delays);
        self.backoff.next()
    }
}
