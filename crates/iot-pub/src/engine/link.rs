//! One connection as the engine sees it: its handle, whether it is up, and its messages in flight.

use std::collections::VecDeque;
use std::time::Instant;

use iot_core::{Handle, PacketId, QoS};

/// The capacity that the queue of messages in flight may keep while it is empty. Thousands of
/// connections would otherwise keep what each needed once.
const KEPT_CAPACITY: usize = 1024;

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) handle: Handle,
    status: Status,
    /// Messages with QoS 0 that were not written before the connection was lost.
    unwritten: u64,
    /// Mostly in the order in which their acknowledgements come.
    in_flight: VecDeque<InFlight>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// It was never accepted by the broker.
    New,
    Up,
    Lost,
}

/// A message that is not yet written (QoS 0) or acknowledged (QoS 1 and 2).
#[derive(Debug)]
pub(super) struct InFlight {
    id: PacketId,
    pub(super) qos: QoS,
    pub(super) due: Instant,
}

impl Link {
    pub(super) fn new(handle: Handle) -> Self {
        Self {
            handle,
            status: Status::New,
            unwritten: 0,
            in_flight: VecDeque::new(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.status == Status::Up
    }

    /// The broker has accepted the connection. Returns whether that is the first time.
    pub(super) fn connected(&mut self) -> bool {
        self.unwritten = 0;
        std::mem::replace(&mut self.status, Status::Up) == Status::New
    }

    /// The connection has failed. Returns whether it was up.
    pub(super) fn failed(&mut self) -> bool {
        let was_up = self.is_up();
        if was_up {
            self.status = Status::Lost;
        }
        was_up
    }

    /// The connection was lost before a message with QoS 0 was written.
    pub(super) fn unwritten(&mut self) {
        self.unwritten += 1;
    }

    /// The connection is over. Returns how many messages with QoS 0 may be lost although they were
    /// written: nothing shows that the broker has read them.
    pub(super) fn maybe_lost(&mut self) -> u64 {
        let unwritten = std::mem::take(&mut self.unwritten);
        self.handle.unconfirmed().saturating_sub(unwritten)
    }

    /// The connection has taken a message.
    pub(super) fn push(&mut self, id: PacketId, qos: QoS, due: Instant) {
        self.in_flight.push_back(InFlight { id, qos, due });
    }

    /// Removes the message with this packet identifier.
    pub(super) fn take(&mut self, id: PacketId) -> Option<InFlight> {
        let at = self.in_flight.iter().position(|message| message.id == id)?;
        let found = self.in_flight.remove(at);
        if self.in_flight.is_empty() && self.in_flight.capacity() > KEPT_CAPACITY {
            self.in_flight = VecDeque::new();
        }
        found
    }
}
