//! MQTT 5 properties to bytes and back (§2.2.2), and which property belongs to which packet.

use bytes::{BufMut, Bytes, BytesMut};

use super::error::DecodeError;
use super::wire::{self, Reader};
use crate::message::Properties;

/// The packet that the properties belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PacketKind {
    Connect,
    Will,
    Publish,
    Subscribe,
    Unsubscribe,
    ConnAck,
    /// The four acknowledgements, SUBACK and UNSUBACK.
    Ack,
    Disconnect,
    Auth,
}

impl PacketKind {
    /// Whether this packet may have the property (the table of §2.2.2.2).
    fn allows(self, id: u8) -> bool {
        match self {
            Self::Connect => matches!(
                id,
                0x11 | 0x15 | 0x16 | 0x17 | 0x19 | 0x21 | 0x22 | 0x26 | 0x27
            ),
            Self::Will => matches!(id, 0x01 | 0x02 | 0x03 | 0x08 | 0x09 | 0x18 | 0x26),
            Self::Subscribe => matches!(id, 0x0b | 0x26),
            Self::Unsubscribe => id == 0x26,
            Self::Publish => matches!(id, 0x01 | 0x02 | 0x03 | 0x08 | 0x09 | 0x0b | 0x23 | 0x26),
            Self::ConnAck => matches!(
                id,
                0x11..=0x13 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f | 0x21 | 0x22 | 0x24..=0x2a
            ),
            Self::Ack => matches!(id, 0x1f | 0x26),
            Self::Disconnect => matches!(id, 0x11 | 0x1c | 0x1f | 0x26),
            Self::Auth => matches!(id, 0x15 | 0x16 | 0x1f | 0x26),
        }
    }
}

/// How many bytes the properties take, including their length.
pub(super) fn len(properties: Option<&Properties>, kind: PacketKind) -> usize {
    match properties {
        None => 1,
        Some(properties) => {
            let mut counter = BytesMut::new();
            put_fields(&mut counter, properties, kind);
            wire::varint_len(counter.len()) + counter.len()
        }
    }
}

/// Appends the length and the properties that belong to the packet.
pub(super) fn put(out: &mut BytesMut, properties: Option<&Properties>, kind: PacketKind) {
    match properties {
        None => out.put_u8(0),
        Some(properties) => {
            let mut fields = BytesMut::new();
            put_fields(&mut fields, properties, kind);
            wire::put_varint(out, fields.len());
            out.put_slice(&fields);
        }
    }
}

/// The properties that a client sends, in the order in which they are sent.
const SENT: [u8; 18] = [
    0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x11, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1c, 0x1f, 0x21, 0x22,
    0x23, 0x27,
];

const USER_PROPERTY: u8 = 0x26;

/// Appends the properties: those of the given order first, then the others.
fn put_fields(out: &mut BytesMut, properties: &Properties, kind: PacketKind) {
    let mut user_properties = properties.user_properties.iter();
    let mut put = 0u64;
    for id in &properties.order {
        if *id == USER_PROPERTY {
            put_user_properties(out, user_properties.next(), kind);
        } else if let Some(bit) = 1u64.checked_shl(u32::from(*id))
            && put & bit == 0
        {
            put |= bit;
            put_field(out, properties, kind, *id);
        }
    }
    for id in SENT.into_iter().filter(|id| put & (1 << id) == 0) {
        if id == 0x27 {
            put_user_properties(out, user_properties.by_ref(), kind);
        }
        put_field(out, properties, kind, id);
    }
    put_user_properties(out, user_properties, kind);
}

fn put_user_properties<'a>(
    out: &mut BytesMut,
    pairs: impl IntoIterator<Item = &'a (String, String)>,
    kind: PacketKind,
) {
    if !kind.allows(USER_PROPERTY) {
        return;
    }
    for (name, value) in pairs {
        out.put_u8(USER_PROPERTY);
        wire::put_bytes(out, name.as_bytes());
        wire::put_bytes(out, value.as_bytes());
    }
}

/// Appends the property with this identifier, if it has a value and the packet may have it.
fn put_field(out: &mut BytesMut, properties: &Properties, kind: PacketKind, id: u8) {
    if !kind.allows(id) {
        return;
    }
    let byte = |out: &mut BytesMut, value: Option<u8>| {
        if let Some(value) = value {
            out.put_slice(&[id, value]);
        }
    };
    let short = |out: &mut BytesMut, value: Option<u16>| {
        if let Some(value) = value {
            out.put_u8(id);
            out.put_u16(value);
        }
    };
    let long = |out: &mut BytesMut, value: Option<u32>| {
        if let Some(value) = value {
            out.put_u8(id);
            out.put_u32(value);
        }
    };
    let bytes = |out: &mut BytesMut, value: Option<&[u8]>| {
        if let Some(value) = value {
            out.put_u8(id);
            wire::put_bytes(out, value);
        }
    };
    let text = |out: &mut BytesMut, value: &Option<String>| {
        bytes(out, value.as_ref().map(String::as_bytes));
    };
    let p = properties;
    match id {
        0x01 => byte(out, p.payload_format_indicator),
        0x02 => long(out, p.message_expiry_interval),
        0x03 => text(out, &p.content_type),
        0x08 => text(out, &p.response_topic),
        0x09 => bytes(out, p.correlation_data.as_deref()),
        // Only brokers send subscription identifiers in a PUBLISH [MQTT-3.3.4-6].
        0x0b if kind == PacketKind::Subscribe => {
            if let Some(identifier) = p.subscription_identifiers.first() {
                out.put_u8(id);
                wire::put_varint(out, *identifier as usize);
            }
        }
        0x11 => long(out, p.session_expiry_interval),
        0x15 => text(out, &p.authentication_method),
        0x16 => bytes(out, p.authentication_data.as_deref()),
        0x17 => byte(out, p.request_problem_information),
        0x18 => long(out, p.will_delay_interval),
        0x19 => byte(out, p.request_response_information),
        0x1c => text(out, &p.server_reference),
        0x1f => text(out, &p.reason_string),
        0x21 => short(out, p.receive_maximum),
        0x22 => short(out, p.topic_alias_maximum),
        0x23 => short(out, p.topic_alias),
        0x27 => long(out, p.maximum_packet_size),
        _ => {}
    }
}

/// Reads the properties of a packet; `None` if there are none.
pub(super) fn read(
    reader: &mut Reader<'_>,
    kind: PacketKind,
) -> Result<Option<Box<Properties>>, DecodeError> {
    let len = reader.varint()?;
    if len == 0 {
        return Ok(None);
    }
    let mut reader = Reader::new(reader.take(len)?);
    let mut properties = Box::<Properties>::default();
    let p = &mut *properties;
    while !reader.is_empty() {
        let id = reader.u8()?;
        if !kind.allows(id) {
            return Err(DecodeError::Malformed(
                "a property that doesn't belong to the packet",
            ));
        }
        match id {
            0x01 => once(&mut p.payload_format_indicator, flag(&mut reader)?)?,
            0x02 => once(&mut p.message_expiry_interval, reader.u32()?)?,
            0x03 => once(&mut p.content_type, reader.str()?.into())?,
            0x08 => once(&mut p.response_topic, reader.str()?.into())?,
            0x09 => once(&mut p.correlation_data, binary(&mut reader)?)?,
            0x0b => match u32::try_from(reader.varint()?) {
                Ok(0) | Err(_) => {
                    return Err(DecodeError::Protocol("subscription identifier 0"));
                }
                Ok(identifier) => p.subscription_identifiers.push(identifier),
            },
            0x11 => once(&mut p.session_expiry_interval, reader.u32()?)?,
            0x12 => once(&mut p.assigned_client_identifier, reader.str()?.into())?,
            0x13 => once(&mut p.server_keep_alive, reader.u16()?)?,
            0x15 => once(&mut p.authentication_method, reader.str()?.into())?,
            0x16 => once(&mut p.authentication_data, binary(&mut reader)?)?,
            0x17 => once(&mut p.request_problem_information, flag(&mut reader)?)?,
            0x18 => once(&mut p.will_delay_interval, reader.u32()?)?,
            0x19 => once(&mut p.request_response_information, flag(&mut reader)?)?,
            0x1a => once(&mut p.response_information, reader.str()?.into())?,
            0x1c => once(&mut p.server_reference, reader.str()?.into())?,
            0x1f => once(&mut p.reason_string, reader.str()?.into())?,
            0x21 => match reader.u16()? {
                0 => return Err(DecodeError::Protocol("receive maximum 0")),
                value => once(&mut p.receive_maximum, value)?,
            },
            0x22 => once(&mut p.topic_alias_maximum, reader.u16()?)?,
            0x23 => match reader.u16()? {
                0 => return Err(DecodeError::Protocol("topic alias 0")),
                value => once(&mut p.topic_alias, value)?,
            },
            0x24 => once(&mut p.maximum_qos, flag(&mut reader)?)?,
            0x25 => once(&mut p.retain_available, flag(&mut reader)?)?,
            0x26 => {
                let name = reader.str()?.into();
                p.user_properties.push((name, reader.str()?.into()));
            }
            0x27 => match reader.u32()? {
                0 => return Err(DecodeError::Protocol("maximum packet size 0")),
                value => once(&mut p.maximum_packet_size, value)?,
            },
            0x28 => once(&mut p.wildcard_subscription_available, flag(&mut reader)?)?,
            0x29 => once(&mut p.subscription_identifier_available, flag(&mut reader)?)?,
            0x2a => once(&mut p.shared_subscription_available, flag(&mut reader)?)?,
            _ => return Err(DecodeError::Malformed("unknown property")),
        }
    }
    Ok(Some(properties))
}

/// Sets a property that may appear only once.
fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), DecodeError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(DecodeError::Protocol("a property occurs twice")),
    }
}

fn flag(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    match reader.u8()? {
        value @ (0 | 1) => Ok(value),
        _ => Err(DecodeError::Protocol("a property that is neither 0 nor 1")),
    }
}

fn binary(reader: &mut Reader<'_>) -> Result<Bytes, DecodeError> {
    reader.bytes().map(Bytes::copy_from_slice)
}
