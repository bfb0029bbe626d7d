//! Messages with QoS 1 and 2 on their way to the broker: what is queued, in flight, received.

use std::collections::{HashMap, VecDeque};

use crate::message::{Message, PacketId, QoS};
use crate::packet::{Ack, Outgoing};

/// How far a message is.
#[derive(Debug)]
enum Stage {
    /// To be sent, or sent and not acknowledged.
    Publish {
        message: Message,
        /// Sent before in this session: the next PUBLISH carries DUP [MQTT-3.3.1-1].
        sent: bool,
        /// The bytes of its PUBLISH.
        size: usize,
    },
    /// QoS 2: PUBREC has come, so the broker has it; PUBREL is what is sent from now on.
    Release,
    /// Acknowledged; the place is kept until those before it are.
    Done,
}

#[derive(Debug)]
struct Entry {
    id: PacketId,
    stage: Stage,
}

/// The messages in the order in which they were accepted, which is the order in which they are
/// sent, on every connection anew [MQTT-4.6.0-1].
#[derive(Debug, Default)]
pub(super) struct Publishing {
    queue: VecDeque<Entry>,
    /// The number of the first entry; numbers count from the session's start.
    first: u64,
    /// The number of the first entry that was not sent on this connection.
    next: u64,
    /// Entries that were sent on this connection and are not done.
    in_flight: usize,
    /// The bytes of all that may have to be sent yet.
    bytes: usize,
    numbers: HashMap<PacketId, u64>,
}

impl Publishing {
    /// How many messages are accepted and not acknowledged.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The bytes of the messages that the broker doesn't have for sure.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn accept(&mut self, id: PacketId, message: Message, size: usize) {
        self.numbers
            .insert(id, self.first + self.queue.len() as u64);
        self.bytes += size;
        self.queue.push_back(Entry {
            id,
            stage: Stage::Publish {
                message,
                sent: false,
                size,
            },
        });
    }

    /// The next packet to send, if fewer than `window` messages are in flight.
    pub(super) fn next(&mut self, window: usize) -> Option<Outgoing> {
        while self.in_flight < window {
            let at = index(self.next, self.first);
            let entry = self.queue.get_mut(at)?;
            self.next += 1;
            match &mut entry.stage {
                Stage::Done => {}
                Stage::Release => {
                    self.in_flight += 1;
                    return Some(Outgoing::PubRel(Ack::success(entry.id)));
                }
                Stage::Publish { message, sent, .. } => {
                    self.in_flight += 1;
                    let mut copy = message.clone();
                    copy.dup = *sent;
                    *sent = true;
                    return Some(Outgoing::Publish(copy));
                }
            }
        }
        None
    }

    /// A PUBACK (QoS 1) or PUBCOMP (QoS 2) has come. Returns whether it finishes a message.
    pub(super) fn acknowledge(&mut self, id: PacketId, qos: QoS) -> bool {
        let fits = match self.sent(id).map(|entry| &entry.stage) {
            Some(Stage::Publish { message, .. }) => qos == message.qos && qos == QoS::AtLeastOnce,
            Some(Stage::Release) => qos == QoS::ExactlyOnce,
            Some(Stage::Done) | None => false,
        };
        fits && self.finish(id)
    }

    /// A PUBREC has come. Returns whether the id is one of ours that waits for it.
    pub(super) fn received(&mut self, id: PacketId) -> bool {
        let Some(entry) = self.sent(id) else {
            return false;
        };
        let size = match &entry.stage {
            Stage::Publish { message, size, .. } if message.qos == QoS::ExactlyOnce => *size,
            Stage::Release => 0,
            Stage::Publish { .. } | Stage::Done => return false,
        };
        // The broker has the message: its payload is not needed any more.
        entry.stage = Stage::Release;
        self.bytes -= size;
        true
    }

    /// The entry, if it was sent on this connection: an answer to anything else is not one.
    fn sent(&mut self, id: PacketId) -> Option<&mut Entry> {
        let number = *self.numbers.get(&id)?;
        if number >= self.next {
            return None;
        }
        self.queue.get_mut(index(number, self.first))
    }

    /// Ends a message, whatever its stage. Returns whether there was one.
    pub(super) fn finish(&mut self, id: PacketId) -> bool {
        let Some(number) = self.numbers.remove(&id) else {
            return false;
        };
        let entry = &mut self.queue[index(number, self.first)];
        if let Stage::Publish { size, .. } = entry.stage {
            self.bytes -= size;
        }
        entry.stage = Stage::Done;
        if number < self.next {
            self.in_flight -= 1;
        }
        while let Some(Entry {
            stage: Stage::Done, ..
        }) = self.queue.front()
        {
            self.queue.pop_front();
            self.first += 1;
        }
        self.next = self.next.max(self.first);
        true
    }

    /// The connection is over: nothing is in flight, and all is to be sent again from the start.
    pub(super) fn disconnected(&mut self) {
        self.next = self.first;
        self.in_flight = 0;
    }

    /// A connection stands. Where the broker has lost the session, what it had received is
    /// delivered (the returned ids), and the rest is sent as new.
    pub(super) fn resume(&mut self, session_present: bool) -> Vec<PacketId> {
        self.disconnected();
        if session_present {
            return Vec::new();
        }
        let mut done = Vec::new();
        for entry in &mut self.queue {
            match &mut entry.stage {
                Stage::Publish { sent, .. } => *sent = false,
                Stage::Release => done.push(entry.id),
                Stage::Done => {}
            }
        }
        for id in &done {
            self.finish(*id);
        }
        done
    }
}

/// An entry's place in the queue. Numbers never run so far ahead that the difference would not fit.
fn index(number: u64, first: u64) -> usize {
    usize::try_from(number - first).unwrap_or(usize::MAX)
}
