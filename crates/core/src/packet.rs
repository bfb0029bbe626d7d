//! The packets of MQTT 3.1, 3.1.1 and 5 as the session sees them, and their bytes.
//!
//! All is written and read here, for the codecs at hand refuse or misread legal packets (several
//! subscription identifiers, CONNACK codes above 5, the reason-only DISCONNECT, AUTH), know no
//! MQTT 3.1, and leave out properties of SUBSCRIBE and UNSUBSCRIBE. The tests compare the bytes with
//! rumqttc's, where that one is right, and with those of the embedded broker's codec.

mod control;
mod oversized;
mod properties;
mod wire;

use std::num::NonZeroU16;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::config::{Protocol, Will};
use crate::message::{Message, PacketId, Properties, QoS};
use crate::reason::{ConnectCode, ReasonCode};
use crate::topic::{RecentTopics, TopicFilter, TopicName};
pub use oversized::Oversized;
use properties::PacketKind;
use wire::Reader;

/// Why bytes are not a packet that a broker may send (MQTT 5 §4.13.1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes don't follow the packet's form.
    #[error("malformed packet: {0}")]
    Malformed(&'static str),
    /// The form is right, the meaning is not allowed.
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    /// The packet is larger than this client takes (MQTT 5 [MQTT-3.1.2-24]).
    #[error("a packet of {size} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// The packet's size in bytes, with its fixed header.
        size: usize,
        /// The limit in bytes, [`maximum_packet_size`](crate::ClientConfig::maximum_packet_size).
        limit: usize,
    },
}

impl DecodeError {
    /// Returns the reason code that an MQTT 5 client ends the connection with: 0x81, 0x82 or 0x95.
    pub fn reason(&self) -> ReasonCode {
        match self {
            Self::Malformed(_) => ReasonCode::MALFORMED_PACKET,
            Self::Protocol(_) => ReasonCode::PROTOCOL_ERROR,
            Self::TooLarge { .. } => ReasonCode::PACKET_TOO_LARGE,
        }
    }
}

/// One of the four acknowledgements: PUBACK, PUBREC, PUBREL, PUBCOMP (§3.4–3.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The id of the PUBLISH that is acknowledged.
    pub id: PacketId,
    /// How it went. Before MQTT 5 success, unless the broker says more than it may.
    pub reason: ReasonCode,
    /// Reason string and user properties (MQTT 5).
    pub properties: Option<Box<Properties>>,
}

impl Ack {
    /// Returns an acknowledgement of success.
    pub fn success(id: PacketId) -> Self {
        Self::with_reason(id, ReasonCode::SUCCESS)
    }

    /// Returns an acknowledgement with a reason code.
    pub fn with_reason(id: PacketId, reason: ReasonCode) -> Self {
        Self {
            id,
            reason,
            properties: None,
        }
    }
}

/// What opens a connection (§3.1).
#[derive(Debug, Clone, PartialEq)]
pub struct Connect {
    /// At least one character, or empty where the broker is to choose.
    pub client_id: String,
    /// Clean session (3.1.1), clean start (5).
    pub clean_start: bool,
    /// Keep alive in seconds; 0 for none.
    pub keep_alive: u16,
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// The will, which the broker publishes if the connection is lost.
    pub will: Option<Will>,
    /// CONNECT's properties (§3.1.2.11); the earlier versions send none.
    pub properties: Properties,
}

/// The broker's answer to CONNECT (§3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnAck {
    /// The broker still has the session. Always `false` on MQTT 3.1, which has no such flag.
    pub session_present: bool,
    /// Accepted, or why not.
    pub code: ConnectCode,
    /// The broker's limits and words (MQTT 5 §3.2.2.3).
    pub properties: Option<Box<Properties>>,
}

/// One filter of a SUBSCRIBE with its options; all but the QoS are MQTT 5's (§3.8.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The topics to receive.
    pub filter: TopicFilter,
    /// The highest QoS that messages are delivered with.
    pub qos: QoS,
    /// Not what this client itself publishes; not to be had with a shared subscription [MQTT-3.8.3-4].
    /// Default `false`.
    pub no_local: bool,
    /// Keep the retain flag as it was published. Default `false`: it is set on retained messages that
    /// the subscription brings, and only there.
    pub retain_as_published: bool,
    /// 0: send retained messages, 1: only if the subscription is new, 2: never. Default 0.
    pub retain_handling: u8,
}

impl Subscription {
    /// Returns a subscription with the options' defaults, which are MQTT 3.1.1's behaviour.
    pub fn new(filter: TopicFilter, qos: QoS) -> Self {
        Self {
            filter,
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: 0,
        }
    }
}

impl From<(TopicFilter, QoS)> for Subscription {
    fn from((filter, qos): (TopicFilter, QoS)) -> Self {
        Self::new(filter, qos)
    }
}

/// The answer to SUBSCRIBE or UNSUBSCRIBE, SUBACK (§3.9) or UNSUBACK (§3.11): one code for each filter;
/// none in an UNSUBACK before MQTT 5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeAck {
    /// The id of the packet that is answered.
    pub id: PacketId,
    /// In the order of the filters. SUBACK: the granted QoS, or 128 and above for a refusal. UNSUBACK:
    /// success, 0x11 where there was no such subscription, or 128 and above.
    pub reasons: Vec<ReasonCode>,
    /// Reason string and user properties (MQTT 5).
    pub properties: Option<Box<Properties>>,
}

impl SubscribeAck {
    /// Returns what each filter of a SUBSCRIBE was granted, in their order: the highest QoS, or the
    /// reason code of its refusal. Without meaning for an UNSUBACK.
    pub fn granted(&self) -> impl Iterator<Item = Result<QoS, ReasonCode>> {
        self.reasons
            .iter()
            .map(|reason| QoS::try_from(reason.0).map_err(|_| *reason))
    }
}

/// The end of a connection, with its reason (MQTT 5 §3.14); the earlier versions send neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    /// Why the connection ends.
    pub reason: ReasonCode,
    /// Session expiry interval, reason string, server reference and user properties (MQTT 5).
    pub properties: Option<Box<Properties>>,
}

/// A step of enhanced authentication (MQTT 5 §3.15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Success, continue (0x18) or, from the client, re-authenticate (0x19).
    pub reason: ReasonCode,
    /// The method, its data, a reason string and user properties.
    pub properties: Option<Box<Properties>>,
}

/// A packet that a client sends. Sections are MQTT 5's.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// CONNECT (§3.1).
    Connect(Box<Connect>),
    /// PUBLISH (§3.3); `packet_id` is sent where the QoS is 1 or 2.
    Publish(Message),
    /// A PUBLISH whose topic has a number (MQTT 5 §3.3.2.3.4).
    PublishAliased {
        /// The message.
        message: Message,
        /// The number, from 1.
        alias: u16,
        /// The broker knows the number: the topic is left out.
        known: bool,
    },
    /// PUBACK (§3.4).
    PubAck(Ack),
    /// PUBREC (§3.5).
    PubRec(Ack),
    /// PUBREL (§3.6).
    PubRel(Ack),
    /// PUBCOMP (§3.7).
    PubComp(Ack),
    /// SUBSCRIBE (§3.8).
    Subscribe(PacketId, Vec<Subscription>, Option<Box<Properties>>),
    /// UNSUBSCRIBE (§3.10).
    Unsubscribe(PacketId, Vec<TopicFilter>, Option<Box<Properties>>),
    /// PINGREQ (§3.12).
    PingReq,
    /// DISCONNECT (§3.14).
    Disconnect(Disconnect),
    /// AUTH (MQTT 5 §3.15).
    Auth(Auth),
}

/// A packet that a broker sends. Sections are MQTT 5's.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// CONNACK (§3.2).
    ConnAck(ConnAck),
    /// PUBLISH (§3.3).
    Publish(Publish),
    /// The head of a PUBLISH that is too large, before MQTT 5: the bytes that are
    /// [`left`](Oversized::left) are to be dropped before the next packet.
    Oversized(Box<Oversized>),
    /// PUBACK (§3.4).
    PubAck(Ack),
    /// PUBREC (§3.5).
    PubRec(Ack),
    /// PUBREL (§3.6).
    PubRel(Ack),
    /// PUBCOMP (§3.7).
    PubComp(Ack),
    /// SUBACK (§3.9).
    SubAck(SubscribeAck),
    /// UNSUBACK (§3.11).
    UnsubAck(SubscribeAck),
    /// PINGRESP (§3.13).
    PingResp,
    /// DISCONNECT (MQTT 5 §3.14).
    Disconnect(Disconnect),
    /// AUTH (MQTT 5 §3.15).
    Auth(Auth),
}

/// A received PUBLISH: the topic may still be hidden behind an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// `None` where a topic alias stands for it (MQTT 5 §3.3.2.3.4).
    pub topic: Option<TopicName>,
    /// What it carries.
    pub payload: Bytes,
    /// The QoS that it came with.
    pub qos: QoS,
    /// The broker had kept it.
    pub retain: bool,
    /// It may have been sent before.
    pub dup: bool,
    /// The packet id, with QoS 1 and 2.
    pub packet_id: Option<PacketId>,
    /// The properties of a PUBLISH (MQTT 5 §3.3.2.3).
    pub properties: Option<Box<Properties>>,
}

/// Makes bytes of packets and packets of bytes, for one protocol version.
#[derive(Debug, Clone, Copy)]
pub struct Codec {
    protocol: Protocol,
    /// The largest packet taken, in bytes with its fixed header.
    maximum_packet_size: usize,
}

const PUBLISH: u8 = 0x30;
const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBREL: u8 = 0x62;
const PUBCOMP: u8 = 0x70;

impl Codec {
    /// Returns a codec that takes packets of at most `maximum_packet_size` bytes, their fixed headers
    /// included. What it writes it doesn't limit.
    pub fn new(protocol: Protocol, maximum_packet_size: usize) -> Self {
        Self {
            protocol,
            maximum_packet_size,
        }
    }

    /// Appends the packet's bytes to `out`. What the protocol version doesn't know is left out, and of
    /// the properties those that don't belong to the packet.
    pub fn encode(self, packet: &Outgoing, out: &mut BytesMut) {
        match packet {
            Outgoing::Connect(connect) => control::connect(self.protocol, connect, out),
            Outgoing::Publish(message) => self.publish(message, out),
            Outgoing::PublishAliased {
                message,
                alias,
                known,
            } => publish_aliased(message, *alias, *known, out),
            Outgoing::PubAck(ack) => self.ack(PUBACK, ack, out),
            Outgoing::PubRec(ack) => self.ack(PUBREC, ack, out),
            Outgoing::PubRel(ack) => self.ack(PUBREL, ack, out),
            Outgoing::PubComp(ack) => self.ack(PUBCOMP, ack, out),
            Outgoing::Subscribe(id, list, properties) => {
                control::subscribe(self.protocol, *id, list, properties.as_deref(), out);
            }
            Outgoing::Unsubscribe(id, list, properties) => {
                control::unsubscribe(self.protocol, *id, list, properties.as_deref(), out);
            }
            Outgoing::PingReq => out.put_slice(&[0xc0, 0]),
            Outgoing::Disconnect(disconnect) => self.disconnect(disconnect, out),
            Outgoing::Auth(auth) => {
                let properties = auth.properties.as_deref();
                out.put_u8(0xf0);
                wire::put_varint(out, 1 + properties::len(properties, PacketKind::Auth));
                out.put_u8(auth.reason.0);
                properties::put(out, properties, PacketKind::Auth);
            }
        }
    }

    /// Returns how many bytes a PUBLISH of the message takes, its fixed header included.
    pub fn publish_len(self, message: &Message) -> usize {
        let remaining = self.publish_remaining(message);
        1 + wire::varint_len(remaining) + remaining
    }

    /// Returns how many bytes a SUBSCRIBE takes, its fixed header included.
    pub fn subscribe_len(self, list: &[Subscription], properties: Option<&Properties>) -> usize {
        let entries = list.iter().map(|s| s.filter.as_str().len() + 3).sum();
        self.request_len(entries, properties, PacketKind::Subscribe)
    }

    /// Returns how many bytes an UNSUBSCRIBE takes, its fixed header included.
    pub fn unsubscribe_len(
        self,
        filters: &[TopicFilter],
        properties: Option<&Properties>,
    ) -> usize {
        let entries = filters.iter().map(|filter| filter.as_str().len() + 2).sum();
        self.request_len(entries, properties, PacketKind::Unsubscribe)
    }

    fn request_len(
        self,
        entries: usize,
        properties: Option<&Properties>,
        kind: PacketKind,
    ) -> usize {
        let properties = match self.protocol {
            Protocol::V31 | Protocol::V311 => 0,
            Protocol::V5 => properties::len(properties, kind),
        };
        let remaining = 2 + properties + entries;
        1 + wire::varint_len(remaining) + remaining
    }

    fn publish_remaining(self, message: &Message) -> usize {
        let id = if message.qos == QoS::AtMostOnce { 0 } else { 2 };
        let properties = match self.protocol {
            Protocol::V31 | Protocol::V311 => 0,
            Protocol::V5 => properties::len(message.properties.as_deref(), PacketKind::Publish),
        };
        2 + message.topic.as_str().len() + id + properties + message.payload.len()
    }

    fn publish(self, message: &Message, out: &mut BytesMut) {
        let remaining = self.publish_remaining(message);
        out.reserve(5 + remaining);
        out.put_u8(
            PUBLISH
                | (u8::from(message.dup) << 3)
                | ((message.qos as u8) << 1)
                | u8::from(message.retain),
        );
        wire::put_varint(out, remaining);
        wire::put_bytes(out, message.topic.as_str().as_bytes());
        if message.qos != QoS::AtMostOnce {
            out.put_u16(message.packet_id.map_or(0, PacketId::get));
        }
        if self.protocol == Protocol::V5 {
            properties::put(out, message.properties.as_deref(), PacketKind::Publish);
        }
        out.put_slice(&message.payload);
    }

    fn ack(self, first: u8, ack: &Ack, out: &mut BytesMut) {
        let id = ack.id.get().to_be_bytes();
        // Success without properties is two bytes in both protocols (MQTT 5 §3.4.2.1).
        if !self.protocol.is_v5() || (ack.reason == ReasonCode::SUCCESS && ack.properties.is_none())
        {
            out.put_slice(&[first, 2, id[0], id[1]]);
            return;
        }
        let properties = ack.properties.as_deref();
        out.put_u8(first);
        wire::put_varint(out, 3 + properties::len(properties, PacketKind::Ack));
        out.put_slice(&[id[0], id[1], ack.reason.0]);
        properties::put(out, properties, PacketKind::Ack);
    }

    fn disconnect(self, disconnect: &Disconnect, out: &mut BytesMut) {
        let properties = disconnect.properties.as_deref();
        if !self.protocol.is_v5()
            || (disconnect.reason == ReasonCode::SUCCESS && properties.is_none())
        {
            out.put_slice(&[0xe0, 0]);
        } else if properties.is_none() {
            out.put_slice(&[0xe0, 1, disconnect.reason.0]);
        } else {
            out.put_u8(0xe0);
            wire::put_varint(out, 1 + properties::len(properties, PacketKind::Disconnect));
            out.put_u8(disconnect.reason.0);
            properties::put(out, properties, PacketKind::Disconnect);
        }
    }

    /// Takes the first packet from `buffer`, or returns `None` where it is not whole yet. Before MQTT 5 a
    /// PUBLISH that is too large is [`Incoming::Oversized`], as soon as its head is there.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are no packet that a broker may send; the connection can't
    /// be read any further then.
    pub fn decode(self, buffer: &mut BytesMut) -> Result<Option<Incoming>, DecodeError> {
        self.decode_with(buffer, &mut RecentTopics::default())
    }

    /// Takes the first packet from `buffer`; topics that come again are taken from `topics`.
    pub(crate) fn decode_with(
        self,
        buffer: &mut BytesMut,
        topics: &mut RecentTopics,
    ) -> Result<Option<Incoming>, DecodeError> {
        if let Some(first) = buffer.first() {
            self.check_first(*first)?;
        }
        let Some((header, remaining)) = wire::fixed_header(buffer)? else {
            return Ok(None);
        };
        let size = header + remaining;
        if size > self.maximum_packet_size {
            if buffer[0] & 0xf0 == PUBLISH && !self.protocol.is_v5() {
                return self.decode_oversized(header, size, buffer);
            }
            return Err(DecodeError::TooLarge {
                size,
                limit: self.maximum_packet_size,
            });
        }
        if buffer.len() < size {
            // Grows with what arrives, not with what the header promises: a promise costs nothing.
            buffer.reserve((size - buffer.len()).min(64 * 1024));
            return Ok(None);
        }
        let first = buffer[0];
        if first & 0xf0 == PUBLISH {
            return self
                .decode_publish(first, header, size, buffer, topics)
                .map(Some);
        }
        let frame = buffer.split_to(size);
        let body = &frame[header..];
        let packet = match first & 0xf0 {
            0x20 => self.decode_connack(body)?,
            0x40 => Incoming::PubAck(Self::decode_ack(body)?),
            0x50 => Incoming::PubRec(Self::decode_ack(body)?),
            0x60 => Incoming::PubRel(Self::decode_ack(body)?),
            0x70 => Incoming::PubComp(Self::decode_ack(body)?),
            0x90 => Incoming::SubAck(self.decode_suback(body)?),
            0xb0 => Incoming::UnsubAck(self.decode_unsuback(body)?),
            0xd0 if body.is_empty() => Incoming::PingResp,
            0xd0 => return Err(DecodeError::Malformed("PINGRESP with a body")),
            0xe0 => {
                let (reason, properties) = decode_reason(body, PacketKind::Disconnect)?;
                Incoming::Disconnect(Disconnect { reason, properties })
            }
            _ => {
                let (reason, properties) = decode_reason(body, PacketKind::Auth)?;
                Incoming::Auth(Auth { reason, properties })
            }
        };
        Ok(Some(packet))
    }

    /// Checks type and flags, as soon as they are there: the rest may be long in coming.
    fn check_first(self, first: u8) -> Result<(), DecodeError> {
        let flags = first & 0x0f;
        match first & 0xf0 {
            PUBLISH if flags & 6 == 6 => Err(DecodeError::Malformed("PUBLISH with QoS 3")),
            PUBLISH if flags & 0xe == 8 => {
                Err(DecodeError::Malformed("PUBLISH with DUP and QoS 0"))
            }
            PUBLISH => Ok(()),
            0x00 => Err(DecodeError::Malformed("reserved packet type")),
            0xf0 if !self.protocol.is_v5() => Err(DecodeError::Malformed("reserved packet type")),
            0x10 | 0x80 | 0xa0 | 0xc0 => {
                Err(DecodeError::Protocol("a packet that only clients send"))
            }
            0xe0 if !self.protocol.is_v5() => {
                Err(DecodeError::Protocol("a packet that only clients send"))
            }
            // A PUBREL that comes again may say so on MQTT 3.1 (§3.6).
            0x60 if flags == 0xa && self.protocol == Protocol::V31 => Ok(()),
            kind if flags != if kind == 0x60 { 2 } else { 0 } => {
                Err(DecodeError::Malformed("reserved flags are set"))
            }
            _ => Ok(()),
        }
    }

    fn decode_publish(
        self,
        first: u8,
        header: usize,
        size: usize,
        buffer: &mut BytesMut,
        topics: &mut RecentTopics,
    ) -> Result<Incoming, DecodeError> {
        let qos = QoS::try_from((first >> 1) & 3)
            .map_err(|_| DecodeError::Malformed("PUBLISH with QoS 3"))?;
        let mut reader = Reader::new(&buffer[header..size]);
        let topic = reader.bytes()?;
        let topic = if topic.is_empty() && self.protocol == Protocol::V5 {
            None
        } else if let Some(known) = topics.get(topic) {
            Some(known.clone())
        } else {
            let name = TopicName::received(wire::text(topic)?)
                .map_err(|_| DecodeError::Malformed("PUBLISH with an invalid topic name"))?;
            topics.put(&name);
            Some(name)
        };
        let packet_id = match qos {
            QoS::AtMostOnce => None,
            _ => Some(reader.packet_id()?),
        };
        let properties = match self.protocol {
            Protocol::V31 | Protocol::V311 => None,
            Protocol::V5 => properties::read(&mut reader, PacketKind::Publish)?,
        };
        let payload_len = reader.len();
        buffer.advance(size - payload_len);
        let payload = buffer.split_to(payload_len).freeze();
        Ok(Incoming::Publish(Publish {
            topic,
            payload,
            qos,
            retain: first & 1 != 0,
            dup: first & 8 != 0,
            packet_id,
            properties,
        }))
    }

    fn decode_connack(self, body: &[u8]) -> Result<Incoming, DecodeError> {
        let mut reader = Reader::new(body);
        let mut flags = reader.u8()?;
        if self.protocol == Protocol::V31 {
            // Reserved: MQTT 3.1 knows no session-present flag (§3.2).
            flags = 0;
        }
        if flags > 1 {
            return Err(DecodeError::Malformed("CONNACK with reserved flags"));
        }
        let code = ConnectCode(reader.u8()?);
        let properties = match self.protocol {
            // A broker that doesn't speak MQTT 5 refuses it with 3.1.1's CONNACK, and some send
            // theirs without properties.
            _ if reader.is_empty() => None,
            Protocol::V31 | Protocol::V311 => {
                return Err(DecodeError::Malformed("CONNACK is too long"));
            }
            Protocol::V5 => properties::read(&mut reader, PacketKind::ConnAck)?,
        };
        reader.end()?;
        if flags == 1 && !code.is_accepted() {
            return Err(DecodeError::Protocol(
                "CONNACK refuses the connection and claims a session",
            ));
        }
        Ok(Incoming::ConnAck(ConnAck {
            session_present: flags == 1,
            code,
            properties,
        }))
    }

    /// Decodes one of the four. Some brokers send MQTT 5's reason code and properties on 3.1.1 too, as the `mqtt5` crate's with a PUBCOMP for
    /// a packet id that it doesn't know. To close the connection, as 3.1.1 has it (MQTT-4.8.0-1), would have it come
    /// again on each connection; so it is taken for what it says.
    fn decode_ack(body: &[u8]) -> Result<Ack, DecodeError> {
        let mut reader = Reader::new(body);
        let id = reader.packet_id()?;
        let mut ack = Ack::success(id);
        if !reader.is_empty() {
            ack.reason = ReasonCode(reader.u8()?);
            if !reader.is_empty() {
                ack.properties = properties::read(&mut reader, PacketKind::Ack)?;
            }
        }
        reader.end()?;
        Ok(ack)
    }

    fn decode_suback(self, body: &[u8]) -> Result<SubscribeAck, DecodeError> {
        let ack = self.decode_answer(body)?;
        if ack.reasons.is_empty() {
            return Err(DecodeError::Malformed("SUBACK without a code"));
        }
        Ok(ack)
    }

    fn decode_unsuback(self, body: &[u8]) -> Result<SubscribeAck, DecodeError> {
        let ack = self.decode_answer(body)?;
        if ack.reasons.is_empty() == self.protocol.is_v5() {
            return Err(DecodeError::Malformed("UNSUBACK of the wrong length"));
        }
        Ok(ack)
    }

    fn decode_answer(self, body: &[u8]) -> Result<SubscribeAck, DecodeError> {
        let mut reader = Reader::new(body);
        let id = reader.packet_id()?;
        let properties = match self.protocol {
            Protocol::V31 | Protocol::V311 => None,
            Protocol::V5 => properties::read(&mut reader, PacketKind::Ack)?,
        };
        let reasons = reader.take(reader.len())?;
        Ok(SubscribeAck {
            id,
            reasons: reasons.iter().copied().map(ReasonCode).collect(),
            properties,
        })
    }
}

/// A PUBLISH of MQTT 5 with the number of its topic, which is left out where it is known.
fn publish_aliased(message: &Message, alias: u16, known: bool, out: &mut BytesMut) {
    let mut properties = message.properties.as_deref().cloned().unwrap_or_default();
    properties.topic_alias = Some(alias);
    let topic = if known { "" } else { message.topic.as_str() };
    let id = message.packet_id.filter(|_| message.qos != QoS::AtMostOnce);
    let remaining = 2
        + topic.len()
        + 2 * usize::from(id.is_some())
        + properties::len(Some(&properties), PacketKind::Publish)
        + message.payload.len();
    out.reserve(5 + remaining);
    out.put_u8(
        PUBLISH
            | (u8::from(message.dup) << 3)
            | ((message.qos as u8) << 1)
            | u8::from(message.retain),
    );
    wire::put_varint(out, remaining);
    wire::put_bytes(out, topic.as_bytes());
    if let Some(id) = id {
        out.put_u16(id.get());
    }
    properties::put(out, Some(&properties), PacketKind::Publish);
    out.put_slice(&message.payload);
}

/// A reason code and properties, each of which may be left out: DISCONNECT and AUTH.
fn decode_reason(
    body: &[u8],
    kind: PacketKind,
) -> Result<(ReasonCode, Option<Box<Properties>>), DecodeError> {
    let mut reader = Reader::new(body);
    let mut reason = ReasonCode::SUCCESS;
    let mut properties = None;
    if !reader.is_empty() {
        reason = ReasonCode(reader.u8()?);
    }
    if !reader.is_empty() {
        properties = properties::read(&mut reader, kind)?;
    }
    reader.end()?;
    Ok((reason, properties))
}

impl Reader<'_> {
    fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        NonZeroU16::new(self.u16()?)
            .map(PacketId)
            .ok_or(DecodeError::Malformed("packet id 0"))
    }
}

#[cfg(test)]
mod tests;
