//! The sessions of the clients: which clients are connected, and which packet identifiers with QoS
//! 2 are held.
//!
//! A client's connection owns the table of its packet identifiers while it runs, and returns it
//! when it ends. A connection that takes a session over waits for the end of the earlier one, so
//! there is always one table for a session.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iot_core::PacketId;
use iot_store::sqlite::held::SessionKey;
use tokio::sync::{Notify, watch};

use super::broker::MAX_PACKET_SIZE;

/// The name of the embedded broker on disk.
pub(super) const BROKER: &str = "embedded";
/// Limit of one client's payloads between PUBLISH and PUBREL, which the broker keeps in memory. A
/// client with 20 messages in flight never reaches it.
const HALF_OPEN_LIMIT: usize = 20 * MAX_PACKET_SIZE;

/// Returns the key of a client's session on disk.
pub(super) fn session_key(client_id: &str) -> Arc<SessionKey> {
    Arc::new(SessionKey {
        broker: BROKER.to_owned(),
        client_id: client_id.to_owned(),
    })
}

/// The packet identifiers of messages that the client may send again.
#[derive(Debug, Default)]
pub(super) struct HeldIds {
    /// Messages with QoS 2 whose PUBREL has not arrived.
    held: HashMap<PacketId, Held>,
    /// Messages with QoS 1 that the last connection did not acknowledge and that have not arrived
    /// again, with their fingerprints.
    unacknowledged: HashMap<PacketId, u64>,
    half_open_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    fingerprint: u64,
    bytes: usize,
}

impl HeldIds {
    /// Adds an identifier that is held on disk.
    pub(super) fn load(&mut self, id: PacketId, fingerprint: u64) {
        let held = Held {
            fingerprint,
            bytes: 0,
        };
        self.held.insert(id, held);
    }

    /// Returns whether this message with QoS 2 is certainly one that was received before.
    pub(super) fn is_held(&self, id: PacketId, fingerprint: u64) -> bool {
        self.held
            .get(&id)
            .is_some_and(|held| held.fingerprint == fingerprint)
    }

    /// Holds the identifier of a new message with QoS 2. Returns whether the limit is exceeded.
    #[must_use]
    pub(super) fn hold(&mut self, id: PacketId, fingerprint: u64, bytes: usize) -> bool {
        let before = self.held.insert(id, Held { fingerprint, bytes });
        self.half_open_bytes += bytes;
        self.half_open_bytes -= before.map_or(0, |held| held.bytes);
        self.half_open_bytes > HALF_OPEN_LIMIT && self.held.len() > 1
    }

    /// Releases an identifier; returns whether it was held.
    pub(super) fn release(&mut self, id: PacketId) -> bool {
        let held = self.held.remove(&id);
        self.half_open_bytes -= held.map_or(0, |held| held.bytes);
        held.is_some()
    }

    /// Returns whether this message with QoS 1 is certainly one that the last connection received
    /// and did not acknowledge.
    pub(super) fn is_duplicate(&mut self, id: PacketId, fingerprint: u64, dup: bool) -> bool {
        !self.unacknowledged.is_empty()
            && self.unacknowledged.remove(&id) == Some(fingerprint)
            && dup
    }

    /// Adds the messages that a connection did not acknowledge.
    pub(super) fn set_unacknowledged(
        &mut self,
        unacknowledged: impl Iterator<Item = (PacketId, u64)>,
    ) {
        self.unacknowledged.extend(unacknowledged);
    }

    /// Whether identifiers with QoS 2 are held.
    pub(super) fn has_held(&self) -> bool {
        !self.held.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.held.is_empty() && self.unacknowledged.is_empty()
    }
}

/// All sessions that have a connection or hold packet identifiers.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    slots: Mutex<HashMap<String, Slot>>,
}

#[derive(Debug, Default)]
struct Slot {
    running: Option<Running>,
    ids: HeldIds,
}

/// A connection of the session.
#[derive(Debug)]
struct Running {
    stop: Arc<Notify>,
    /// Closed when the connection has returned its table.
    ended: watch::Receiver<()>,
}

/// Shows that a connection uses the session. [`Sessions::leave`] ends that.
#[derive(Debug)]
pub(super) struct SessionLease {
    client_id: String,
    _running: watch::Sender<()>,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an identifier that is held on disk.
    pub(super) fn load(&self, client_id: &str, id: PacketId, fingerprint: u64) {
        let mut slots = self.lock();
        let slot = slots.entry(client_id.to_owned()).or_default();
        slot.ids.load(id, fingerprint);
    }

    /// Returns the clients for which packet identifiers are held.
    pub(super) fn clients(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Forgets a client that is not connected.
    pub(super) fn forget(&self, client_id: &str) {
        self.lock().remove(client_id);
    }

    /// Takes a session over. If another connection has it, that one is stopped and its end waited
    /// for. The new connection stops when `stop` is notified. May be dropped at the await.
    pub(super) async fn take_over(
        &self,
        client_id: &str,
        stop: &Arc<Notify>,
    ) -> (SessionLease, HeldIds) {
        loop {
            let mut ended = {
                let mut slots = self.lock();
                let slot = slots.entry(client_id.to_owned()).or_default();
                match &slot.running {
                    // The channel is never changed, only closed.
                    Some(running) if running.ended.has_changed().is_ok() => {
                        running.stop.notify_one();
                        running.ended.clone()
                    }
                    _ => {
                        let (sender, ended) = watch::channel(());
                        let stop = Arc::clone(stop);
                        slot.running = Some(Running { stop, ended });
                        let lease = SessionLease {
                            client_id: client_id.to_owned(),
                            _running: sender,
                        };
                        return (lease, mem::take(&mut slot.ids));
                    }
                }
            };
            // Returns when the channel is closed.
            let _ = ended.changed().await;
        }
    }

    /// Ends the use of a session, and keeps `ids` for its next connection.
    pub(super) fn leave(&self, lease: SessionLease, ids: HeldIds) {
        let mut slots = self.lock();
        if ids.is_empty() {
            slots.remove(&lease.client_id);
        } else if let Some(slot) = slots.get_mut(&lease.client_id) {
            slot.running = None;
            slot.ids = ids;
        }
        drop(slots);
        drop(lease);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: u16) -> PacketId {
        PacketId::new(id).unwrap()
    }

    #[tokio::test]
    async fn a_session_takeover_waits_until_the_earlier_connection_returns_its_ids() {
        let sessions = Arc::new(Sessions::default());
        let stop = Arc::new(Notify::new());
        let (first, mut ids) = sessions.take_over("c", &stop).await;
        assert!(!ids.has_held());
        assert!(!ids.hold(id(1), 7, 10));
        let second = {
            let sessions = Arc::clone(&sessions);
            tokio::spawn(async move { sessions.take_over("c", &Arc::new(Notify::new())).await })
        };
        stop.notified().await;
        assert!(!second.is_finished());
        sessions.leave(first, ids);
        let (second, ids) = second.await.unwrap();
        assert!(ids.is_held(id(1), 7) && !ids.is_held(id(1), 8));
        sessions.leave(second, HeldIds::default());
        assert_eq!(sessions.clients(), Vec::<String>::new());
    }

    #[test]
    fn held_payloads_of_a_client_are_limited_in_bytes() {
        let mut ids = HeldIds::default();
        assert!(!ids.hold(id(1), 1, HALF_OPEN_LIMIT + 1));
        assert!(ids.hold(id(2), 1, 1));
        assert!(ids.release(id(1)) && !ids.release(id(1)));
        assert!(!ids.hold(id(2), 2, HALF_OPEN_LIMIT));
        assert!(ids.hold(id(3), 2, 1));
    }

    #[test]
    fn a_message_with_qos_1_is_a_duplicate_once_by_dup_flag_and_content() {
        let mut ids = HeldIds::default();
        ids.set_unacknowledged([(id(1), 1), (id(2), 2), (id(3), 3)].into_iter());
        assert!(ids.is_duplicate(id(1), 1, true));
        assert!(!ids.is_duplicate(id(1), 1, true));
        assert!(!ids.is_duplicate(id(2), 9, true));
        assert!(!ids.is_duplicate(id(2), 2, true));
        assert!(!ids.is_duplicate(id(3), 3, false));
    }
}
