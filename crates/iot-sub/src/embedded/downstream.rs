//! From the broker to a client: every packet is passed on, but for acknowledgements that wait for the disk, and for what a
//! slow client leaves no room for.

use bytes::{Buf, Bytes, BytesMut};
use iot_core::Protocol;
use iot_core::packet::packet_size;

use super::fault::Fault;
use super::upstream::{Upstream, packet_id, reason};
use crate::acknowledge::{ClientAcks, PUBACK, PUBREC};

/// Bytes that wait for one client, at most: beyond it QoS 0 is dropped, and everything else is left to the broker.
const LIMIT: usize = 16 << 20;

/// What the broker sends, on its way.
#[derive(Debug, Default)]
pub(super) struct Downstream {
    /// Read from the broker.
    pub(super) buffer: BytesMut,
    /// To be written to the client.
    pub(super) to_client: BytesMut,
    /// A CONNACK, which nothing passes.
    connack: Option<BytesMut>,
    /// The next packet is not passed on before the client has read more.
    pub(super) is_blocked: bool,
    /// Messages with QoS 0 that there was no room for.
    pub(super) dropped: u64,
}

impl Downstream {
    /// Takes all whole packets that can be passed on.
    pub(super) fn take_packets(
        &mut self,
        protocol: Option<Protocol>,
        acks: &ClientAcks,
        upstream: &mut Upstream,
    ) -> Result<(), Fault> {
        self.is_blocked = false;
        while self.connack.is_none() {
            let Some(size) = packet_size(&self.buffer)? else {
                break;
            };
            if self.buffer.len() < size {
                self.buffer
                    .reserve((size - self.buffer.len()).min(64 * 1024));
                break;
            }
            match self.buffer[0] & 0xf0 {
                0x20 => self.connack = Some(self.buffer.split_to(size)),
                0x30 => {
                    if self.to_client.len() + size > LIMIT && !self.to_client.is_empty() {
                        if self.buffer[0] & 0x06 != 0 {
                            self.is_blocked = true;
                            break;
                        }
                        self.dropped += 1;
                        self.buffer.advance(size);
                    } else {
                        self.pass(size);
                    }
                }
                kind @ (PUBACK | PUBREC) => self.answer(kind, size, protocol, acks, upstream),
                0x70 => self.complete(size, protocol, upstream),
                0xd0 if upstream.pings.pop_front() == Some(true) => self.buffer.advance(size),
                // Only MQTT 5 has one from the broker; it closes the connection as well.
                0xe0 if protocol != Some(Protocol::V5) => self.buffer.advance(size),
                _ => self.pass(size),
            }
        }
        Ok(())
    }

    fn pass(&mut self, size: usize) {
        let packet = self.buffer.split_to(size);
        self.to_client.extend_from_slice(&packet);
    }

    /// A PUBACK or PUBREC: it is sent once the message is on disk.
    fn answer(
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
        // Before MQTT 5 there is no way to refuse.
        let (reason, packet) = if is_v5 {
            (reason(&packet), packet)
        } else {
            (0, Bytes::new())
        };
        if kind == PUBREC && reason >= 0x80 {
            upstream.refused(id);
        }
        acks.answer(kind, id, reason, packet);
    }

    /// A PUBCOMP. The broker forgets in a crash what the gateway has on disk.
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

    /// Returns the CONNACK, if it has come and was not taken.
    pub(super) fn take_connack(&mut self) -> Option<BytesMut> {
        self.connack.take()
    }

    /// Gives unused memory back.
    pub(super) fn shrink(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > 0 {
            self.buffer = BytesMut::new();
        }
        if self.to_client.is_empty() && self.to_client.capacity() > 0 {
            self.to_client = BytesMut::new();
        }
    }
}
