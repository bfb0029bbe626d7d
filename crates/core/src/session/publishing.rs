//! Messages with QoS 1 and 2 on their way to the broker: what is queued, in flight, received.

use std::collections::{BTreeMap, HashMap};

use super::Kept;
use crate::message::{Message, PacketId, QoS};
use crate::packet::{Ack, Outgoing};

/// How far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// To be sent, or sent and not acknowledged.
    Publish {
        /// Sent before in this session: the next PUBLISH carries DUP [MQTT-3.3.1-1].
        sent: bool,
    },
    /// QoS 2: PUBREC has come, so the broker has it; PUBREL is what is sent from now on.
    Release,
}

/// A message is kept until the broker has acknowledged it to the end. A PUBREC is not that end: a
/// broker that loses the session before the PUBREL may have delivered nothing yet (mosquitto then
/// has not).
#[derive(Debug)]
struct Entry {
    id: PacketId,
    message: Message,
    /// The bytes of its PUBLISH.
    size: usize,
    stage: Stage,
}

/// The messages in the order in which they were accepted, which is the order in which they are
/// sent, on every connection anew [MQTT-4.6.0-1].
#[derive(Debug, Default)]
pub(super) struct Publishing {
    /// By their numbers, which count from the session's start.
    queue: BTreeMap<u64, Entry>,
    /// The number that the next message gets.
    last: u64,
    /// Entries from this number on were not sent on this connection.
    next: u64,
    /// Entries that were sent on this connection and are not finished.
    in_flight: usize,
    /// The bytes of all of them.
    bytes: usize,
    numbers: HashMap<PacketId, u64>,
}

impl Publishing {
    /// How many messages are accepted and not acknowledged.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The bytes of these messages.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn accept(&mut self, id: PacketId, message: Message, size: usize) {
        let entry = Entry {
            id,
            message,
            size,
            stage: Stage::Publish { sent: false },
        };
        self.numbers.insert(id, self.last);
        self.queue.insert(self.last, entry);
        self.last += 1;
        self.bytes += size;
    }

    /// The next packet to send, if fewer than `window` messages are in flight.
    pub(super) fn next(&mut self, window: usize) -> Option<Outgoing> {
        if self.in_flight >= window {
            return None;
        }
        let (number, entry) = self.queue.range_mut(self.next..).next()?;
        self.next = number + 1;
        self.in_flight += 1;
        Some(match &mut entry.stage {
            Stage::Release => Outgoing::PubRel(Ack::success(entry.id)),
            Stage::Publish { sent } => {
                let mut copy = entry.message.clone();
                copy.dup = *sent;
                *sent = true;
                Outgoing::Publish(copy)
            }
        })
    }

    /// The PUBLISH that was to be the message's first was not sent: the next one is the first, and no
    /// answer to it can come.
    pub(super) fn never_left(&mut self, id: PacketId) {
        if let Some(number) = self.numbers.get(&id)
            && let Some(entry) = self.queue.get_mut(number)
        {
            entry.stage = Stage::Publish { sent: false };
        }
    }

    /// A PUBACK (QoS 1) or PUBCOMP (QoS 2) has come. Returns whether it finishes a message.
    pub(super) fn acknowledge(&mut self, id: PacketId, qos: QoS) -> bool {
        let fits = match self.entry(id) {
            // Only an answer to what was sent on this connection is one.
            Some((number, entry)) if entry.stage != Stage::Release => {
                number < self.next && entry.message.qos == qos && qos == QoS::AtLeastOnce
            }
            Some(_) => qos == QoS::ExactlyOnce,
            None => false,
        };
        fits && self.finish(id)
    }

    /// A PUBREC has come. Returns whether the id is one of ours that waits for it.
    ///
    /// It counts even where the message was sent on an earlier connection of the session and not
    /// yet again on this one: the broker has it, and would take it a second time otherwise.
    pub(super) fn received(&mut self, id: PacketId) -> bool {
        let entry = self.numbers.get(&id).and_then(|n| self.queue.get_mut(n));
        let Some(entry) = entry.filter(|entry| entry.knows_pubrec()) else {
            return false;
        };
        entry.stage = Stage::Release;
        true
    }

    /// A PUBREC has come that refuses the message. Returns whether that finishes one.
    pub(super) fn refused(&mut self, id: PacketId) -> bool {
        let entry = self.entry(id);
        let fits =
            entry.is_some_and(|(_, entry)| entry.knows_pubrec() && entry.stage != Stage::Release);
        fits && self.finish(id)
    }

    fn entry(&self, id: PacketId) -> Option<(u64, &Entry)> {
        let number = *self.numbers.get(&id)?;
        self.queue.get(&number).map(|entry| (number, entry))
    }

    /// Ends a message, whatever its stage. Returns whether there was one.
    pub(super) fn finish(&mut self, id: PacketId) -> bool {
        let Some(number) = self.numbers.remove(&id) else {
            return false;
        };
        if let Some(entry) = self.queue.remove(&number) {
            self.bytes -= entry.size;
        }
        if number < self.next {
            self.in_flight -= 1;
        }
        true
    }

    /// The connection is over: nothing is in flight, and all is to be sent again from the start.
    pub(super) fn disconnected(&mut self) {
        self.next = 0;
        self.in_flight = 0;
    }

    /// A connection stands. Where the broker has lost the session, all is sent as new: QoS 2 may
    /// then arrive twice, if the broker had delivered it at its PUBLISH. Where it doesn't say,
    /// messages are sent again and not released: a broker that has the session knows their ids, and
    /// one that has not would answer the PUBREL of a message that it has lost.
    pub(super) fn resume(&mut self, kept: Kept) {
        self.disconnected();
        for entry in self.queue.values_mut() {
            match (kept, entry.stage) {
                (Kept::No, _) => entry.stage = Stage::Publish { sent: false },
                (Kept::Unknown, Stage::Release) => entry.stage = Stage::Publish { sent: true },
                (Kept::Unknown | Kept::Yes, _) => {}
            }
        }
    }
}

impl Entry {
    /// Whether a PUBREC can be an answer to it.
    fn knows_pubrec(&self) -> bool {
        self.message.qos == QoS::ExactlyOnce && self.stage != Stage::Publish { sent: false }
    }
}
