//! CONNACK, the four acknowledgements, SUBACK and UNSUBACK from their bytes.

use crate::packet::ack::Ack;
use crate::packet::codec::Codec;
use crate::packet::connect::ConnAck;
use crate::packet::error::DecodeError;
use crate::packet::incoming::Incoming;
use crate::packet::properties::{self, PacketKind};
use crate::packet::subscription::SubscribeAck;
use crate::packet::wire::Reader;
use crate::protocol::Protocol;
use crate::reason::{ConnectCode, ReasonCode};

impl Codec {
    pub(super) fn decode_connack(self, body: &[u8]) -> Result<Incoming, DecodeError> {
        let mut reader = Reader::new(body);
        let mut flags = reader.u8()?;
        if self.protocol == Protocol::V31 {
            // Reserved: MQTT 3.1 has no session-present flag (§3.2).
            flags = 0;
        }
        if flags > 1 {
            return Err(DecodeError::Malformed("CONNACK with reserved flags"));
        }
        let code = ConnectCode(reader.u8()?);
        let properties = match self.protocol {
            // A broker without MQTT 5 refuses it with 3.1.1's CONNACK, and some MQTT 5 brokers send
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

    /// Decodes one of the four acknowledgements. Some brokers send MQTT 5's reason code and
    /// properties on 3.1.1 too; the `mqtt5` crate's does in the PUBCOMP for an unknown packet
    /// identifier. If the client closed the connection, as 3.1.1 demands [MQTT-4.8.0-1], the packet
    /// would arrive again on each connection; so it is accepted.
    pub(super) fn decode_ack(body: &[u8]) -> Result<Ack, DecodeError> {
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

    pub(super) fn decode_suback(self, body: &[u8]) -> Result<SubscribeAck, DecodeError> {
        let ack = self.decode_answer(body)?;
        if ack.reasons.is_empty() {
            return Err(DecodeError::Malformed("SUBACK without a code"));
        }
        Ok(ack)
    }

    pub(super) fn decode_unsuback(self, body: &[u8]) -> Result<SubscribeAck, DecodeError> {
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
