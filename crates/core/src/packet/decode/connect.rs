//! CONNECT as a broker reads it (§3.1). Everything else that clients send has the form of what
//! brokers send, or is of no concern to a program between the two.

use bytes::Bytes;

use crate::message::QoS;
use crate::packet::connect::Connect;
use crate::packet::error::DecodeError;
use crate::packet::properties::{self, PacketKind};
use crate::packet::wire::{self, Reader};
use crate::protocol::Protocol;
use crate::topic::TopicName;
use crate::will::Will;

/// Returns the protocol version and the content of a CONNECT; `packet` is the whole packet. A
/// password that is not UTF-8 is replaced by one with replacement characters.
///
/// # Errors
/// [`DecodeError`] where the bytes are no CONNECT of MQTT 3.1, 3.1.1 or 5.
pub fn decode_connect(packet: &[u8]) -> Result<(Protocol, Connect), DecodeError> {
    if packet.first() != Some(&0x10) {
        return Err(DecodeError::Protocol("the first packet is not a CONNECT"));
    }
    let Some((header, remaining)) = wire::fixed_header(packet)? else {
        return Err(DecodeError::Malformed("CONNECT without a length"));
    };
    let mut reader = Reader::new(&packet[header..]);
    let mut reader = Reader::new(reader.take(remaining)?);
    let protocol = match (reader.str()?, reader.u8()?) {
        ("MQIsdp", 3) => Protocol::V31,
        ("MQTT", 4) => Protocol::V311,
        ("MQTT", 5) => Protocol::V5,
        _ => return Err(DecodeError::Protocol("an unknown protocol version")),
    };
    let flags = reader.u8()?;
    if flags & 1 != 0 {
        return Err(DecodeError::Malformed("CONNECT with a reserved flag"));
    }
    let keep_alive = reader.u16()?;
    let properties = match protocol {
        Protocol::V5 => properties::read(&mut reader, PacketKind::Connect)?,
        Protocol::V31 | Protocol::V311 => None,
    };
    let client_id = reader.str()?.to_owned();
    let will = match flags & 0x04 {
        0 if flags & 0x38 != 0 => {
            return Err(DecodeError::Malformed("CONNECT with flags of no will"));
        }
        0 => None,
        _ => Some(will(protocol, flags, &mut reader)?),
    };
    let username = match flags & 0x80 {
        0 => None,
        _ => Some(reader.str()?.to_owned()),
    };
    let password = match flags & 0x40 {
        0 => None,
        _ => Some(String::from_utf8_lossy(reader.bytes()?).into_owned()),
    };
    reader.end()?;
    let connect = Connect {
        client_id,
        clean_start: flags & 0x02 != 0,
        keep_alive,
        username,
        password,
        will,
        properties: properties.map(|properties| *properties).unwrap_or_default(),
    };
    Ok((protocol, connect))
}

fn will(protocol: Protocol, flags: u8, reader: &mut Reader<'_>) -> Result<Will, DecodeError> {
    let qos = QoS::try_from((flags >> 3) & 3)
        .map_err(|_| DecodeError::Malformed("CONNECT with will QoS 3"))?;
    let properties = match protocol {
        Protocol::V5 => properties::read(reader, PacketKind::Will)?,
        Protocol::V31 | Protocol::V311 => None,
    };
    let topic = TopicName::received(reader.str()?)
        .map_err(|_| DecodeError::Malformed("CONNECT with an invalid will topic"))?;
    let payload = Bytes::copy_from_slice(reader.bytes()?);
    Ok(Will {
        topic,
        payload,
        qos,
        retain: flags & 0x20 != 0,
        properties: properties.map(|properties| *properties),
    })
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::message::Properties;
    use crate::packet::{Codec, Outgoing};

    #[track_caller]
    fn case(protocol: Protocol, connect: &Connect) {
        let mut bytes = BytesMut::new();
        Codec::new(protocol, usize::MAX)
            .encode(&Outgoing::Connect(Box::new(connect.clone())), &mut bytes);
        assert_eq!(decode_connect(&bytes), Ok((protocol, connect.clone())));
        for end in 0..bytes.len() {
            assert!(decode_connect(&bytes[..end]).is_err(), "{end} bytes");
        }
    }

    #[test]
    fn what_a_client_sends_is_read() {
        let plain = Connect {
            client_id: "greenhouse".into(),
            clean_start: true,
            keep_alive: 60,
            username: None,
            password: None,
            will: None,
            properties: Properties::default(),
        };
        for protocol in [Protocol::V31, Protocol::V311, Protocol::V5] {
            case(protocol, &plain);
        }
        let will = Will {
            topic: TopicName::new("iot/gone").unwrap(),
            payload: "1".into(),
            qos: QoS::ExactlyOnce,
            retain: true,
            properties: None,
        };
        let full = Connect {
            clean_start: false,
            username: Some("user".into()),
            password: Some("secret".into()),
            will: Some(will.clone()),
            ..plain
        };
        case(Protocol::V311, &full);
        let properties = Properties {
            session_expiry_interval: Some(3_600),
            ..Properties::default()
        };
        let will = Will {
            properties: Some(Properties {
                will_delay_interval: Some(5),
                ..Properties::default()
            }),
            ..will
        };
        let full = Connect {
            will: Some(will),
            properties,
            ..full
        };
        case(Protocol::V5, &full);
    }

    #[test]
    fn what_is_no_connect_is_refused() {
        for bytes in [
            &b"\x30\x00"[..],
            b"\x10\x0c\x00\x04MQTT\x06\x02\x00\x00\x00\x00",
            b"\x10\x0c\x00\x04MQTT\x04\x03\x00\x00\x00\x00",
            b"\x10\x0c\x00\x04MQTT\x04\x0a\x00\x00\x00\x00",
            b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x00x",
        ] {
            assert!(decode_connect(bytes).is_err(), "{bytes:?}");
        }
    }
}
