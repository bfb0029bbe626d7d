//! The payload that a reading was made of, byte for byte: a store may refuse the reading long after
//! it was received.

use std::io;

use sha2::{Digest, Sha256};

use crate::value::Value;

/// Most of a rejected payload that is kept, in bytes; its length and SHA-256 are always those of
/// the whole.
pub const REJECTED_PAYLOAD_LIMIT: usize = 1 << 20;

/// A payload that is longer takes memory of its own.
const INLINE: usize = 22;

/// The payload of a message that became a reading.
///
/// Most are plain numbers, for which nothing is allocated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedPayload(Form);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Form {
    /// It is the value's text.
    #[default]
    ValueText,
    Inline {
        length: u8,
        bytes: [u8; INLINE],
    },
    Whole(Box<[u8]>),
    Cut(Box<CutPayload>),
}

/// What is kept of a payload that is longer than [`REJECTED_PAYLOAD_LIMIT`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutPayload {
    /// Its first bytes.
    pub kept: Box<[u8]>,
    /// Its whole length in bytes.
    pub length: u64,
    /// SHA-256 of all of it.
    pub sha256: [u8; 32],
}

impl ReceivedPayload {
    /// Returns the `payload` that `value` was read from.
    pub fn new(payload: &[u8], value: &Value) -> Self {
        if let Some(inline) = Self::inline(payload) {
            return inline;
        }
        if is_text_of(value, payload) {
            return Self::default();
        }
        if payload.len() > REJECTED_PAYLOAD_LIMIT {
            return Self::cut_off(payload);
        }
        Self(Form::Whole(payload.into()))
    }

    fn cut_off(payload: &[u8]) -> Self {
        Self::cut(CutPayload {
            kept: payload[..REJECTED_PAYLOAD_LIMIT].into(),
            length: payload.len() as u64,
            sha256: Sha256::digest(payload).into(),
        })
    }

    /// Returns the payload of a message with several readings, of which no value's text is all.
    pub fn of_message(payload: &[u8]) -> Self {
        if payload.len() > REJECTED_PAYLOAD_LIMIT {
            return Self::cut_off(payload);
        }
        Self::whole(payload)
    }

    /// Returns the payload, or what is kept of it; nothing where it is the text of a value.
    pub fn as_kept(&self) -> Option<PayloadRef<'_>> {
        Some(match &self.0 {
            Form::ValueText => return None,
            Form::Inline { length, bytes } => PayloadRef::Whole(bytes.get(..usize::from(*length))?),
            Form::Whole(payload) => PayloadRef::Whole(payload),
            Form::Cut(payload) => PayloadRef::Cut(payload),
        })
    }

    /// Returns a payload that is not longer than what is kept of one.
    pub fn whole(payload: &[u8]) -> Self {
        Self::inline(payload).unwrap_or_else(|| Self(Form::Whole(payload.into())))
    }

    /// Returns a payload of which only this is kept.
    pub fn cut(payload: CutPayload) -> Self {
        Self(Form::Cut(Box::new(payload)))
    }

    fn inline(payload: &[u8]) -> Option<Self> {
        let mut bytes = [0; INLINE];
        bytes.get_mut(..payload.len())?.copy_from_slice(payload);
        let length = u8::try_from(payload.len()).ok()?;
        Some(Self(Form::Inline { length, bytes }))
    }

    /// Returns the payload, or what is kept of it, where it is not the text of `value`.
    pub fn unless_text_of(&self, value: &Value) -> Option<PayloadRef<'_>> {
        let kept = self.as_kept()?;
        let is_inline = matches!(self.0, Form::Inline { .. });
        (!is_inline || !is_text_of(value, kept.kept())).then_some(kept)
    }

    /// Returns roughly how many bytes it holds on the heap.
    pub(crate) fn heap_size(&self) -> usize {
        match &self.0 {
            Form::ValueText | Form::Inline { .. } => 0,
            Form::Whole(payload) => payload.len(),
            Form::Cut(payload) => size_of::<CutPayload>() + payload.kept.len(),
        }
    }
}

/// A payload, or what is kept of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadRef<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It was too long.
    Cut(&'a CutPayload),
}

impl<'a> PayloadRef<'a> {
    /// Returns what is kept of it.
    pub fn kept(self) -> &'a [u8] {
        match self {
            Self::Whole(payload) => payload,
            Self::Cut(cut) => &cut.kept,
        }
    }
}

/// Returns whether `value` is printed as `payload`, without making that text.
fn is_text_of(value: &Value, payload: &[u8]) -> bool {
    let mut rest = Rest(payload);
    let same = match value {
        Value::Json(json) => serde_json::to_writer(&mut rest, json).is_ok(),
        value => io::Write::write_fmt(&mut rest, format_args!("{value}")).is_ok(),
    };
    same && rest.0.is_empty()
}

/// Takes only what it begins with.
struct Rest<'a>(&'a [u8]);

impl io::Write for Rest<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match self.0.strip_prefix(text) {
            Some(rest) => {
                self.0 = rest;
                Ok(text.len())
            }
            None => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn case(value: &Value, payload: &str, is_text: bool) {
        let received = ReceivedPayload::new(payload.as_bytes(), value);
        let expected = (!is_text).then_some(PayloadRef::Whole(payload.as_bytes()));
        assert_eq!(received.unless_text_of(value), expected);
    }

    #[test]
    fn only_what_differs_from_the_value_s_text_is_kept() {
        case(&Value::Number(25.5), "25.5", true);
        case(&Value::Number(25.0), "25", false);
        case(
            &Value::Number(99.5),
            r#"{"data":{"temp":99.50,"hum":40},"seq":7}"#,
            false,
        );
        let json = Value::Json(json!({"temperature": 25.5, "on": [true]}));
        case(&json, r#"{"temperature":25.5,"on":[true]}"#, true);
        case(&json, r#"{"temperature":25.50,"on":[true]}"#, false);
        case(&json, r#"{"temperature":25.5,"on":[true]} "#, false);
        let text = "a text that is longer than a number";
        case(&Value::Text(text.to_owned()), text, true);
    }

    #[test]
    fn a_number_takes_nothing_on_the_heap() {
        let number = ReceivedPayload::new(b"-1.7976931348623157e308", &Value::Number(f64::MIN));
        assert_eq!(number.heap_size(), 23);
        let number = ReceivedPayload::new(b"25.123456789012345", &Value::Number(25.0));
        assert_eq!(number.heap_size(), 0);
        assert!(size_of::<ReceivedPayload>() <= 24);
    }

    #[test]
    fn a_long_payload_is_cut_but_measured_whole() {
        let long = format!("[{}1]", " ".repeat(REJECTED_PAYLOAD_LIMIT));
        let value = Value::Json(json!([1]));
        let received = ReceivedPayload::new(long.as_bytes(), &value);
        let Some(PayloadRef::Cut(cut)) = received.unless_text_of(&value) else {
            panic!("not cut");
        };
        assert_eq!(*cut.kept, long.as_bytes()[..REJECTED_PAYLOAD_LIMIT]);
        assert_eq!(cut.length, long.len() as u64);
        assert_eq!(cut.sha256, <[u8; 32]>::from(Sha256::digest(&long)));
    }
}
