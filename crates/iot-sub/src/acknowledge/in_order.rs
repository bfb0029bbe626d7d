//! The acknowledgements of one client of the embedded broker. One is sent when the message is on
//! disk and the broker has acknowledged it, in the order of the messages [MQTT-4.6.0-2].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use iot_core::PacketId;
use tokio::sync::Notify;

const SUCCESS: u8 = 0;

/// The acknowledgements that one connection of a client waits for.
#[derive(Debug, Default)]
pub(crate) struct ClientAcks {
    state: Mutex<State>,
    /// Notified when there is something to send.
    pub(crate) wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Messages that are not acknowledged, in the order of their arrival.
    pending: VecDeque<Pending>,
    /// The number of the first of them, counted from the start of the connection.
    first: u64,
    /// How many of them, from the first on, the broker has acknowledged.
    acknowledged: usize,
    /// Acknowledgements to be sent to the client.
    ready: BytesMut,
    /// PUBRELs whose removal is committed, to be forwarded to the broker.
    released: Vec<Bytes>,
    /// PUBRELs whose removal is not committed yet.
    releasing: usize,
}

#[derive(Debug)]
struct Pending {
    /// The first byte of its acknowledgement: PUBACK or PUBREC.
    kind: u8,
    id: PacketId,
    fingerprint: u64,
    on_disk: bool,
    broker_ack: Option<BrokerAck>,
}

/// The broker's acknowledgement.
#[derive(Debug)]
enum BrokerAck {
    Success,
    Other(Bytes),
}

/// The first byte of a PUBACK.
pub(crate) const PUBACK: u8 = 0x40;
/// The first byte of a PUBREC.
pub(crate) const PUBREC: u8 = 0x50;

impl ClientAcks {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a PUBLISH that is acknowledged with a packet of this `kind`.
    pub(crate) fn expect(
        self: &Arc<Self>,
        kind: u8,
        id: PacketId,
        fingerprint: u64,
    ) -> PublishToken {
        let mut state = self.lock();
        let number = state.first + state.pending.len() as u64;
        state.pending.push_back(Pending {
            kind,
            id,
            fingerprint,
            on_disk: false,
            broker_ack: None,
        });
        drop(state);
        PublishToken {
            acks: Arc::clone(self),
            number,
            id,
        }
    }

    /// The broker has sent this PUBACK or PUBREC with reason code `reason`.
    pub(crate) fn broker_acknowledged(&self, kind: u8, id: PacketId, reason: u8, packet: Bytes) {
        let mut state = self.lock();
        // The broker acknowledges in order, so this is the first that it has not acknowledged.
        let from = state.acknowledged;
        let waits = |pending: &Pending| {
            pending.kind == kind && pending.id == id && pending.broker_ack.is_none()
        };
        let Some(found) = state
            .pending
            .iter_mut()
            .skip(from)
            .find(|pending| waits(pending))
        else {
            return;
        };
        found.broker_ack = Some(if reason == SUCCESS && packet.len() <= 6 {
            BrokerAck::Success
        } else {
            BrokerAck::Other(packet)
        });
        while state
            .pending
            .get(state.acknowledged)
            .is_some_and(|pending| pending.broker_ack.is_some())
        {
            state.acknowledged += 1;
        }
        state.send_ready();
    }

    /// Adds a PUBREL that is forwarded when its packet identifier is removed from the disk.
    pub(crate) fn release(self: &Arc<Self>, id: PacketId, packet: Bytes) -> ReleasedPublish {
        self.lock().releasing += 1;
        ReleasedPublish {
            acks: Arc::clone(self),
            id,
            packet,
        }
    }

    /// Whether there are PUBRELs that were not forwarded yet.
    pub(crate) fn is_releasing(&self) -> bool {
        let state = self.lock();
        state.releasing > 0 || !state.released.is_empty()
    }

    /// Whether a message on disk is not acknowledged yet.
    pub(crate) fn has_unsent(&self) -> bool {
        let state = self.lock();
        !state.ready.is_empty() || state.pending.front().is_some_and(|first| first.on_disk)
    }

    /// Moves what is to be sent: acknowledgements to the client, PUBRELs to the broker.
    pub(crate) fn drain_into(&self, to_client: &mut BytesMut, to_broker: &mut BytesMut) {
        let mut state = self.lock();
        to_client.extend_from_slice(&state.ready);
        state.ready.clear();
        for packet in state.released.drain(..) {
            to_broker.extend_from_slice(&packet);
        }
    }

    /// Returns the messages with QoS 1 that were not acknowledged, each with its fingerprint.
    pub(crate) fn unacknowledged(&self) -> impl Iterator<Item = (PacketId, u64)> + use<> {
        let state = self.lock();
        let unacknowledged = state
            .pending
            .iter()
            .filter(|pending| pending.kind == PUBACK);
        let unacknowledged: Vec<_> = unacknowledged
            .map(|pending| (pending.id, pending.fingerprint))
            .collect();
        unacknowledged.into_iter()
    }
}

impl State {
    fn set_on_disk(&mut self, number: u64) {
        let at = number.checked_sub(self.first);
        let pending = at.and_then(|at| self.pending.get_mut(usize::try_from(at).ok()?));
        if let Some(pending) = pending {
            pending.on_disk = true;
            self.send_ready();
        }
    }

    fn send_ready(&mut self) {
        while let Some(first) = self.pending.front() {
            if !first.on_disk {
                return;
            }
            match &first.broker_ack {
                None => return,
                Some(BrokerAck::Success) => {
                    let id = first.id.get().to_be_bytes();
                    self.ready.extend_from_slice(&[first.kind, 2, id[0], id[1]]);
                }
                Some(BrokerAck::Other(packet)) => self.ready.extend_from_slice(packet),
            }
            self.pending.pop_front();
            self.first += 1;
            self.acknowledged -= 1;
        }
    }
}

/// One PUBLISH of a client of the embedded broker.
#[derive(Debug)]
pub(crate) struct PublishToken {
    acks: Arc<ClientAcks>,
    number: u64,
    id: PacketId,
}

impl PublishToken {
    pub(crate) fn id(&self) -> PacketId {
        self.id
    }

    /// Acknowledges a message that is not stored.
    pub(crate) fn acknowledge(&self) {
        acknowledge([self]);
    }
}

/// Acknowledges messages, and wakes the task of each client.
pub(super) fn acknowledge<'a>(tokens: impl IntoIterator<Item = &'a PublishToken>) {
    let mut before: Option<&Arc<ClientAcks>> = None;
    for token in tokens {
        token.acks.lock().set_on_disk(token.number);
        if let Some(before) = before.filter(|before| !Arc::ptr_eq(before, &token.acks)) {
            before.wake.notify_one();
        }
        before = Some(&token.acks);
    }
    if let Some(last) = before {
        last.wake.notify_one();
    }
}

/// One PUBREL of a client of the embedded broker; it is forwarded when its packet identifier is
/// removed from the disk.
#[derive(Debug)]
pub(crate) struct ReleasedPublish {
    acks: Arc<ClientAcks>,
    id: PacketId,
    packet: Bytes,
}

impl ReleasedPublish {
    pub(crate) fn id(&self) -> PacketId {
        self.id
    }

    /// Forwards it.
    pub(crate) fn send(self) {
        let mut state = self.acks.lock();
        state.releasing -= 1;
        state.released.push(self.packet);
        drop(state);
        self.acks.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: u16) -> PacketId {
        PacketId::new(id).unwrap()
    }

    fn sent(acks: &ClientAcks) -> Vec<u8> {
        let mut sent = BytesMut::new();
        acks.drain_into(&mut sent, &mut BytesMut::new());
        sent.to_vec()
    }

    #[test]
    fn an_acknowledgement_waits_for_the_disk_the_broker_and_earlier_messages() {
        let acks = Arc::new(ClientAcks::default());
        let success = || Bytes::from_static(b"\x40\x02\x00\x01");
        let first = acks.expect(PUBACK, id(1), 11);
        let second = acks.expect(PUBREC, id(2), 12);
        let third = acks.expect(PUBACK, id(3), 13);
        acks.broker_acknowledged(PUBACK, id(1), SUCCESS, success());
        acks.broker_acknowledged(PUBREC, id(2), SUCCESS, success());
        assert!(sent(&acks).is_empty());
        acknowledge([&second, &third]);
        assert!(!acks.has_unsent());
        assert!(sent(&acks).is_empty());
        acknowledge([&first]);
        assert!(acks.has_unsent());
        assert_eq!(sent(&acks), b"\x40\x02\x00\x01\x50\x02\x00\x02");
        assert_eq!(acks.unacknowledged().collect::<Vec<_>>(), [(id(3), 13)]);
        // A refusal is forwarded as it is.
        acks.broker_acknowledged(
            PUBACK,
            id(3),
            0x87,
            Bytes::from_static(b"\x40\x03\x00\x03\x87"),
        );
        assert_eq!(sent(&acks), b"\x40\x03\x00\x03\x87");
        assert_eq!(acks.unacknowledged().count(), 0);
    }

    #[test]
    fn a_packet_identifier_may_be_used_again_at_once() {
        let acks = Arc::new(ClientAcks::default());
        for _ in 0..2 {
            let token = acks.expect(PUBACK, id(1), 1);
            acks.broker_acknowledged(PUBACK, id(1), SUCCESS, Bytes::new());
            acknowledge([&token]);
        }
        assert_eq!(sent(&acks), b"\x40\x02\x00\x01\x40\x02\x00\x01");
    }

    #[test]
    fn a_release_is_forwarded_once_it_is_committed() {
        let acks = Arc::new(ClientAcks::default());
        let released = acks.release(id(5), Bytes::from_static(b"\x62\x02\x00\x05"));
        assert!(acks.is_releasing());
        released.send();
        let mut forwarded = BytesMut::new();
        acks.drain_into(&mut BytesMut::new(), &mut forwarded);
        assert_eq!(&forwarded[..], b"\x62\x02\x00\x05");
        assert!(!acks.is_releasing());
    }
}
