//! A packet at which the broker closes the connection.

use crate::message::PacketId;
use crate::topic::{TopicFilter, TopicName};

/// A packet at which the broker closes the connection each time it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedPacket {
    /// A message with QoS 1 or 2. [`Session::discard`](super::Session::discard) drops it.
    Publish {
        /// Its packet identifier.
        id: PacketId,
        /// Its topic.
        topic: TopicName,
        /// The bytes of its PUBLISH.
        size: usize,
    },
    /// A SUBSCRIBE with these filters.
    Subscribe(Vec<TopicFilter>),
    /// An UNSUBSCRIBE with these filters.
    Unsubscribe(Vec<TopicFilter>),
}
