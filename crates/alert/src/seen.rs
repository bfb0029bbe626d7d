//! Messages that were looked at and may come again: the broker had no acknowledgement of them when
//! the program ended.

use std::collections::{HashSet, VecDeque};

/// Most messages that are kept: more than brokers send without an acknowledgement.
const KEPT: usize = 1_000;
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

/// The latest messages that were looked at.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    latest: VecDeque<Tag>,
}

impl Seen {
    /// Adds a message.
    pub fn add(&mut self, tag: Tag) {
        if self.latest.len() == KEPT {
            self.latest.pop_front();
        }
        self.latest.push_back(tag);
    }

    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        let tags = bytes.chunks_exact(BYTES).map(|chunk| {
            let (packet_id, fingerprint) = chunk.split_at(2);
            Tag {
                packet_id: u16::from_le_bytes(packet_id.try_into().unwrap_or_default()),
                fingerprint: u64::from_le_bytes(fingerprint.try_into().unwrap_or_default()),
            }
        });
        Self {
            latest: tags.collect(),
        }
    }

    /// Returns those that an earlier run has looked at, when this one begins.
    pub fn before(&self) -> SeenBefore {
        SeenBefore(self.latest.iter().copied().collect())
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.latest.len() * BYTES);
        for tag in &self.latest {
            bytes.extend(tag.packet_id.to_le_bytes());
            bytes.extend(tag.fingerprint.to_le_bytes());
        }
        bytes
    }
}

/// Messages that an earlier run has looked at.
#[derive(Clone, Debug, Default)]
pub struct SeenBefore(HashSet<Tag>);

impl SeenBefore {
    /// Whether an earlier run has looked at this redelivered message. It is asked once for each.
    pub fn take(&mut self, tag: Tag) -> bool {
        self.0.remove(&tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_messages_are_known_after_a_restart_once_each() {
        let tag = |number: u16| Tag {
            packet_id: number,
            fingerprint: u64::from(number) << 40,
        };
        let mut seen = Seen::default();
        (0..1_005).for_each(|number| seen.add(tag(number)));
        let mut before = Seen::of_bytes(&seen.to_bytes()).before();
        assert!(!before.take(tag(4)));
        assert!(before.take(tag(5)) && before.take(tag(1_004)));
        assert!(!before.take(tag(5)));
    }
}
