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
    /// Messages with QoS 0 on the present or last connection.
    unacknowledged: Unacknowledged,
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

/// Messages with QoS 0 on one connection.
#[derive(Debug, Clone, Copy, Default)]
struct Unacknowledged {
    written: u64,
    /// The connection was lost before they were written.
    unwritten: u64,
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
            unacknowledged: Unacknowledged::default(),
            in_flight: VecDeque::new(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.status == Status::Up
    }

    /// The broker has accepted the connection. Returns whether that is the first time.
    pub(super) fn connected(&mut self) -> bool {
        self.unacknowledged = Unacknowledged::default();
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

    /// A message with QoS 0 is written, or the connection was lost before.
    pub(super) fn finished_unacknowledged(&mut self, is_written: bool) {
        self.unacknowledged.written += u64::from(is_written);
        self.unacknowledged.unwritten += u64::from(!is_written);
    }

    /// The connection is lost. Returns how many messages with QoS 0 may be lost although they were
    /// written: if the socket took no more, the broker had not read all of them.
    pub(super) fn maybe_lost(&mut self) -> u64 {
        let Unacknowledged { written, unwritten } = std::mem::take(&mut self.unacknowledged);
        if unwritten > 0 { written } else { 0 }
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
