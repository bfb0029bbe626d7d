//! Packets as bytes that are to be written.

use std::time::Instant;

use bytes::BytesMut;

use crate::message::{PacketId, QoS};
use crate::packet::Outgoing;
use crate::session::Session;

/// Bytes that are encoded at a time.
pub(super) const WRITE_CHUNK: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Encoded {
    pub(super) bytes: BytesMut,
    /// Ids of the QoS 0 messages in it whose end is reported.
    tracked: Vec<PacketId>,
}

impl Encoded {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Encodes what the session has to send, up to a chunk.
    pub(super) fn fill(&mut self, session: &mut Session, now: Instant) {
        let codec = session.codec();
        while self.bytes.len() < WRITE_CHUNK
            && let Some(packet) = session.poll_transmit(now)
        {
            codec.encode(&packet, &mut self.bytes);
            if let Outgoing::Publish(message) | Outgoing::PublishAliased { message, .. } = packet
                && message.qos == QoS::AtMostOnce
            {
                self.tracked.extend(message.packet_id);
            }
        }
    }

    /// Adds what is to follow.
    pub(super) fn append(&mut self, mut next: Self) {
        if self.bytes.is_empty() {
            self.bytes = next.bytes;
        } else {
            self.bytes.extend_from_slice(&next.bytes);
        }
        self.tracked.append(&mut next.tracked);
    }

    /// Returns whether [`written`](Self::written) has something to report.
    pub(super) fn has_tracked(&self) -> bool {
        !self.tracked.is_empty()
    }

    /// Reports to the session that all is written.
    pub(super) fn written(&mut self, session: &mut Session) {
        for id in self.tracked.drain(..) {
            session.sent(id);
        }
    }
}
