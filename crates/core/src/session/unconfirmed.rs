//! Messages with QoS 0 that the broker need not have read: nothing acknowledges them, but a broker
//! reads packets in order, so a PINGRESP shows that it has read what was sent before the PINGREQ.

use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub(super) struct Unconfirmed {
    /// Messages that were accepted on this connection.
    accepted: u64,
    /// Those of them that the broker has read.
    confirmed: u64,
    /// Those before the PINGREQ that is not answered yet.
    before_ping: Option<u64>,
    /// When the last PINGREQ was sent, or the connection began.
    last_ping: Option<Instant>,
}

impl Unconfirmed {
    /// A connection begins.
    pub(super) fn restart(&mut self, now: Instant) {
        *self = Self {
            last_ping: Some(now),
            ..Self::default()
        };
    }

    pub(super) fn accepted(&mut self) {
        self.accepted += 1;
    }

    pub(super) fn ping_sent(&mut self, now: Instant) {
        self.before_ping.get_or_insert(self.accepted);
        self.last_ping = Some(now);
    }

    pub(super) fn ping_answered(&mut self) {
        if let Some(count) = self.before_ping.take() {
            self.confirmed = count;
        }
    }

    /// The broker has closed the connection after it had read everything.
    pub(super) fn all_read(&mut self) {
        self.confirmed = self.accepted;
    }

    pub(super) fn count(&self) -> u64 {
        self.accepted - self.confirmed
    }

    /// When a PINGREQ is due that is to confirm what was accepted.
    pub(super) fn ping_due(&self, interval: Option<Duration>) -> Option<Instant> {
        let is_due = self.before_ping.is_none() && self.count() > 0;
        self.last_ping
            .filter(|_| is_due)
            .and_then(|last| last.checked_add(interval?))
    }
}
