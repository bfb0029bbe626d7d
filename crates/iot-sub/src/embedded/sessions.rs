//! The sessions of the clients: who is connected, and which packet identifiers with QoS 2 are held.
//!
//! A client's connection owns its table while it runs, and leaves it here at its end. So the connection that takes a
//! session over first waits for the end of the one before: no message of the two is judged by two tables.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iot_core::PacketId;
use iot_store::sqlite::held::SessionKey;
use tokio::sync::{Notify, watch};

use super::broker::MAX_PACKET_SIZE;

/// What the embedded broker is called on disk.
pub(super) const BROKER: &str = "embedded";
/// Payloads of one client between PUBLISH and PUBREL, at most: the broker keeps them in memory. A client with 20 messages in
/// flight never meets it.
const HALF_OPEN_LIMIT: usize = 20 * MAX_PACKET_SIZE;

/// Whose session it is on disk.
pub(super) fn session_key(client_id: &str) -> Arc<SessionKey> {
    Arc::new(SessionKey {
        broker: BROKER.to_owned(),
        client_id: client_id.to_owned(),
    })
}

/// What a session knows of messages that the client may send again.
#[derive(Debug, Default)]
pub(super) struct HeldIds {
    /// Messages with QoS 2 whose PUBREL has not come.
    held: HashMap<PacketId, Held>,
    /// Messages with QoS 1 of the last connection that were not acknowledged on it, with their fingerprints; as long as
    /// they have not come again.
    unacknowledged: HashMap<PacketId, u64>,
    half_open_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    fingerprint: u64,
    bytes: usize,
}

impl HeldIds {
    /// Notes an identifier that the disk has.
    pub(super) fn load(&mut self, id: PacketId, fingerprint: u64) {
        let held = Held {
            fingerprint,
            bytes: 0,
        };
        self.held.insert(id, held);
    }

    /// A message with QoS 2 has come: returns whether it is certainly one that came before.
    pub(super) fn is_held(&self, id: PacketId, fingerprint: u64) -> bool {
        self.held
            .get(&id)
            .is_some_and(|held| held.fingerprint == fingerprint)
    }

    /// Holds the identifier of a new message with QoS 2. Returns whether too much is held.
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

    /// A message with QoS 1 has come: returns whether it is certainly one that came on the connection before and was not
    /// acknowledged.
    pub(super) fn came_before(&mut self, id: PacketId, fingerprint: u64, dup: bool) -> bool {
        !self.unacknowledged.is_empty()
            && self.unacknowledged.remove(&id) == Some(fingerprint)
            && dup
    }

    /// Notes what a connection leaves unacknowledged.
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

/// All sessions that are in use or hold something.
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
    /// Closed once the connection has left its table.
    ended: watch::Receiver<()>,
}

/// A session that a connection uses. To be given to [`Sessions::leave`].
#[derive(Debug)]
pub(super) struct Taken {
    client_id: String,
    _running: watch::Sender<()>,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an identifier that the disk has.
    pub(super) fn load(&self, client_id: &str, id: PacketId, fingerprint: u64) {
        let mut slots = self.lock();
        let slot = slots.entry(client_id.to_owned()).or_default();
        slot.ids.load(id, fingerprint);
    }

    /// Returns the clients that something is held for.
    pub(super) fn clients(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Forgets a client that is not connected.
    pub(super) fn forget(&self, client_id: &str) {
        self.lock().remove(client_id);
    }

    /// Takes a session over from the connection that has it, if any: that one is stopped, and its end waited for. The new
    /// connection stops when `stop` is notified. May be dropped at the await.
    pub(super) async fn take(&self, client_id: &str, stop: &Arc<Notify>) -> (Taken, HeldIds) {
        loop {
            let mut ended = {
                let mut slots = self.lock();
                let slot = slots.entry(client_id.to_owned()).or_default();
                match &slot.running {
                    // It is never changed, only closed.
                    Some(running) if running.ended.has_changed().is_ok() => {
                        running.stop.notify_one();
                        running.ended.clone()
                    }
                    _ => {
                        let (sender, ended) = watch::channel(());
                        let stop = Arc::clone(stop);
                        slot.running = Some(Running { stop, ended });
                        let taken = Taken {
                            client_id: client_id.to_owned(),
                            _running: sender,
                        };
                        return (taken, mem::take(&mut slot.ids));
                    }
                }
            };
            // Returns when it is closed.
            let _ = ended.changed().await;
        }
    }

    /// Ends the use of a session; `ids` is what stays of it.
    pub(super) fn leave(&self, taken: Taken, ids: HeldIds) {
        let mut slots = self.lock();
        if ids.is_empty() {
            slots.remove(&taken.client_id);
        } else if let Some(slot) = slots.get_mut(&taken.client_id) {
            slot.running = None;
            slot.ids = ids;
        }
        drop(slots);
        drop(taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: u16) -> PacketId {
        PacketId::new(id).unwrap()
    }

    #[tokio::test]
    async fn who_takes_a_session_over_waits_for_what_the_connection_before_leaves() {
        let sessions = Arc::new(Sessions::default());
        let stop = Arc::new(Notify::new());
        let (first, mut ids) = sessions.take("c", &stop).await;
        assert!(!ids.has_held());
        assert!(!ids.hold(id(1), 7, 10));
        let second = {
            let sessions = Arc::clone(&sessions);
            tokio::spawn(async move { sessions.take("c", &Arc::new(Notify::new())).await })
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
    fn what_a_client_holds_is_limited_in_bytes() {
        let mut ids = HeldIds::default();
        assert!(!ids.hold(id(1), 1, HALF_OPEN_LIMIT + 1));
        assert!(ids.hold(id(2), 1, 1));
        assert!(ids.release(id(1)) && !ids.release(id(1)));
        assert!(!ids.hold(id(2), 2, HALF_OPEN_LIMIT));
        assert!(ids.hold(id(3), 2, 1));
    }

    #[test]
    fn a_message_with_qos_1_is_known_again_once_by_dup_and_content() {
        let mut ids = HeldIds::default();
        ids.set_unacknowledged([(id(1), 1), (id(2), 2), (id(3), 3)].into_iter());
        assert!(ids.came_before(id(1), 1, true));
        assert!(!ids.came_before(id(1), 1, true));
        assert!(!ids.came_before(id(2), 9, true));
        assert!(!ids.came_before(id(2), 2, true));
        assert!(!ids.came_before(id(3), 3, false));
    }
}
