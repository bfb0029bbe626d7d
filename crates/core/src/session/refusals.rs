//! Finds the packet at which the broker closes the connection: sending it again would be a loop.
//!
//! Only connections count that the broker has accepted and then closed while a packet waited for
//! its answer. Timeouts, lost networks and brokers that shut down do not.

use super::refused_packet::RefusedPacket;
use crate::error::Error;
use crate::reason::ReasonCode;

/// After so many closed connections without an answer, one packet is sent at a time.
const FRUITLESS_LIMIT: u32 = 2;
/// A packet that was sent alone is the cause after so many closed connections.
const REFUSAL_LIMIT: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// Connections that the broker has closed since the last answer.
    fruitless: u32,
    /// One packet is sent at a time until so many answers have arrived.
    suspects: usize,
    /// The packet at which the connection before was closed, and how often.
    last: Option<(RefusedPacket, u32)>,
    /// A message with QoS 0 was sent on this connection, which may be the cause.
    is_unclear: bool,
    /// A message was acknowledged or received on this connection. Answers to SUBSCRIBE do not
    /// count, nor do retained messages: both come again on each connection.
    has_progressed: bool,
}

impl Refusals {
    pub(super) fn is_one_at_a_time(&self) -> bool {
        self.suspects > 0
    }

    pub(super) fn has_progressed(&self) -> bool {
        self.has_progressed
    }

    pub(super) fn opened(&mut self) {
        self.is_unclear = false;
        self.has_progressed = false;
    }

    /// A message with QoS 0 is sent.
    pub(super) fn sent_unacknowledged(&mut self) {
        self.is_unclear = true;
    }

    /// A message has arrived.
    pub(super) fn received(&mut self) {
        self.has_progressed = true;
    }

    /// The broker has acknowledged a message.
    pub(super) fn acknowledged(&mut self) {
        self.has_progressed = true;
        self.answered();
    }

    /// The broker has answered a packet.
    fn answered(&mut self) {
        self.fruitless = 0;
        self.last = None;
    }

    /// A message or a request is answered; `unfinished` others are not.
    pub(super) fn finished(&mut self, unfinished: usize) {
        self.answered();
        self.suspects = (self.suspects - self.suspects.min(1)).min(unfinished);
    }

    /// The broker has closed the connection while `waiting` packets waited for their answers, the
    /// first of them `first`. Returns the packet that is the cause, once that is known.
    pub(super) fn closed(&mut self, first: RefusedPacket, waiting: usize) -> Option<RefusedPacket> {
        if self.suspects == 0 {
            self.fruitless += 1;
            if self.fruitless >= FRUITLESS_LIMIT {
                self.suspects = waiting;
            }
            return None;
        }
        if self.is_unclear {
            return None;
        }
        let count = match &self.last {
            Some((last, count)) if *last == first => count + 1,
            _ => 1,
        };
        if count < REFUSAL_LIMIT {
            self.last = Some((first, count));
            return None;
        }
        self.last = None;
        // To know the cause is progress: what else waits is not to be delayed.
        self.has_progressed = true;
        Some(first)
    }
}

/// Returns whether the broker may have closed the connection because of a packet.
pub(super) fn may_be_refusal(error: &Error) -> bool {
    match error {
        Error::Closed => true,
        // How TLS reports a stream that ends.
        Error::Io(error) => error.kind() == std::io::ErrorKind::UnexpectedEof,
        Error::ServerDisconnect { reason, .. } => !is_about_connection(*reason),
        _ => false,
    }
}

/// Server busy, shutting down, keep alive timeout, session taken over, message rate, quota,
/// administrative action, another server, connection rate, maximum connect time.
fn is_about_connection(reason: ReasonCode) -> bool {
    matches!(
        reason.0,
        0x89 | 0x8b | 0x8d | 0x8e | 0x96..=0x98 | 0x9c | 0x9d | 0x9f | 0xa0
    )
}
