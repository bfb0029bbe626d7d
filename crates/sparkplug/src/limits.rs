//! Reads payloads from strangers within limits: two bytes can become a structure of a hundred, and
//! templates can hold templates without end.

use prost::Message as _;

use crate::payload::Payload;

/// Most fields in one payload, on all levels together. One takes up to 200 bytes of memory.
pub const PART_LIMIT: usize = 300_000;

/// Deepest nesting of templates and properties.
pub const DEPTH_LIMIT: usize = 50;

/// Why a payload was not read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// It is not protobuf, or not this message.
    #[error("not the expected protobuf message: {0}")]
    Malformed(String),
    /// It has more parts than [`PART_LIMIT`].
    #[error("more than {PART_LIMIT} fields")]
    TooManyParts,
    /// It is nested deeper than [`DEPTH_LIMIT`].
    #[error("nested deeper than {DEPTH_LIMIT} levels")]
    TooDeep,
}

/// Reads a payload.
///
/// # Errors
/// It is not a Sparkplug payload, or exceeds a limit.
pub fn read_payload(bytes: &[u8]) -> Result<Payload, ReadError> {
    let mut parts = PART_LIMIT;
    check_parts(bytes, &Part::Payload, DEPTH_LIMIT, &mut parts)?;
    Payload::decode(bytes).map_err(|error| ReadError::Malformed(error.to_string()))
}

/// What a message of some protobuf schema may hold.
pub trait Schema: Sized {
    /// Returns what the field with this number holds.
    fn field(&self, number: u64) -> Field<Self>;
}

/// What a field holds.
#[derive(Debug)]
pub enum Field<S> {
    /// A number, a text, bytes, or anything that is skipped.
    Leaf,
    /// A message.
    Message(S),
    /// Numbers, each of at least so many bytes, if they are packed into one field.
    Numbers(usize),
}

/// Takes the fields of a message, on all levels, from the `parts` that may be read. `depth` is how
/// many levels there may be.
///
/// # Errors
/// There are more, or the bytes are not protobuf.
pub fn check_parts(
    mut bytes: &[u8],
    schema: &impl Schema,
    depth: usize,
    parts: &mut usize,
) -> Result<(), ReadError> {
    let depth = depth.checked_sub(1).ok_or(ReadError::TooDeep)?;
    let cut = || ReadError::Malformed("it ends within a field".into());
    let take = |parts: &mut usize, count| {
        *parts = parts.checked_sub(count).ok_or(ReadError::TooManyParts)?;
        Ok(())
    };
    while !bytes.is_empty() {
        let key = varint(&mut bytes).ok_or_else(cut)?;
        take(parts, 1)?;
        let length = match key & 7 {
            0 => {
                varint(&mut bytes).ok_or_else(cut)?;
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes).ok_or_else(cut)?,
            5 => 4,
            kind => {
                let why = format!("a field of wire type {kind}");
                return Err(ReadError::Malformed(why));
            }
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (field, rest) = bytes.split_at_checked(length).ok_or_else(cut)?;
        bytes = rest;
        if key & 7 != 2 {
            continue;
        }
        match schema.field(key >> 3) {
            Field::Leaf => {}
            Field::Message(inner) => check_parts(field, &inner, depth, parts)?,
            Field::Numbers(size) => take(parts, length / size.max(1))?,
        }
    }
    Ok(())
}

/// A message within a payload.
#[derive(Clone, Copy)]
enum Part {
    Payload,
    Metric,
    Template,
    DataSet,
    Row,
    PropertySet,
    PropertyValue,
    PropertySetList,
}

impl Schema for Part {
    fn field(&self, number: u64) -> Field<Self> {
        Field::Message(match (self, number) {
            (Self::Payload | Self::Template, 2) => Self::Metric,
            (Self::Metric | Self::PropertyValue, 9) | (Self::PropertySetList, 1) => {
                Self::PropertySet
            }
            (Self::Metric, 17) => Self::DataSet,
            (Self::Metric, 18) => Self::Template,
            (Self::DataSet, 4) => Self::Row,
            (Self::PropertySet, 2) => Self::PropertyValue,
            (Self::PropertyValue, 10) => Self::PropertySetList,
            _ => return Field::Leaf,
        })
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Metric, MetricValue, Template};

    #[test]
    fn many_parts_are_refused_before_they_take_the_memory() {
        // Empty metrics: two bytes each.
        let metrics = |count: usize| [0x12, 0x00].repeat(count);
        assert_eq!(
            read_payload(&metrics(PART_LIMIT)).unwrap().metrics.len(),
            PART_LIMIT
        );
        let found = read_payload(&metrics(PART_LIMIT + 1));
        assert_eq!(found, Err(ReadError::TooManyParts));
    }

    #[test]
    fn templates_without_end_are_refused() {
        let nested = |depth: usize| {
            let mut metric = Metric::default();
            for _ in 0..depth {
                let template = Template {
                    metrics: vec![metric],
                    ..Template::default()
                };
                metric = Metric {
                    value: Some(MetricValue::Template(Box::new(template))),
                    ..Metric::default()
                };
            }
            let metrics = vec![metric];
            Payload {
                metrics,
                ..Payload::default()
            }
            .encode_to_vec()
        };
        assert!(read_payload(&nested(24)).is_ok());
        assert_eq!(read_payload(&nested(25)), Err(ReadError::TooDeep));
        assert_eq!(read_payload(&nested(2000)), Err(ReadError::TooDeep));
    }

    #[test]
    fn what_is_not_protobuf_is_refused() {
        for bytes in [
            &b"hello"[..],
            b"{\"a\":1}",
            &[0x12, 5, 1],
            &[0x08],
            &[0xFF; 12],
            &[0x0B],
        ] {
            let found = read_payload(bytes);
            assert!(
                matches!(found, Err(ReadError::Malformed(_))),
                "{bytes:?}: {found:?}"
            );
        }
    }
}
