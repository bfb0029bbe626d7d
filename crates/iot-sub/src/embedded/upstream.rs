//! From a client to the broker. Every packet is forwarded, and every PUBLISH also goes to the
//! store.

use std::collections::{HashSet, VecDeque};
use std::mem;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use iot_core::packet::{
    Codec, Connect, DecodeError, Incoming, LongPublish, Publish, PublishHead, Skip, decode_connect,
    packet_size,
};
use iot_core::{Message, PacketId, Protocol, QoS, ReasonCode, SkippedMessage};

use super::broker::MAX_PACKET_SIZE;
use super::fault::Fault;
use super::gateway::{Arrival, Gateway};
use super::raw_packet::{clear_keep_alive, clear_will_retain, packet_id};
use super::sessions::HeldIds;
use super::subscribers::Subscriber;
use super::topics::Topics;
use crate::acknowledge::{Ack, ClientAcks, PUBACK, PUBREC, Release};
use crate::pipeline::Ticket;
use crate::pipeline::queue::OnCommit;
use iot_store::sqlite::held::SessionKey;

/// The first byte of CONNECT (MQTT 5 §3.1.1).
const CONNECT: u8 = 0x10;
/// The retain flag in the first byte of PUBLISH (MQTT 5 §3.3.1.3).
const RETAIN: u8 = 0x01;
/// The largest CONNECT: a will, names and properties fit into it many times.
const MAX_CONNECT_SIZE: usize = 1 << 20;

/// Packets from a client, on their way to the broker and the store.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) state: State,
    /// Read from the client.
    pub(super) buffer: BytesMut,
    /// To be written to the broker.
    pub(super) to_broker: BytesMut,
    /// To be passed to the gateway.
    pub(super) arrivals: Vec<Arrival>,
    /// Packets that the client may send again.
    pub(super) ids: HeldIds,
    /// Set if the session outlives the connection, and packet identifiers are kept on disk.
    pub(super) key: Option<Arc<SessionKey>>,
    /// PUBRELs of held identifiers without a PUBCOMP.
    releasing: HashSet<PacketId>,
    /// PINGREQs without a PINGRESP; `true` for those of the gateway.
    pub(super) pings: VecDeque<bool>,
    topics: Topics,
    pub(super) subscriber: Subscriber,
    acks: Arc<ClientAcks>,
    /// A payload that is longer than is held, on its way.
    skip: Option<Skip>,
}

/// The state of the connection.
#[derive(Debug)]
pub(super) enum State {
    /// The client has sent nothing.
    New,
    /// CONNECT was forwarded; `None` if the gateway could not decode it.
    Connecting(Option<Box<Connecting>>),
    Connected(Codec),
    /// The client has sent its DISCONNECT.
    Disconnected,
    /// The broker closes the connection, or has closed it.
    Refused,
}

/// A CONNECT without a CONNACK.
#[derive(Debug)]
pub(super) struct Connecting {
    pub(super) protocol: Protocol,
    pub(super) connect: Connect,
}

/// What a client's DISCONNECT means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ClientDisconnect {
    /// The will is published all the same.
    pub(super) publishes_will: bool,
    /// The session ends with the connection.
    pub(super) ends_session: bool,
}

impl Upstream {
    pub(super) fn new(acks: Arc<ClientAcks>) -> Self {
        Self {
            state: State::New,
            buffer: BytesMut::new(),
            to_broker: BytesMut::new(),
            arrivals: Vec::new(),
            ids: HeldIds::default(),
            key: None,
            releasing: HashSet::new(),
            pings: VecDeque::new(),
            topics: Topics::default(),
            subscriber: Subscriber::default(),
            acks,
            skip: None,
        }
    }

    /// Handles all whole packets; returns the client's DISCONNECT, if it is among them.
    pub(super) fn handle_packets(
        &mut self,
        gateway: &Gateway,
    ) -> Result<Option<ClientDisconnect>, Fault> {
        loop {
            if !self.skip_payload(gateway)? {
                return Ok(None);
            }
            let Some(size) = packet_size(&self.buffer)? else {
                return Ok(None);
            };
            // MQTT 5 clients know the limit of a packet: one beyond it ends the connection.
            if let State::Connected(codec) = &self.state
                && (size <= MAX_PACKET_SIZE || codec.protocol() != Protocol::V5)
            {
                match codec.decode_head(&mut self.buffer)? {
                    PublishHead::Incomplete => return Ok(None),
                    PublishHead::Fits => {}
                    PublishHead::Long(publish) => {
                        let limit = gateway.limits.payload;
                        let hasher = limit.and_then(|limit| limit.hasher).map(|new| new());
                        let kept = limit.map_or(0, |limit| limit.kept_bytes);
                        let publish = self.with_topic(*publish)?;
                        self.skip = Some(Skip::new(publish, kept, hasher));
                        continue;
                    }
                }
            }
            let is_connect = self.buffer.first() == Some(&CONNECT);
            if matches!(self.state, State::New) && (!is_connect || size > MAX_CONNECT_SIZE) {
                // From a stranger: it is neither waited for nor reported.
                return Err(Fault::Protocol(ReasonCode::PROTOCOL_ERROR));
            }
            if size > MAX_PACKET_SIZE {
                return Err(Fault::TooLarge(size));
            }
            if self.buffer.len() < size {
                // Grows with the received bytes, not with the size in the header.
                self.buffer
                    .reserve((size - self.buffer.len()).min(64 * 1024));
                return Ok(None);
            }
            match &self.state {
                State::New => self.connect(size, gateway),
                // Packets after CONNECT wait until the session is known.
                State::Connecting(_) => return Ok(None),
                State::Connected(codec) => {
                    let codec = *codec;
                    match self.packet(codec, size, gateway)? {
                        Next::Continue => {}
                        Next::Wait => return Ok(None),
                        Next::Disconnect(disconnect) => return Ok(Some(disconnect)),
                    }
                }
                State::Disconnected | State::Refused => {
                    self.buffer.clear();
                    return Ok(None);
                }
            }
        }
    }

    /// Skips a payload that is not held. Returns whether the next packet can be taken.
    fn skip_payload(&mut self, gateway: &Gateway) -> Result<bool, Fault> {
        let Some(mut skip) = self.skip.take() else {
            return Ok(true);
        };
        if !skip.take(&mut self.buffer) {
            self.skip = Some(skip);
            return Ok(false);
        }
        self.arrive_skipped(skip.finish(), gateway)?;
        Ok(true)
    }

    /// Replaces a topic alias, which the fingerprint needs.
    fn with_topic(&mut self, mut long: LongPublish) -> Result<LongPublish, Fault> {
        let message = self.topics.resolve(long.publish)?;
        long.publish = Publish {
            topic: Some(message.topic),
            payload: message.payload,
            qos: message.qos,
            retain: message.retain,
            dup: message.dup,
            packet_id: message.packet_id,
            properties: message.properties,
        };
        Ok(long)
    }

    /// A message whose payload is not held: the broker does not get it, so the acknowledgement
    /// waits for the disk only.
    fn arrive_skipped(&mut self, long: LongPublish, gateway: &Gateway) -> Result<(), Fault> {
        let LongPublish {
            publish,
            length,
            limit,
            fingerprint,
            hash,
            ..
        } = long;
        let message = self.topics.resolve(publish)?;
        let (id, qos) = (message.packet_id, message.qos);
        let skipped = gateway.wanted.received(message).map(|message| {
            Box::new(SkippedMessage {
                message,
                token: None,
                length,
                limit,
                fingerprint,
                hash,
            })
        });
        let Some(id) = id else {
            let arrival = skipped.map(|skipped| Arrival::Skipped(skipped, None));
            self.arrivals.extend(arrival);
            return Ok(());
        };
        let ack = self.acks.expect(ack_kind(qos), id, fingerprint);
        self.acknowledge_for_broker(Some(id), qos);
        let Some(skipped) = skipped else {
            ack.acknowledge();
            return Ok(());
        };
        let ack = Ack::Client(ack);
        let mut hold = None;
        if qos == QoS::ExactlyOnce {
            if self.ids.is_held(id, fingerprint) {
                self.arrivals.push(Arrival::Duplicate(ack));
                return Ok(());
            }
            if self.ids.hold(id, fingerprint, 0) {
                return Err(Fault::HalfOpen);
            }
            hold = self.key.clone().map(|key| (key, fingerprint));
        }
        let ticket = Some(Ticket { ack, hold });
        self.arrivals.push(Arrival::Skipped(skipped, ticket));
        Ok(())
    }

    fn connect(&mut self, size: usize, gateway: &Gateway) {
        let mut packet = self.buffer.split_to(size);
        // The broker refuses a CONNECT that cannot be decoded.
        let connecting = decode_connect(&packet).ok();
        let will = connecting.as_ref().and_then(|(_, it)| it.will.as_ref());
        if will.is_some_and(|will| will.retain) && !gateway.limits.retained.admits_wills() {
            clear_will_retain(&mut packet);
        }
        // The gateway watches it.
        clear_keep_alive(&mut packet);
        self.to_broker.extend_from_slice(&packet);
        let connecting =
            connecting.map(|(protocol, connect)| Box::new(Connecting { protocol, connect }));
        self.state = State::Connecting(connecting);
    }

    fn packet(&mut self, codec: Codec, size: usize, gateway: &Gateway) -> Result<Next, Fault> {
        match self.buffer[0] & 0xf0 {
            0x30 => self.publish(codec, size, gateway)?,
            0x60 => self.pubrel(size)?,
            0x40 | 0x70 => {
                self.subscriber.acknowledged += 1;
                self.forward(size);
            }
            0x80 => {
                gateway.limits.subscribers.enter(&mut self.subscriber);
                self.forward(size);
            }
            0xe0 => return self.disconnect(codec, size),
            // A second CONNECT, and what only servers send: CONNACK, SUBACK, UNSUBACK, PINGRESP.
            0x00 | 0x10 | 0x20 | 0x90 | 0xb0 | 0xd0 => {
                return Err(Fault::Protocol(ReasonCode::PROTOCOL_ERROR));
            }
            0xc0 => {
                self.pings.push_back(false);
                self.forward(size);
            }
            _ => self.forward(size),
        }
        Ok(Next::Continue)
    }

    fn forward(&mut self, size: usize) {
        let packet = self.buffer.split_to(size);
        self.to_broker.extend_from_slice(&packet);
    }

    fn publish(&mut self, codec: Codec, size: usize, gateway: &Gateway) -> Result<(), Fault> {
        let before = self.to_broker.len();
        let is_forwarded = size <= gateway.limits.subscribers.largest_message();
        if is_forwarded {
            self.to_broker.extend_from_slice(&self.buffer[..size]);
        }
        let message = match codec.decode_with(&mut self.buffer, &mut self.topics.recent) {
            Ok(Some(Incoming::Publish(publish))) => self.topics.resolve(publish),
            Ok(_) => Err(Fault::Protocol(ReasonCode::MALFORMED_PACKET)),
            Err(error) => Err(error.into()),
        };
        let message = match message {
            Ok(message) => message,
            Err(fault) => {
                self.to_broker.truncate(before);
                return Err(fault);
            }
        };
        if !is_forwarded {
            gateway.limits.subscribers.not_delivered(&message, size);
            let (id, qos) = (message.packet_id, message.qos);
            self.arrive(message, gateway)?;
            self.acknowledge_for_broker(id, qos);
            return Ok(());
        }
        gateway.limits.published.add(size);
        let rest = size - message.payload.len();
        let topic = message.topic.as_str();
        if message.retain && !gateway.limits.retained.admit(topic, &message.payload, rest) {
            self.to_broker[before] &= !RETAIN;
        }
        self.arrive(message, gateway)
    }

    /// Acknowledges a message that the broker does not get.
    fn acknowledge_for_broker(&self, id: Option<PacketId>, qos: QoS) {
        if let Some(id) = id {
            self.acks
                .broker_acknowledged(ack_kind(qos), id, 0, Bytes::new());
        }
    }

    /// Decides whether a message is new to the store.
    fn arrive(&mut self, mut message: Message, gateway: &Gateway) -> Result<(), Fault> {
        let (id, qos, dup) = (message.packet_id, message.qos, message.dup);
        let kind = ack_kind(qos);
        let Some(grant) = gateway.wanted.grant(&message.topic) else {
            if let Some(line) = gateway.wanted.first_unmatched(&message.topic) {
                gateway.messages.report(&line);
            }
            if let Some(id) = id {
                self.acks.expect(kind, id, 0).acknowledge();
            }
            return Ok(());
        };
        let Some(id) = id else {
            gateway.wanted.deliver(&mut message, grant);
            self.arrivals.push(Arrival::Message(message, None));
            return Ok(());
        };
        let size = message.payload.len();
        let fingerprint = message.fingerprint();
        let ack = Ack::Client(self.acks.expect(kind, id, fingerprint));
        let is_duplicate = match qos {
            QoS::ExactlyOnce => self.ids.is_held(id, fingerprint),
            _ => self.ids.is_duplicate(id, fingerprint, dup),
        };
        if is_duplicate {
            self.arrivals.push(Arrival::Duplicate(ack));
            return Ok(());
        }
        let mut hold = None;
        if qos == QoS::ExactlyOnce {
            if self.ids.hold(id, fingerprint, size) {
                return Err(Fault::HalfOpen);
            }
            hold = self.key.clone().map(|key| (key, fingerprint));
        }
        gateway.wanted.deliver(&mut message, grant);
        let ticket = Some(Ticket { ack, hold });
        self.arrivals.push(Arrival::Message(message, ticket));
        Ok(())
    }

    fn pubrel(&mut self, size: usize) -> Result<(), Fault> {
        let packet = self.buffer.split_to(size).freeze();
        let id = packet_id(&packet).ok_or(Fault::Protocol(ReasonCode::MALFORMED_PACKET))?;
        if self.ids.release(id) {
            self.releasing.insert(id);
        }
        match &self.key {
            // An earlier connection may have written it to the disk.
            Some(key) => {
                let release = self.acks.release(id, packet);
                let change = OnCommit::Release(Release::Client(release), Arc::clone(key));
                self.arrivals.push(Arrival::Change(change));
            }
            None => self.to_broker.extend_from_slice(&packet),
        }
        Ok(())
    }

    /// The broker has sent PUBCOMP; returns whether the identifier was held.
    pub(super) fn completed(&mut self, id: PacketId) -> bool {
        self.releasing.remove(&id)
    }

    /// The broker has refused a message with QoS 2 (MQTT 5): its identifier is free.
    pub(super) fn refused(&mut self, id: PacketId) {
        self.ids.release(id);
        if let Some(key) = &self.key {
            let release = self.acks.release(id, Bytes::new());
            let change = OnCommit::Release(Release::Client(release), Arc::clone(key));
            self.arrivals.push(Arrival::Change(change));
        }
    }

    fn disconnect(&mut self, codec: Codec, size: usize) -> Result<Next, Fault> {
        if self.acks.is_releasing() {
            // Packets before it are forwarded first.
            return Ok(Next::Wait);
        }
        let packet = self.buffer.split_to(size);
        self.to_broker.extend_from_slice(&packet);
        let mut disconnect = ClientDisconnect::default();
        if size > 2
            && let Some(Incoming::Disconnect(packet)) = codec.decode(&mut packet.clone())?
        {
            disconnect.publishes_will = packet.reason == ReasonCode(0x04);
            let expiry = packet.properties.and_then(|it| it.session_expiry_interval);
            disconnect.ends_session = expiry == Some(0);
        }
        self.state = State::Disconnected;
        self.buffer.clear();
        Ok(Next::Disconnect(disconnect))
    }

    /// Passes the received messages and changes to the gateway.
    pub(super) fn flush(&mut self, gateway: &Gateway) {
        gateway.receive(&mut self.arrivals);
    }

    /// Frees unused memory.
    pub(super) fn shrink(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > 0 {
            self.buffer = BytesMut::new();
        }
        if self.to_broker.is_empty() && self.to_broker.capacity() > 0 {
            self.to_broker = BytesMut::new();
        }
        if self.arrivals.is_empty() {
            mem::take(&mut self.arrivals);
        }
    }
}

/// Returns the first byte of the acknowledgement of a message.
fn ack_kind(qos: QoS) -> u8 {
    match qos {
        QoS::ExactlyOnce => PUBREC,
        _ => PUBACK,
    }
}

/// What to do after a packet.
enum Next {
    Continue,
    /// The packet waits for the packets before it.
    Wait,
    Disconnect(ClientDisconnect),
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::Protocol(error.reason())
    }
}
