//! From an entry to bytes.

use iot_store::{Entry, Extra, FieldValue, PayloadRef, Reading, ReadingId, Rejection, Value};
use serde_json::{Value as Json, json};

use super::format::{
    DATE, HAS_CUT_PAYLOAD, HAS_EXTRA, HAS_PAYLOAD, HEADER, JSON, MAGIC, MAGIC_2, MAGIC_3, NUMBER,
    REJECTION, TEXT,
};
use crate::spool::seq::Seq;

/// Writes `entry`, which has the number `seq`, to the end of `out`.
///
/// # Panics
/// An entry of 4 GiB or more; MQTT's messages are smaller.
pub(in crate::spool) fn encode(seq: Seq, entry: &Entry, out: &mut Vec<u8>) {
    let start = out.len();
    let only_once = Extra {
        once: true,
        fields: Vec::new(),
    };
    let extra = match entry {
        Entry::Reading(reading) => reading.extra.as_deref(),
        Entry::Readings(_) => unimplemented!("no message gives several readings yet"),
        Entry::Rejection(rejection) => rejection.once.then_some(&only_once),
    };
    let received = entry.as_reading().and_then(Reading::received);
    out.extend(match (extra, received) {
        (_, Some(_)) => MAGIC_3,
        (Some(_), None) => MAGIC_2,
        (None, None) => MAGIC,
    });
    out.extend([0; HEADER - MAGIC.len()]);
    out.extend(seq.to_le_bytes());
    match entry {
        Entry::Reading(Reading {
            id,
            topic,
            metric: _,
            value,
            unit: _,
            reg_date,
            extra: _,
            payload: _,
        }) => {
            let kind = match value {
                Value::Number(_) => NUMBER,
                Value::Json(_) => JSON,
                Value::Text(_) => TEXT,
            };
            common(kind, *id, topic, reg_date.timestamp_millis(), out);
            if let Some(received) = received {
                out.push(flags(extra, received));
            }
            more(extra, out);
            payload(received, out);
            match value {
                Value::Number(number) => out.extend(number.to_bits().to_le_bytes()),
                Value::Json(json) => {
                    serde_json::to_writer(&mut *out, json).expect("memory takes all JSON");
                }
                Value::Text(text) => out.extend(text.as_bytes()),
            }
        }
        Entry::Readings(_) => unimplemented!("no message gives several readings yet"),
        Entry::Rejection(Rejection {
            id,
            topic,
            payload,
            length,
            sha256,
            reason,
            reg_date,
            once: _,
        }) => {
            common(REJECTION, *id, topic, reg_date.timestamp_millis(), out);
            more(extra, out);
            out.extend(length.to_le_bytes());
            out.extend(sha256);
            out.extend(len(payload).to_le_bytes());
            out.extend(&payload[..]);
            out.extend(reason.as_bytes());
        }
    }
    let body = &out[start + HEADER..];
    let (length, crc) = (len(body), crc32fast::hash(body));
    out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    out[start + 8..start + HEADER].copy_from_slice(&crc.to_le_bytes());
}

fn common(kind: u8, id: ReadingId, topic: &str, millis: i64, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend(id.bytes());
    out.extend(millis.to_le_bytes());
    out.extend(len(topic.as_bytes()).to_le_bytes());
    out.extend(topic.as_bytes());
}

fn more(extra: Option<&Extra>, out: &mut Vec<u8>) {
    let Some(Extra { once, fields }) = extra else {
        return;
    };
    let fields = fields.iter().map(|(name, value)| match value {
        FieldValue::Json(json) => json!([&**name, json]),
        FieldValue::Date(date) => json!([&**name, date.timestamp_millis(), DATE]),
    });
    let fields = fields.collect::<Json>().to_string();
    out.push(u8::from(*once));
    out.extend(len(fields.as_bytes()).to_le_bytes());
    out.extend(fields.as_bytes());
}

fn flags(extra: Option<&Extra>, received: PayloadRef<'_>) -> u8 {
    let extra = if extra.is_some() { HAS_EXTRA } else { 0 };
    extra
        | match received {
            PayloadRef::Whole(_) => HAS_PAYLOAD,
            PayloadRef::Cut(_) => HAS_CUT_PAYLOAD,
        }
}

fn payload(received: Option<PayloadRef<'_>>, out: &mut Vec<u8>) {
    let Some(received) = received else {
        return;
    };
    if let PayloadRef::Cut(cut) = received {
        out.extend(cut.length.to_le_bytes());
        out.extend(cut.sha256);
    }
    out.extend(len(received.kept()).to_le_bytes());
    out.extend(received.kept());
}

pub(super) fn len(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("less than 4 GiB")
}
