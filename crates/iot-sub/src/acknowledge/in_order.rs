//! The acknowledgements of one client of the embedded broker. One is sent when the message is on
//! disk and the broker has acknowledged it, in the order of the messages [MQTT-4.6.0-2].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::{Buf, Bytes, BytesMut};
use iot_core::PacketId;
use tokio::net::TcpStream;
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
    /// The client's socket, while its task waits and has nothing to write.
    socket: Option<Weak<TcpStream>>,
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

    /// Lends the client's socket until [`take_back`](Self::take_back): the thread that commits then
    /// writes acknowledgements itself, which saves a client that waits for each of them the wake-up
    /// of its task. All packets that were begun must be written.
    pub(crate) fn lend(&self, socket: &Arc<TcpStream>) {
        self.lock().socket = Some(Arc::downgrade(socket));
    }

    /// Takes the socket back, if it was lent. What of an acknowledgement is not written goes to the
    /// client next.
    pub(crate) fn take_back(&self, to_client: &mut BytesMut) {
        let mut state = self.lock();
        if state.socket.take().is_some() {
            to_client.extend_from_slice(&state.ready);
            state.ready.clear();
        }
    }

    /// Writes acknowledgements if the socket is lent. The task is woken if there are more.
    fn deliver(&self) {
        let mut state = self.lock();
        state.write_ready();
        if !state.ready.is_empty() {
            self.wake.notify_one();
        }
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

    fn write_ready(&mut self) {
        let Some(socket) = self.socket.as_ref().and_then(Weak::upgrade) else {
            return;
        };
        while !self.ready.is_empty() {
            match socket.try_write(&self.ready) {
                Ok(written) if written > 0 => self.ready.advance(written),
                // The task waits for room, or notices the end of the connection.
                _ => return,
            }
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

/// Acknowledges messages to each client. To a single client it writes the acknowledgements itself;
/// those of several are written by their tasks, beside the next commit.
pub(super) fn acknowledge<'a>(tokens: impl IntoIterator<Item = &'a PublishToken>) {
    let mut before: Option<&Arc<ClientAcks>> = None;
    let mut is_single = true;
    for token in tokens {
        token.acks.lock().set_on_disk(token.number);
        if let Some(before) = before.filter(|before| !Arc::ptr_eq(before, &token.acks)) {
            is_single = false;
            before.wake.notify_one();
        }
        before = Some(&token.acks);
    }
    match before {
        Some(single) if is_single => single.deliver(),
        Some(last) => last.wake.notify_one(),
        None => {}
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
    use std::pin::pin;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

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

    /// A socket of ours, and the client's.
    async fn connected() -> (Arc<TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await;
        let socket = listener.accept().await.unwrap().0;
        socket.writable().await.unwrap();
        (Arc::new(socket), client.unwrap())
    }

    /// Messages that the broker has acknowledged.
    fn published(acks: &Arc<ClientAcks>, ids: impl IntoIterator<Item = u16>) -> Vec<PublishToken> {
        let publish = |number| {
            let token = acks.expect(PUBACK, id(number), u64::from(number));
            acks.broker_acknowledged(PUBACK, id(number), SUCCESS, Bytes::new());
            token
        };
        ids.into_iter().map(publish).collect()
    }

    fn is_woken(acks: &ClientAcks) -> bool {
        pin!(acks.wake.notified()).enable()
    }

    fn taken_back(acks: &ClientAcks) -> BytesMut {
        let mut rest = BytesMut::new();
        acks.take_back(&mut rest);
        rest
    }

    #[tokio::test]
    async fn while_the_socket_is_lent_acknowledgements_are_written_at_once() {
        let (socket, mut client) = connected().await;
        let acks = Arc::new(ClientAcks::default());
        let tokens = published(&acks, 1..=3);
        acks.lend(&socket);
        acknowledge(&tokens[..1]);
        let mut read = [0; 4];
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(read, *b"\x40\x02\x00\x01");
        assert!(!is_woken(&acks));
        // A client that reads nothing: the task writes what is left.
        while socket.try_write(&[0; 4_096]).is_ok() {}
        acknowledge(&tokens[1..2]);
        assert!(is_woken(&acks));
        assert_eq!(&taken_back(&acks)[..], b"\x40\x02\x00\x02");
        // The socket is the task's again, which may be within a message.
        acknowledge(&tokens[2..]);
        assert!(is_woken(&acks));
        assert!(taken_back(&acks).is_empty());
        assert_eq!(sent(&acks), b"\x40\x02\x00\x03");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_is_written_in_part_is_continued_by_the_task() {
        let (socket, mut client) = connected().await;
        rustix::net::sockopt::set_socket_send_buffer_size(&*socket, 4_096).unwrap();
        let acks = Arc::new(ClientAcks::default());
        let tokens = published(&acks, 1..=u16::MAX);
        let all = (1..=u16::MAX).map(u16::to_be_bytes);
        let all: Vec<u8> = all.flat_map(|[high, low]| [0x40, 2, high, low]).collect();
        acks.lend(&socket);
        acknowledge(&tokens);
        assert!(is_woken(&acks));
        let rest = taken_back(&acks);
        let mut read = vec![0; all.len() - rest.len()];
        assert!(!rest.is_empty() && !read.is_empty(), "{}", rest.len());
        client.read_exact(&mut read).await.unwrap();
        assert!([&read[..], &rest[..]].concat() == all);
    }

    #[tokio::test]
    async fn several_clients_get_theirs_from_their_tasks() {
        let (socket, _client) = connected().await;
        let both = [(); 2].map(|()| Arc::new(ClientAcks::default()));
        both[0].lend(&socket);
        let tokens = both.each_ref().map(|acks| published(acks, [1]));
        acknowledge(tokens.iter().flatten());
        for acks in &both {
            assert!(is_woken(acks));
            acks.take_back(&mut BytesMut::new());
        }
        assert_eq!(sent(&both[1]), b"\x40\x02\x00\x01");
    }

    #[tokio::test]
    async fn a_connection_that_has_ended_gets_nothing() {
        let (socket, mut client) = connected().await;
        let acks = Arc::new(ClientAcks::default());
        let tokens = published(&acks, [1]);
        acks.lend(&socket);
        drop(socket);
        acknowledge(&tokens);
        assert_eq!(client.read(&mut [0; 4]).await.unwrap(), 0);
        assert!(acks.has_unsent());
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
