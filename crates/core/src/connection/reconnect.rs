//! When a connection to a broker that was lost is made again.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;
use crate::error::Error;

pub(super) struct Reconnect {
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

    /// Whether the broker has accepted the present or last connection.
    pub(super) fn is_accepted(&self) -> bool {
        self.accepted
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

#[cfg(test)]
mod tests {
    use tokio::time::{advance, pause};

    use super::*;

    const DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(120));

    /// A connection that the broker accepts, and closes after this time. Returns the delay before
    /// the next one.
    async fn lost_after(reconnect: &mut Reconnect, lasted: u64, has_progressed: bool) -> Duration {
        reconnect.opened();
        reconnect.accepted(DELAYS.1);
        advance(Duration::from_secs(lasted)).await;
        reconnect.lost(&Err(Error::Closed), has_progressed);
        reconnect.next_delay(DELAYS)
    }

    #[tokio::test]
    async fn the_delay_grows_until_there_is_progress_or_the_connection_has_lasted() {
        pause();
        let mut reconnect = Reconnect::new(DELAYS);
        let grown = [1, 1, 2, 4, 8, 16, 32, 60, 60, 60];
        for shortest in grown {
            let delay = lost_after(&mut reconnect, 0, false).await;
            assert!(delay >= Duration::from_secs(shortest), "{delay:?}");
        }
        assert_eq!(lost_after(&mut reconnect, 0, true).await, DELAYS.0);
        for shortest in &grown[1..] {
            let delay = lost_after(&mut reconnect, 0, false).await;
            assert!(delay >= Duration::from_secs(*shortest), "{delay:?}");
        }
        let delay = lost_after(&mut reconnect, 119, false).await;
        assert!(delay >= Duration::from_secs(60), "{delay:?}");
        assert_eq!(lost_after(&mut reconnect, 120, false).await, DELAYS.0);
    }
}
