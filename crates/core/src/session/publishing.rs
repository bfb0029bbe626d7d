//! Messages with QoS 1 and 2 on their way to the broker: what is queued, in flight, received.

use std::collections::VecDeque;

use super::Kept;
use super::id_map::IdMap;
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
    /// Finished ones leave a gap until they come to the front, or there are too many gaps.
    queue: VecDeque<Option<Entry>>,
    /// The number of the first one; numbers count from the session's start.
    first: u64,
    /// Entries from this number on were not sent on this connection.
    next: u64,
    /// Entries that were sent on this connection and are not finished.
    in_flight: usize,
    /// The bytes of all of them.
    bytes: usize,
    /// How often an answer has brought a message on.
    answers: u64,
    numbers: IdMap<u64>,
}

/// Places in the queue that are kept while it is empty, and gaps that are left to be.
const KEPT: usize = 8;

impl Publishing {
    /// How many messages are accepted and not acknowledged.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// How many of them were sent on this connection.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many answers have brought a message on: one for each with QoS 1, two with QoS 2.
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
            let at = self.place(self.next)?;
            let place = self.queue.get_mut(at)?;
            self.next += 1;
            if let Some(entry) = place {
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

    /// The PUBLISH that was to be the message's first was not sent: the next one is the first, and no
    /// answer to it can come.
    pub(super) fn never_left(&mut self, id: PacketId) {
        if let Some(entry) = self.entry_mut(id) {
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
        let is_finished = fits && self.finish(id);
        self.answers += u64::from(is_finished);
        is_finished
    }

    /// A PUBREC has come. Returns whether the id is one of ours that waits for it.
    ///
    /// It counts even where the message was sent on an earlier connection of the session and not
    /// yet again on this one: the broker has it, and would take it a second time otherwise.
    pub(super) fn received(&mut self, id: PacketId) -> bool {
        match self.entry_mut(id) {
            Some(entry) if entry.knows_pubrec() => {
                let is_news = entry.stage != Stage::Release;
                entry.stage = Stage::Release;
                self.answers += u64::from(is_news);
                true
            }
            _ => false,
        }
    }

    /// A PUBREC has come that refuses the message. Returns whether that finishes one.
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
        let entry = self.queue.get(self.place(number)?)?.as_ref();
        entry.map(|entry| (number, entry))
    }

    fn entry_mut(&mut self, id: PacketId) -> Option<&mut Entry> {
        let number = *self.numbers.get(id)?;
        let at = self.place(number)?;
        self.queue.get_mut(at)?.as_mut()
    }

    /// Ends a message, whatever its stage. Returns whether there was one.
    pub(super) fn finish(&mut self, id: PacketId) -> bool {
        let Some(number) = self.numbers.remove(id) else {
            return false;
        };
        let place = self.place(number).and_then(|at| self.queue.get_mut(at));
        if let Some(entry) = place.and_then(Option::take) {
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

    /// Where the entry with this number stands.
    fn place(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }

    /// Numbers the entries anew: one that is never acknowledged would leave a gap for every one
    /// that was accepted and finished after it.
    fn close_gaps(&mut self) {
        let sent = self.place(self.next).unwrap_or(0);
        let sent = self.queue.iter().take(sent).flatten().count();
        self.next = self.first + sent as u64;
        self.queue.retain(Option::is_some);
        self.queue.shrink_to(2 * self.queue.len());
        for (number, entry) in (self.first..).zip(self.queue.iter().flatten()) {
            self.numbers.insert(entry.id, number);
        }
    }

    /// The connection is over: nothing is in flight, and all is to be sent again from the start.
    pub(super) fn disconnected(&mut self) {
        self.next = self.first;
        self.in_flight = 0;
    }

    /// A connection stands. Where the broker has lost the session, all is sent as new: QoS 2 may
    /// then arrive twice, if the broker had delivered it at its PUBLISH. Where it doesn't say,
    /// messages are sent again and not released: a broker that has the session knows their ids, and
    /// one that has not would answer the PUBREL of a message that it has lost.
    pub(super) fn resume(&mut self, kept: Kept) {
        self.disconnected();
        for entry in self.queue.iter_mut().flatten() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::TopicName;

    /// A message that the broker never acknowledges, and many after it that it does.
    #[test]
    fn gaps_are_bounded_and_the_order_stays() {
        let id = |n: u16| PacketId::new(n).unwrap();
        let message = Message::new(TopicName::new("a").unwrap(), "1").with_qos(QoS::AtLeastOnce);
        let mut publishing = Publishing::default();
        publishing.accept(id(1), message.clone(), 10);
        assert!(publishing.next(10).is_some());
        for n in 2..2_000 {
            publishing.accept(id(n), message.clone(), 10);
            publishing.accept(id(n + 10_000), message.clone(), 10);
            assert!(publishing.next(usize::MAX).is_some());
            assert!(publishing.acknowledge(id(n), QoS::AtLeastOnce), "{n}");
            // It has not been sent.
            assert!(!publishing.acknowledge(id(n + 10_000), QoS::AtLeastOnce));
            assert!(publishing.finish(id(n + 10_000)));
            assert!(publishing.queue.len() <= 2 * (publishing.len() + KEPT));
        }
        assert_eq!((publishing.len(), publishing.bytes()), (1, 10));
        publishing.accept(id(2), message.clone(), 10);
        publishing.disconnected();
        for n in [1, 2] {
            let Some(Outgoing::Publish(message)) = publishing.next(10) else {
                panic!("message {n} is not sent again");
            };
            assert_eq!(message.dup, n == 1);
        }
        assert!(publishing.acknowledge(id(1), QoS::AtLeastOnce));
        assert!(publishing.acknowledge(id(2), QoS::AtLeastOnce));
        assert_eq!((publishing.len(), publishing.bytes()), (0, 0));
    }
}
