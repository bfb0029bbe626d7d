//! The packets that a client sends.

use super::ack::Ack;
use super::connect::Connect;
use super::disconnect::{Auth, Disconnect};
use super::subscription::Subscription;
use crate::message::{Message, PacketId, Properties};
use crate::topic::TopicFilter;

/// A packet that a client sends. Sections are MQTT 5's.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// CONNECT (§3.1).
    Connect(Box<Connect>),
    /// PUBLISH (§3.3); `packet_id` is sent if the QoS is 1 or 2.
    Publish(Message),
    /// A PUBLISH with a topic alias (MQTT 5 §3.3.2.3.4).
    PublishAliased {
        /// The message.
        message: Message,
        /// The alias, from 1.
        alias: u16,
        /// The broker knows the alias: the topic is left out.
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
