//! The order of acknowledgements: that in which the messages arrived [MQTT-4.6.0-2].

use std::collections::{HashMap, VecDeque};

use crate::message::{PacketId, QoS};
use crate::packet::Ack;

/// A PUBLISH of this connection that is not acknowledged.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) id: PacketId,
    pub(super) qos: QoS,
    /// The message's [`fingerprint`](crate::Message::fingerprint).
    pub(super) fingerprint: u64,
    pub(super) state: AckState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AckState {
    /// The application has not acknowledged it.
    Waiting,
    /// Its acknowledgement can be sent.
    Ready,
    /// Released before it was acknowledged; nothing is sent for it.
    Void,
}

/// The PUBLISH packets of this connection from the first that is not acknowledged.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    queue: VecDeque<Arrival>,
    /// The number of the first arrival; numbers count from the session's start.
    first: u64,
    /// Acknowledgements that say more than success, by the number of the arrival.
    replies: HashMap<u64, Ack>,
}

impl Arrivals {
    /// The number of the arrival that [`push`](Self::push) adds next.
    pub(super) fn next_number(&self) -> u64 {
        self.first + self.queue.len() as u64
    }

    pub(super) fn push(&mut self, arrival: Arrival) {
        self.queue.push_back(arrival);
    }

    /// Whether the arrival is acknowledged, or belongs to an earlier connection.
    pub(super) fn has_passed(&self, number: u64) -> bool {
        number < self.first
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Arrival> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.queue.get_mut(at)
    }

    /// Sets what the acknowledgement says beyond success.
    pub(super) fn set_reply(&mut self, number: u64, reply: Ack) {
        self.replies.insert(number, reply);
    }

    /// Takes the first arrival, with its acknowledgement, unless that one still waits.
    pub(super) fn next_ready(&mut self) -> Option<(Arrival, Ack)> {
        if self.queue.front()?.state == AckState::Waiting {
            return None;
        }
        let arrival = self.queue.pop_front()?;
        let reply = if self.replies.is_empty() {
            None
        } else {
            self.replies.remove(&self.first)
        };
        self.first += 1;
        let ack = reply.unwrap_or_else(|| Ack::success(arrival.id));
        Some((arrival, ack))
    }

    /// Takes all: the connection is over, and none can be acknowledged any more.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Arrival> {
        self.first += self.queue.len() as u64;
        self.replies.clear();
        self.queue.drain(..)
    }
}
