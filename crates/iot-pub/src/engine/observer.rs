//! What may watch a run: one observer prints the messages, another one measures them.

use std::time::{Duration, Instant};

use anyhow::Result;
use iot_core::{Message, QoS};

use super::outcome::Outcome;

/// Is called at each event of a run. Every method does nothing unless it is implemented.
pub(crate) trait Observer: Send {
    /// A connection is accepted for the first time. `made` connections were made so far.
    fn connected(&mut self, made: usize) {
        let _ = made;
    }

    /// All `connections` have been accepted, and publishing starts.
    fn started(&mut self, connections: usize, now: Instant) {
        let _ = (connections, now);
    }

    /// A connection has taken a message, `lateness` after it was due. `shown` is the text of a
    /// payload that is not text.
    fn published(&mut self, message: &Message, shown: Option<&str>, lateness: Duration) {
        let _ = (message, shown, lateness);
    }

    /// A message that was due at `due` is acknowledged by the broker, or written with QoS 0.
    fn acknowledged(&mut self, qos: QoS, due: Instant, now: Instant) {
        let _ = (qos, due, now);
    }

    /// A connection is lost.
    fn lost(&mut self) {}

    /// Returns whether all output is read, or nobody reads it.
    fn is_read(&self) -> bool {
        true
    }

    /// The run is over. Output that a slow reader does not take within `timeout` is dropped.
    ///
    /// # Errors
    /// Output could not be written, for example on a full disk.
    fn done(&mut self, outcome: &Outcome, timeout: Duration) -> Result<()> {
        let _ = (outcome, timeout);
        Ok(())
    }
}
