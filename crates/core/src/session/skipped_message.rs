//! A message whose payload was too long to be held.

use super::tokens::AckToken;
use crate::message::Message;

/// A message whose payload was longer than
/// [`payload_limit`](crate::ClientConfig::payload_limit).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedMessage {
    /// The message with the first bytes of its payload.
    pub message: Message,
    /// What [`Session::ack`](super::Session::ack) takes, as for any other message.
    pub token: Option<AckToken>,
    /// The length of the whole payload in bytes.
    pub length: usize,
    /// The limit in bytes.
    pub limit: usize,
    /// The [`fingerprint`](Message::fingerprint) of the whole message.
    pub fingerprint: u64,
    /// The hash of the whole payload, if one was asked for.
    pub hash: Option<Vec<u8>>,
}
