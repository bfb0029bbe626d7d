//! Encoding and writing on the thread that calls a handle. While the driver has nothing to write
//! and waits, waking it only to have one packet written would double the way to the broker. While
//! both are busy, each has half of the work, and the memory of a message goes back to where it came
//! from.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};

use super::encoded::{Encoded, WRITE_CHUNK};
use crate::session::Session;

/// A thread that publishes more often leaves the writing to the driver, which coalesces packets.
const COALESCED_INTERVAL: Duration = Duration::from_millis(1);

/// The socket as the handles use it.
#[derive(Debug)]
pub(super) struct HandleWriter {
    /// Not blocking.
    socket: TcpStream,
    /// All that the driver had encoded is written; what is encoded here is next in order.
    driver_has_written: bool,
    /// What the socket hasn't taken, or wasn't given: the driver writes it first.
    unwritten: Encoded,
    last_write: Option<Instant>,
    /// Messages whose acknowledgements were to come when driver or handle looked last.
    in_flight: usize,
    /// Something was written since the driver took over last.
    wrote: bool,
}

impl HandleWriter {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            driver_has_written: false,
            unwritten: Encoded::default(),
            last_write: None,
            in_flight: 0,
            wrote: false,
        }
    }

    /// Gives the driver what is unwritten, as soon as there is room for more in `output`. Until
    /// [`resume`](Self::resume) nothing is written here. Returns whether something was since the
    /// last call.
    pub(super) fn hand_over(&mut self, output: &mut Encoded) -> bool {
        self.driver_has_written = false;
        if !self.unwritten.is_empty() && output.bytes.len() < WRITE_CHUNK {
            output.append(std::mem::take(&mut self.unwritten));
        }
        std::mem::take(&mut self.wrote)
    }

    /// The driver has encoded what there was, and has written it if `all_written`.
    pub(super) fn resume(&mut self, all_written: bool, in_flight: usize) {
        self.driver_has_written = all_written;
        self.in_flight = in_flight;
    }

    /// Returns whether nothing is left to write.
    pub(super) fn is_empty(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// Encodes what the session has to send, up to a chunk, and writes it if the driver waits and
    /// is not to coalesce it. Returns whether nothing is left to do for the driver.
    pub(super) fn send(&mut self, session: &mut Session, driver_waits: bool) -> bool {
        if !session.is_connected() || session.backlog() == 0 {
            return false;
        }
        let now = Instant::now();
        self.unwritten.fill(session, now);
        // A thread that has waited for the answer to the message before has nothing to coalesce.
        let before = std::mem::replace(&mut self.in_flight, session.in_flight());
        let is_alone = (before, self.in_flight) == (0, 1);
        let is_rare = || {
            self.last_write
                .is_none_or(|last| now - last >= COALESCED_INTERVAL)
        };
        if !driver_waits || !self.driver_has_written || !(is_alone || is_rare()) {
            return false;
        }
        self.last_write = Some(now);
        // The driver meets an error again, and reports it.
        if let Ok(written) = (&self.socket).write(&self.unwritten.bytes) {
            self.unwritten.bytes.advance(written);
            self.wrote = true;
        }
        if !self.unwritten.is_empty() {
            self.driver_has_written = false;
            return false;
        }
        self.unwritten.bytes = BytesMut::new();
        self.unwritten.written(session);
        session.is_idle()
    }
}

#[cfg(test)]
mod tests;
