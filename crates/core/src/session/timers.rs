//! The session's deadlines: CONNACK, PINGREQ, PINGRESP.

use std::time::Instant;

use super::phase::Phase;
use super::state::Session;
use crate::error::Error;
use crate::packet::Outgoing;

impl Session {
    /// Returns when [`tick`](Self::tick) is to be called next: when CONNACK must have arrived, when
    /// the next PINGREQ is due, or when its answer must have arrived. `None` without a connection,
    /// and while it ends. Each packet changes it.
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Connecting { deadline } => Some(deadline),
            Phase::Online => {
                let confirming = self.confirming_ping_due();
                self.keep_alive_deadline()
                    .into_iter()
                    .chain(confirming)
                    .min()
            }
            _ => None,
        }
    }

    /// `None` with a keep alive of 0.
    fn keep_alive_deadline(&self) -> Option<Instant> {
        let keep_alive = self.limits.keep_alive;
        (!keep_alive.is_zero()).then(|| self.keep_alive.deadline(keep_alive))
    }

    fn confirming_ping_due(&self) -> Option<Instant> {
        let interval = self.config.confirm_interval;
        self.publishing.unconfirmed.ping_due(interval)
    }

    /// Does what is due: queues a PINGREQ after a keep alive without a packet in one of the
    /// directions (MQTT 3.1.1 §3.1.2.10), or one that confirms messages with QoS 0, or gives up a
    /// silent connection. Before the [`deadline`](Self::deadline) it does nothing.
    ///
    /// # Errors
    /// The connection must be [closed](Self::close) with the error: [`Error::ConnectTimeout`] if
    /// CONNACK has not arrived within `connect_timeout`, [`Error::KeepAlive`] if nothing has
    /// arrived for a keep alive after a PINGREQ.
    pub fn tick(&mut self, now: Instant) -> Result<(), Error> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        if let Phase::Connecting { .. } = self.phase {
            return Err(Error::ConnectTimeout);
        }
        if self.keep_alive_deadline().is_some_and(|due| now >= due) {
            self.keep_alive.ping(now)?;
        } else {
            self.keep_alive.confirming_ping(now);
        }
        self.publishing.unconfirmed.ping_sent(now);
        self.output.send(Outgoing::PingReq);
        Ok(())
    }

    /// Sets whether the connection reads at present. While it doesn't, a silent broker is not taken
    /// for a dead one.
    pub fn set_reading(&mut self, reading: bool, now: Instant) {
        self.keep_alive.set_reading(reading, now);
    }
}
