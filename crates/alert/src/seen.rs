//! Messages that were looked at and may come again: the broker had no acknowledgement of them when
//! the program ended.

use std::collections::HashMap;

use hashlink::LinkedHashMap;

/// Bytes of one.
const BYTES: usize = 10;

/// What tells a message from others until it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    /// Its packet identifier.
    pub packet_id: u16,
    /// A hash of topic and payload.
    pub fingerprint: u64,
}

/// What a second message replaces: the packet identifier, and the fingerprint as well if the
/// identifiers of several clients are mixed.
type Key = (u16, Option<u64>);

/// The latest messages that were looked at: one for each packet identifier, since a broker gives an
/// identifier to a second message only after the first was acknowledged.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Fingerprints, the oldest first.
    latest: LinkedHashMap<Key, u64>,
    kept: usize,
    is_mixed: bool,
}

impl Seen {
    /// Returns an empty list that keeps at most `kept` messages. It has to be more than the broker
    /// sends without an acknowledgement.
    pub fn new(kept: usize) -> Self {
        Self {
            latest: LinkedHashMap::new(),
            kept,
            is_mixed: false,
        }
    }

    /// Returns such a list for messages of several clients, which choose their packet identifiers
    /// independently.
    pub fn of_clients(kept: usize) -> Self {
        Self {
            is_mixed: true,
            ..Self::new(kept)
        }
    }

    fn key(&self, tag: Tag) -> Key {
        (tag.packet_id, self.is_mixed.then_some(tag.fingerprint))
    }

    /// Adds a message.
    pub fn add(&mut self, tag: Tag) {
        self.latest.insert(self.key(tag), tag.fingerprint);
        if self.latest.len() > self.kept {
            self.latest.pop_front();
        }
    }

    /// Adds messages that [`to_bytes`](Self::to_bytes) has returned.
    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks_exact(BYTES) {
            let (packet_id, fingerprint) = chunk.split_at(2);
            self.add(Tag {
                packet_id: u16::from_le_bytes(packet_id.try_into().unwrap_or_default()),
                fingerprint: u64::from_le_bytes(fingerprint.try_into().unwrap_or_default()),
            });
        }
    }

    /// Returns those that an earlier run has looked at, when this one begins.
    pub fn before(&self) -> SeenBefore {
        SeenBefore {
            latest: self.latest.iter().map(|(key, it)| (*key, *it)).collect(),
            is_mixed: self.is_mixed,
        }
    }

    /// Returns what [`commit`](crate::AlertFile::commit) writes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.latest.len() * BYTES);
        for ((packet_id, _), fingerprint) in &self.latest {
            bytes.extend(packet_id.to_le_bytes());
            bytes.extend(fingerprint.to_le_bytes());
        }
        bytes
    }
}

/// Messages that an earlier run has looked at.
#[derive(Clone, Debug)]
pub struct SeenBefore {
    latest: HashMap<Key, u64>,
    is_mixed: bool,
}

impl SeenBefore {
    /// Whether an earlier run has looked at this message, if the broker has delivered it before.
    ///
    /// It is asked for every message: the first one with a packet identifier decides, and a later
    /// one is another message.
    pub fn take(&mut self, tag: Tag) -> bool {
        let key = (tag.packet_id, self.is_mixed.then_some(tag.fingerprint));
        self.latest.remove(&key) == Some(tag.fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(number: u16) -> Tag {
        Tag {
            packet_id: number,
            fingerprint: u64::from(number) << 40,
        }
    }

    fn reopened(seen: &Seen, mut empty: Seen) -> SeenBefore {
        empty.add_bytes(&seen.to_bytes());
        empty.before()
    }

    #[test]
    fn the_latest_messages_are_known_after_a_restart_once_each() {
        let mut seen = Seen::new(4_000);
        (0..4_005).for_each(|number| seen.add(tag(number)));
        let mut before = reopened(&seen, Seen::new(4_000));
        assert!(!before.take(tag(4)));
        assert!(before.take(tag(5)) && before.take(tag(4_004)));
        assert!(!before.take(tag(5)));
    }

    #[test]
    fn a_packet_identifier_stands_for_its_latest_message() {
        let mut seen = Seen::new(2);
        let again = Tag {
            packet_id: 1,
            ..tag(7)
        };
        for tag in [tag(1), tag(2), again, tag(3)] {
            seen.add(tag);
        }
        // The first message of identifier 1 was acknowledged; identifier 2 is the oldest.
        let before = reopened(&seen, Seen::new(2));
        assert!(!before.clone().take(tag(1)) && !before.clone().take(tag(2)));
        assert!(before.clone().take(again) && before.clone().take(tag(3)));
        // Once the identifier has another message, an equal one that follows is new.
        let mut reused = before;
        assert!(!reused.take(tag(1)));
        assert!(!reused.take(again));
    }

    #[test]
    fn a_packet_identifier_of_two_clients_stands_for_two_messages() {
        let mut seen = Seen::of_clients(3);
        let other = Tag {
            packet_id: 1,
            ..tag(7)
        };
        seen.add(tag(1));
        seen.add(other);
        let mut before = reopened(&seen, Seen::of_clients(3));
        assert!(before.take(other) && before.take(tag(1)) && !before.take(tag(1)));
    }
}
