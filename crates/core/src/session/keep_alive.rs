//! When a PINGREQ is due, and when a silent connection is given up (MQTT 3.1.1 §3.1.2.10).

use std::time::{Duration, Instant};

use crate::error::Error;

#[derive(Debug)]
pub(super) struct KeepAlive {
    last_sent: Instant,
    last_received: Instant,
    /// When the PINGREQ was sent that no packet has followed yet.
    ping_sent: Option<Instant>,
    /// The connection reads at present.
    reading: bool,
}

impl KeepAlive {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            last_sent: now,
            last_received: now,
            ping_sent: None,
            reading: true,
        }
    }

    /// A connection begins.
    pub(super) fn restart(&mut self, now: Instant) {
        self.last_sent = now;
        self.last_received = now;
        self.ping_sent = None;
    }

    pub(super) fn packet_sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    /// Any packet shows that the broker is alive, and makes the next PINGREQ possible.
    pub(super) fn packet_received(&mut self, now: Instant) {
        self.last_received = now;
        self.ping_sent = None;
    }

    /// When a PINGREQ is due, or its answer must have arrived.
    pub(super) fn deadline(&self, interval: Duration) -> Instant {
        let silent_since = self.last_sent.min(self.last_received);
        self.ping_sent.unwrap_or(silent_since) + interval
    }

    /// The deadline has come: `Ok` if a PINGREQ is to be sent.
    ///
    /// A client that doesn't read can't tell whether the broker is silent, so it goes on pinging.
    pub(super) fn ping(&mut self, now: Instant) -> Result<(), Error> {
        if self.ping_sent.is_some() && self.reading {
            return Err(Error::KeepAlive);
        }
        self.ping_sent = Some(now);
        Ok(())
    }

    /// A PINGREQ is sent before it is due.
    pub(super) fn confirming_ping(&mut self, now: Instant) {
        self.ping_sent.get_or_insert(now);
    }

    /// After a pause in reading, the broker has the whole time again to answer.
    pub(super) fn set_reading(&mut self, reading: bool, now: Instant) {
        if reading && !self.reading && self.ping_sent.is_some() {
            self.ping_sent = Some(now);
        }
        self.reading = reading;
    }
}
