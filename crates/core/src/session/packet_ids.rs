//! Which packet identifiers are in use, and for what: none is used for two things at a time
//! [MQTT-2.2.1-3].

use super::id_map::IdMap;
use crate::message::PacketId;

/// What a packet identifier is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A message with QoS 1 or 2, until it is acknowledged.
    Publish,
    /// A message with QoS 0 whose end is reported. The identifier is not sent.
    Sending,
    Subscribe,
    Unsubscribe,
}

#[derive(Debug, Default)]
pub(super) struct PacketIds {
    used: IdMap<Use>,
    last: u16,
}

impl PacketIds {
    /// Returns the next free identifier, or `None` if all 65,535 are in use.
    pub(super) fn take(&mut self, used_for: Use) -> Option<PacketId> {
        if self.is_full() {
            return None;
        }
        loop {
            self.last = self.last.wrapping_add(1);
            if let Some(id) = PacketId::new(self.last)
                && self.used.get(id).is_none()
            {
                self.used.insert(id, used_for);
                return Some(id);
            }
        }
    }

    /// Makes the lowest free identifier the next one, so that identifiers are reused early.
    #[cfg(test)]
    pub(super) fn restart(&mut self) {
        self.last = 0;
    }

    /// Whether all 65,535 are in use.
    pub(super) fn is_full(&self) -> bool {
        self.used.len() >= usize::from(u16::MAX)
    }

    /// Frees the identifier if it is used for this. Returns whether it was.
    pub(super) fn free_if(&mut self, id: PacketId, used_for: Use) -> bool {
        let is_used = self.used.get(id) == Some(&used_for);
        if is_used {
            self.used.remove(id);
        }
        is_used
    }

    /// Frees the identifiers whose use ends with the connection, and returns those of QoS 0
    /// messages that may not have been sent.
    pub(super) fn free_unsent(&mut self) -> Vec<PacketId> {
        let mut unsent = Vec::new();
        self.used.retain(|id, used_for| {
            if *used_for == Use::Sending {
                unsent.push(id);
            }
            *used_for == Use::Publish
        });
        unsent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_wrap_past_zero_and_skip_what_is_in_use() {
        let mut ids = PacketIds::default();
        let first = ids.take(Use::Publish).unwrap();
        assert_eq!(first.get(), 1);
        for _ in 2..=65_535_u16 {
            let id = ids.take(Use::Subscribe).unwrap();
            assert!(ids.free_if(id, Use::Subscribe));
        }
        assert_eq!(ids.take(Use::Publish).unwrap().get(), 2);
    }

    #[test]
    fn when_all_are_in_use_there_is_none() {
        let mut ids = PacketIds::default();
        for _ in 0..65_535 {
            ids.take(Use::Publish).unwrap();
        }
        assert_eq!(ids.take(Use::Publish), None);
        assert!(ids.free_if(PacketId::new(7).unwrap(), Use::Publish));
        assert_eq!(ids.take(Use::Publish), PacketId::new(7));
    }
}
