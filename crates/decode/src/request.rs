//! What a decoder asks of the program that called it, beside storing readings.

use bytes::Bytes;

/// What a decoder asks for. The program that called it may refuse: nothing that is asked for is
/// needed to decode the next message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Publish this message with QoS 0, not retained. The decoder limits how often it asks.
    Publish {
        /// A topic name, without wildcards.
        topic: String,
        /// The whole payload.
        payload: Bytes,
    },
    /// Subscribe to this topic filter, if it is not subscribed to yet.
    Subscribe {
        /// A topic filter.
        filter: String,
    },
}
