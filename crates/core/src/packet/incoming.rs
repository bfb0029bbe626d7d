//! The packets that a broker sends.

use bytes::Bytes;

use super::ack::Ack;
use super::connect::ConnAck;
use super::disconnect::{Auth, Disconnect};
use super::subscription::SubscribeAck;
use crate::message::{PacketId, Properties, QoS};
use crate::topic::TopicName;

/// A packet that a broker sends. Sections are MQTT 5's.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// CONNACK (§3.2).
    ConnAck(ConnAck),
    /// PUBLISH (§3.3).
    Publish(Publish),
    /// The head of a PUBLISH that is too large, before MQTT 5. The bytes that are
    /// [`left`](Oversized::left) must be dropped before the next packet is decoded.
    Oversized(Box<Oversized>),
    /// The head of a PUBLISH whose payload is longer than is held. The bytes that are
    /// [`left`](LongPublish::left) must be given to a [`Skip`](super::Skip) before the next packet
    /// is decoded.
    LongPublish(Box<LongPublish>),
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

/// A received PUBLISH, with the topic alias not yet resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// `None` if a topic alias replaces it (MQTT 5 §3.3.2.3.4).
    pub topic: Option<TopicName>,
    /// The payload.
    pub payload: Bytes,
    /// The QoS that it came with.
    pub qos: QoS,
    /// The broker had retained it.
    pub retain: bool,
    /// It may have been sent before.
    pub dup: bool,
    /// The packet identifier, with QoS 1 and 2.
    pub packet_id: Option<PacketId>,
    /// The properties of a PUBLISH (MQTT 5 §3.3.2.3).
    pub properties: Option<Box<Properties>>,
}

/// The head of a PUBLISH that is larger than the client accepts, before MQTT 5.
///
/// No broker can be told the limit then, and one that keeps the session would send the message
/// again for ever. So the message is acknowledged, and its payload dropped as it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oversized {
    /// The message without its payload.
    pub publish: Publish,
    /// The packet's size in bytes, with its fixed header.
    pub size: usize,
    /// The limit in bytes, [`maximum_packet_size`](crate::ClientConfig::maximum_packet_size).
    pub limit: usize,
    /// How many bytes of the payload have not arrived yet. They must be dropped.
    pub left: usize,
}

/// A PUBLISH whose payload is longer than is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongPublish {
    /// The message with the first bytes of its payload.
    pub publish: Publish,
    /// The length of the whole payload in bytes.
    pub length: usize,
    /// The longest payload that is held, in bytes.
    pub limit: usize,
    /// How many bytes of the payload have not arrived yet.
    pub left: usize,
    /// As [`Message::fingerprint`](crate::Message::fingerprint) of the whole message, once nothing
    /// is left.
    pub fingerprint: u64,
    /// The hash of the whole payload, once nothing is left, if one was asked for.
    pub hash: Option<Vec<u8>>,
}
