//! From the broker to a client. Every packet is forwarded, except acknowledgements that wait for
//! the disk and messages for which a slow client leaves no space in the buffer.

use bytes::{Buf, Bytes, BytesMut};
use iot_core::Protocol;
use iot_core::packet::packet_size;

use super::budget::FREE;
use super::fault::Fault;
use super::raw_packet::{packet_id, reason};
use super::upstream::Upstream;
use crate::acknowledge::{ClientAcks, PUBACK, PUBREC};

/// Limit of the bytes that wait for one client. Beyond it messages with QoS 0 are dropped, and
/// everything else stays in the broker.
const LIMIT: usize = 16 << 20;
/// A larger PUBLISH is forwarded while it arrives.
const LARGE: usize = 64 * 1024;

/// Packets from the broker that the client has not received yet.
#[derive(Debug, Default)]
pub(super) struct Downstream {
    /// Read from the broker.
    pub(super) buffer: BytesMut,
    /// To be written to the client.
    pub(super) to_client: BytesMut,
    /// A CONNACK. Later packets wait until it is taken.
    connack: Option<BytesMut>,
    /// The next packet is forwarded when the client has read more.
    pub(super) is_blocked: bool,
    /// Messages with QoS 0 that were dropped.
    pub(super) dropped: u64,
    /// Messages with QoS 1 or 2 that the client has not acknowledged.
    pub(super) unacknowledged: usize,
    /// The rest of a large PUBLISH.
    rest: Option<Rest>,
}

/// The rest of a packet that is on its way.
#[derive(Debug)]
struct Rest {
    bytes: usize,
    is_dropped: bool,
}

impl Downstream {
    /// Forwards all packets that can be forwarded. If memory is scarce, little waits for the
    /// client.
    pub(super) fn forward_packets(
        &mut self,
        protocol: Option<Protocol>,
        is_scarce: bool,
        acks: &ClientAcks,
        upstream: &mut Upstream,
    ) -> Result<(), Fault> {
        self.is_blocked = false;
        let limit = if is_scarce { FREE } else { LIMIT };
        while self.connack.is_none() {
            if !self.forward_rest(limit) {
                break;
            }
            let Some(size) = packet_size(&self.buffer)? else {
                break;
            };
            if self.buffer[0] & 0xf0 == 0x30 && (size > LARGE || self.buffer.len() >= size) {
                if !self.publish(size, limit) {
                    break;
                }
                continue;
            }
            if self.buffer.len() < size {
                self.buffer
                    .reserve((size - self.buffer.len()).min(64 * 1024));
                break;
            }
            match self.buffer[0] & 0xf0 {
                0x20 => self.connack = Some(self.buffer.split_to(size)),
                kind @ (PUBACK | PUBREC) => self.acknowledge(kind, size, protocol, acks, upstream),
                0x70 => self.complete(size, protocol, upstream),
                0xd0 if upstream.pings.pop_front() == Some(true) => self.buffer.advance(size),
                // Before MQTT 5 a broker sends no DISCONNECT; it only closes the connection.
                0xe0 if protocol != Some(Protocol::V5) => self.buffer.advance(size),
                _ => self.forward(size),
            }
        }
        Ok(())
    }

    /// Begins a PUBLISH. Returns `false` if there is no space for it.
    fn publish(&mut self, size: usize, limit: usize) -> bool {
        let has_qos_0 = self.buffer[0] & 0x06 == 0;
        let is_full = self.to_client.len() + size > limit && !self.to_client.is_empty();
        if is_full && !has_qos_0 {
            self.is_blocked = true;
            return false;
        }
        self.dropped += u64::from(is_full);
        self.unacknowledged += usize::from(!has_qos_0);
        self.rest = Some(Rest {
            bytes: size,
            is_dropped: is_full,
        });
        true
    }

    /// Forwards the rest of a PUBLISH. Returns whether it is complete.
    fn forward_rest(&mut self, limit: usize) -> bool {
        let Some(rest) = &mut self.rest else {
            return true;
        };
        let here = rest.bytes.min(self.buffer.len());
        let space = if rest.is_dropped {
            here
        } else {
            limit.saturating_sub(self.to_client.len()).min(here)
        };
        if !rest.is_dropped {
            self.to_client.extend_from_slice(&self.buffer[..space]);
        }
        self.buffer.advance(space);
        rest.bytes -= space;
        self.is_blocked = space < here;
        if rest.bytes > 0 {
            return false;
        }
        self.rest = None;
        true
    }

    /// Whether the client waits for the rest of a packet.
    pub(super) fn is_within_packet(&self) -> bool {
        self.rest.is_some()
    }

    fn forward(&mut self, size: usize) {
        let packet = self.buffer.split_to(size);
        self.to_client.extend_from_slice(&packet);
    }

    /// Handles a PUBACK or PUBREC: it is sent when the message is on disk.
    fn acknowledge(
        &mut self,
        kind: u8,
        size: usize,
        protocol: Option<Protocol>,
        acks: &ClientAcks,
        upstream: &mut Upstream,
    ) {
        let packet = self.buffer.split_to(size).freeze();
        let Some(id) = packet_id(&packet) else {
            return;
        };
        let is_v5 = protocol == Some(Protocol::V5);
        // Before MQTT 5 an acknowledgement has no reason code.
        let (reason, packet) = if is_v5 {
            (reason(&packet), packet)
        } else {
            (0, Bytes::new())
        };
        if kind == PUBREC && reason >= 0x80 {
            upstream.refused(id);
        }
        acks.broker_acknowledged(kind, id, reason, packet);
    }

    /// Handles a PUBCOMP. After a crash the broker no longer knows packet identifiers that the
    /// gateway has on disk, and answers with an error, which the client does not get.
    fn complete(&mut self, size: usize, protocol: Option<Protocol>, upstream: &mut Upstream) {
        let packet = self.buffer.split_to(size);
        let Some(id) = packet_id(&packet) else {
            return;
        };
        let was_held = upstream.completed(id);
        if protocol != Some(Protocol::V5) || (was_held && reason(&packet) != 0) {
            let id = id.get().to_be_bytes();
            self.to_client.extend_from_slice(&[0x70, 2, id[0], id[1]]);
        } else {
            self.to_client.extend_from_slice(&packet);
        }
    }

    /// Returns the CONNACK, if it has arrived and was not taken.
    pub(super) fn take_connack(&mut self) -> Option<BytesMut> {
        self.connack.take()
    }

    /// Frees unused memory.
    pub(super) fn shrink(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > 0 {
            self.buffer = BytesMut::new();
        }
        if self.to_client.is_empty() && self.to_client.capacity() > 0 {
            self.to_client = BytesMut::new();
        }
    }
}
