//! Messages with QoS 1 and 2 on their way to the broker: queued, in flight, or received by the
//! broker.

use std::collections::VecDeque;

use super::id_map::IdMap;
use crate::message::{Message, PacketId, QoS};
use crate::packet::{Ack, Outgoing};

/// Whether the broker still has the session, as far as its CONNACK says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BrokerSession {
    Kept,
    Lost,
    /// MQTT 3.1 doesn't say.
    Unknown,
}

/// How far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// To be sent, or sent and not acknowledged.
    Publish {
        /// Sent before in this session: the next PUBLISH carries DUP [MQTT-3.3.1-1].
        sent: bool,
    },
    /// QoS 2: PUBREC has arrived, so the broker has the message; from now on PUBREL is sent.
    Release,
}

/// A message is kept until PUBACK or PUBCOMP. PUBREC is not enough: a broker that loses the session
/// before PUBREL may not have delivered the message (mosquitto doesn't).
#[derive(Debug)]
struct Entry {
    id: PacketId,
    message: Message,
    /// The bytes of its PUBLISH.
    size: usize,
    stage: Stage,
}

/// The messages in the order in which they were accepted. On each connection they are sent in that
/// order [MQTT-4.6.0-1].
#[derive(Debug, Default)]
pub(super) struct PublishQueue {
    /// Finished ones leave a gap until they reach the front, or until there are too many gaps.
    queue: VecDeque<Option<Entry>>,
    /// The number of the first one; numbers count from the session's start.
    first: u64,
    /// Entries from this number on were not sent on this connection.
    next: u64,
    /// Entries that were sent on this connection and are not finished.
    in_flight: usize,
    /// The bytes of all of them.
    bytes: usize,
    /// How often an answer has advanced a message.
    answers: u64,
    /// The number of each message.
    numbers: IdMap<u64>,
}

/// Slots of the queue that are kept while it is empty, and gaps that are tolerated.
const KEPT: usize = 8;

impl PublishQueue {
    /// How many messages are accepted and not acknowledged.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// How many of them were sent on this connection.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The first of them, with the bytes of its PUBLISH.
    pub(super) fn first_in_flight(&self) -> Option<(PacketId, &Message, usize)> {
        let sent = self.index(self.next)?;
        let entry = self.queue.iter().take(sent).flatten().next()?;
        Some((entry.id, &entry.message, entry.size))
    }

    /// How often an answer has advanced a message: once with QoS 1, twice with QoS 2.
    pub(super) fn answers(&self) -> u64 {
        self.answers
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
        let number = self.first + self.queue.len() as u64;
        self.numbers.insert(id, number);
        self.queue.push_back(Some(entry));
        self.bytes += size;
    }

    /// The next packet to send, if fewer than `window` messages are in flight.
    pub(super) fn next(&mut self, window: usize) -> Option<Outgoing> {
        if self.in_flight >= window {
            return None;
        }
        let entry = loop {
            let at = self.index(self.next)?;
            let slot = self.queue.get_mut(at)?;
            self.next += 1;
            if let Some(entry) = slot {
                break entry;
            }
        };
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

    /// The message's first PUBLISH was queued and not sent: the next one is the first, and no
    /// answer can arrive.
    pub(super) fn not_sent(&mut self, id: PacketId) {
        if let Some(entry) = self.entry_mut(id) {
            entry.stage = Stage::Publish { sent: false };
        }
    }

    /// A PUBACK (QoS 1) or PUBCOMP (QoS 2) has arrived. Returns whether it finishes a message.
    pub(super) fn acknowledge(&mut self, id: PacketId, qos: QoS) -> bool {
        let fits = match self.entry(id) {
            // Only a message that was sent on this connection can be acknowledged.
            Some((number, entry)) if entry.stage != Stage::Release => {
                number < self.next && entry.message.qos == qos && qos == QoS::AtLeastOnce
            }
            Some(_) => qos == QoS::ExactlyOnce,
            None => false,
        };
        let is_finished = fits && self.finish(id);
        self.answers += u64::from(is_finished);
        is_finished
    }

    /// Whether this message was sent on this connection, with QoS 2, and no PUBREC has arrived.
    pub(super) fn waits_for_pubrec(&self, id: PacketId) -> bool {
        self.entry(id).is_some_and(|(number, entry)| {
            number < self.next && entry.knows_pubrec() && entry.stage != Stage::Release
        })
    }

    /// A PUBREC has arrived. Returns whether a message waits for it.
    ///
    /// It counts even if the message was sent on an earlier connection of the session and not yet
    /// again on this one: the broker has it, and would otherwise receive it a second time.
    pub(super) fn received(&mut self, id: PacketId) -> bool {
        match self.entry_mut(id) {
            Some(entry) if entry.knows_pubrec() => {
                let is_first = entry.stage != Stage::Release;
                entry.stage = Stage::Release;
                self.answers += u64::from(is_first);
                true
            }
            _ => false,
        }
    }

    /// A PUBREC has arrived that refuses the message. Returns whether that finishes one.
    pub(super) fn refused(&mut self, id: PacketId) -> bool {
        let entry = self.entry(id);
        let fits =
            entry.is_some_and(|(_, entry)| entry.knows_pubrec() && entry.stage != Stage::Release);
        let is_finished = fits && self.finish(id);
        self.answers += u64::from(is_finished);
        is_finished
    }

    fn entry(&self, id: PacketId) -> Option<(u64, &Entry)> {
        let number = *self.numbers.get(id)?;
        let entry = self.queue.get(self.index(number)?)?.as_ref();
        entry.map(|entry| (number, entry))
    }

    fn entry_mut(&mut self, id: PacketId) -> Option<&mut Entry> {
        let number = *self.numbers.get(id)?;
        let at = self.index(number)?;
        self.queue.get_mut(at)?.as_mut()
    }

    /// Removes a message, whatever its stage. Returns whether there was one.
    pub(super) fn finish(&mut self, id: PacketId) -> bool {
        let Some(number) = self.numbers.remove(id) else {
            return false;
        };
        let slot = self.index(number).and_then(|at| self.queue.get_mut(at));
        if let Some(entry) = slot.and_then(Option::take) {
            self.bytes -= entry.size;
        }
        if number < self.next {
            self.in_flight -= 1;
        }
        while let Some(None) = self.queue.front() {
            self.queue.pop_front();
            self.first += 1;
        }
        self.next = self.next.max(self.first);
        let kept = self.len() + KEPT;
        if self.queue.len() > 2 * kept {
            self.close_gaps();
        }
        if self.queue.is_empty() && self.queue.capacity() > KEPT {
            self.queue = VecDeque::new();
        }
        true
    }

    /// The index of the entry with this number.
    fn index(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }

    /// Renumbers the entries: one that is never acknowledged would leave a gap for each message
    /// that was accepted and finished after it.
    fn close_gaps(&mut self) {
        let sent = self.index(self.next).unwrap_or(0);
        let sent = self.queue.iter().take(sent).flatten().count();
        self.next = self.first + sent as u64;
        self.queue.retain(Option::is_some);
        self.queue.shrink_to(2 * self.queue.len());
        for (number, entry) in (self.first..).zip(self.queue.iter().flatten()) {
            self.numbers.insert(entry.id, number);
        }
    }

    /// The connection is over: nothing is in flight, and all messages are sent again from the
    /// first.
    pub(super) fn disconnected(&mut self) {
        self.next = self.first;
        self.in_flight = 0;
    }

    /// A connection is accepted. If the broker has lost the session, all messages are sent as new:
    /// a QoS 2 message may then arrive twice, if the broker had delivered it at its PUBLISH. If the
    /// broker doesn't say, messages are sent again and not released: a broker that has the session
    /// knows their packet identifiers, and one that has not would answer the PUBREL of a message
    /// that it has lost.
    pub(super) fn resume(&mut self, session: BrokerSession) {
        self.disconnected();
        for entry in self.queue.iter_mut().flatten() {
            match (session, entry.stage) {
                (BrokerSession::Lost, _) => entry.stage = Stage::Publish { sent: false },
                (BrokerSession::Unknown, Stage::Release) => {
                    entry.stage = Stage::Publish { sent: true }
                }
                (BrokerSession::Unknown | BrokerSession::Kept, _) => {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::TopicName;

    /// A message that the broker never acknowledges, and many after it that it does.
    #[test]
    fn gaps_are_bounded_and_the_order_stays() {
        let id = |n: u16| PacketId::new(n).unwrap();
        let message = Message::new(TopicName::new("a").unwrap(), "1").with_qos(QoS::AtLeastOnce);
        let mut queue = PublishQueue::default();
        queue.accept(id(1), message.clone(), 10);
        assert!(queue.next(10).is_some());
        for n in 2..2_000 {
            queue.accept(id(n), message.clone(), 10);
            queue.accept(id(n + 10_000), message.clone(), 10);
            assert!(queue.next(usize::MAX).is_some());
            assert!(queue.acknowledge(id(n), QoS::AtLeastOnce), "{n}");
            // It has not been sent.
            assert!(!queue.acknowledge(id(n + 10_000), QoS::AtLeastOnce));
            assert!(queue.finish(id(n + 10_000)));
            assert!(queue.queue.len() <= 2 * (queue.len() + KEPT));
        }
        assert_eq!((queue.len(), queue.bytes()), (1, 10));
        queue.accept(id(2), message.clone(), 10);
        queue.disconnected();
        for n in [1, 2] {
            let Some(Outgoing::Publish(message)) = queue.next(10) else {
                panic!("message {n} is not sent again");
            };
            assert_eq!(message.dup, n == 1);
        }
        assert!(queue.acknowledge(id(1), QoS::AtLeastOnce));
        assert!(queue.acknowledge(id(2), QoS::AtLeastOnce));
        assert_eq!((queue.len(), queue.bytes()), (0, 0));
    }
}
