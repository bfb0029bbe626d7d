//! From an entry to bytes.

use std::sync::Arc;

use iot_store::{
    Entry, Extra, FieldValue, PayloadRef, Reading, ReadingId, Readings, Rejection, SeriesUpdate,
    Value,
};
use serde_json::{Value as Json, json};

use super::format::{
    DATE, HAS_CUT_PAYLOAD, HAS_EXTRA, HAS_METRIC, HAS_PAYLOAD, HAS_TOPIC, HAS_UNIT, HEADER, JSON,
    MAGIC, MAGIC_2, MAGIC_3, MAGIC_4, NUMBER, READINGS, REJECTION, SERIES_CLASS, SERIES_DEVICE,
    SERIES_METRIC, SERIES_NAME, SERIES_UNIT, TEXT,
};
use crate::spool::seq::Seq;

/// Writes `entry`, which has the number `seq`, to the end of `out`.
///
/// # Panics
/// An entry of 4 GiB or more; MQTT's messages are smaller.
pub(in crate::spool) fn encode(seq: Seq, entry: &Entry, out: &mut Vec<u8>) {
    let start = out.len();
    // The magic is known when the body is.
    out.extend([0; HEADER]);
    out.extend(seq.to_le_bytes());
    let magic = match entry {
        Entry::Reading(reading) => self::reading(reading, out),
        Entry::Readings(readings) => self::readings(readings, out),
        Entry::Rejection(rejection) => self::rejection(rejection, out),
    };
    let body = &out[start + HEADER..];
    let (length, crc) = (len(body), crc32fast::hash(body));
    out[start..start + 4].copy_from_slice(&magic);
    out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    out[start + 8..start + HEADER].copy_from_slice(&crc.to_le_bytes());
}

fn reading(reading: &Reading, out: &mut Vec<u8>) -> [u8; 4] {
    let extra = reading.extra.as_deref();
    let received = reading.received();
    let has_names = reading.metric.is_some() || reading.unit.is_some();
    let magic = match (extra, received) {
        _ if has_names => MAGIC_4,
        (_, Some(_)) => MAGIC_3,
        (Some(_), None) => MAGIC_2,
        (None, None) => MAGIC,
    };
    let (kind, millis) = (kind(&reading.value), reading.reg_date.timestamp_millis());
    common(kind, reading.id, &reading.topic, millis, out);
    if magic == MAGIC_3 || magic == MAGIC_4 {
        let names = names(reading);
        out.push(names | flags(extra, received));
    }
    more(extra, out);
    payload(received, out);
    texts([&reading.metric, &reading.unit], out);
    value(&reading.value, out);
    magic
}

fn readings(readings: &Readings, out: &mut Vec<u8>) -> [u8; 4] {
    let Readings {
        id,
        topic,
        received,
        payload: _,
        readings: each,
        series,
    } = readings;
    common(READINGS, *id, topic, received.timestamp_millis(), out);
    let kept = readings.payload.as_kept();
    out.push(kept.map_or(0, |kept| flags(None, Some(kept))));
    payload(kept, out);
    out.extend(count(each.len()).to_le_bytes());
    for reading in each {
        let own_topic = (reading.topic != *topic).then_some(&reading.topic);
        let extra = reading.extra.as_deref();
        let has_extra = if extra.is_some() { HAS_EXTRA } else { 0 };
        let has_topic = if own_topic.is_some() { HAS_TOPIC } else { 0 };
        out.push(kind(&reading.value));
        out.extend(reading.id.bytes());
        out.extend(reading.reg_date.timestamp_millis().to_le_bytes());
        out.push(names(reading) | has_extra | has_topic);
        more(extra, out);
        if let Some(topic) = own_topic {
            text(topic, out);
        }
        texts([&reading.metric, &reading.unit], out);
        let start = out.len();
        out.extend([0; 4]);
        value(&reading.value, out);
        let length = len(&out[start + 4..]);
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
    for series in series {
        series_update(series, out);
    }
    MAGIC_4
}

fn series_update(series: &SeriesUpdate, out: &mut Vec<u8>) {
    let SeriesUpdate {
        topic,
        metric,
        unit,
        name,
        device,
        class,
    } = series;
    let facts = [
        (SERIES_METRIC, metric),
        (SERIES_UNIT, unit),
        (SERIES_NAME, name),
        (SERIES_DEVICE, device),
        (SERIES_CLASS, class),
    ];
    let present = { facts.iter() }.filter(|(_, fact)| fact.is_some());
    out.push(present.map(|(flag, _)| flag).sum());
    text(topic, out);
    texts(facts.map(|(_, fact)| fact), out);
}

fn rejection(rejection: &Rejection, out: &mut Vec<u8>) -> [u8; 4] {
    let Rejection {
        id,
        topic,
        payload,
        length,
        sha256,
        reason,
        reg_date,
        once,
    } = rejection;
    let only_once = Extra {
        once: true,
        fields: Vec::new(),
    };
    common(REJECTION, *id, topic, reg_date.timestamp_millis(), out);
    more(once.then_some(&only_once), out);
    out.extend(length.to_le_bytes());
    out.extend(sha256);
    out.extend(len(payload).to_le_bytes());
    out.extend(&payload[..]);
    out.extend(reason.as_bytes());
    if *once { MAGIC_2 } else { MAGIC }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Number(_) => NUMBER,
        Value::Json(_) => JSON,
        Value::Text(_) => TEXT,
    }
}

fn value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Number(number) => out.extend(number.to_bits().to_le_bytes()),
        Value::Json(json) => {
            serde_json::to_writer(&mut *out, json).expect("memory takes all JSON");
        }
        Value::Text(text) => out.extend(text.as_bytes()),
    }
}

fn common(kind: u8, id: ReadingId, topic: &str, millis: i64, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend(id.bytes());
    out.extend(millis.to_le_bytes());
    text(topic, out);
}

fn text(text: &str, out: &mut Vec<u8>) {
    out.extend(len(text.as_bytes()).to_le_bytes());
    out.extend(text.as_bytes());
}

/// Writes those of the texts that there are.
fn texts<const N: usize>(texts: [&Option<Arc<str>>; N], out: &mut Vec<u8>) {
    for present in texts.into_iter().flatten() {
        text(present, out);
    }
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
    text(&fields, out);
}

fn names(reading: &Reading) -> u8 {
    let metric = if reading.metric.is_some() {
        HAS_METRIC
    } else {
        0
    };
    let unit = if reading.unit.is_some() { HAS_UNIT } else { 0 };
    metric | unit
}

fn flags(extra: Option<&Extra>, received: Option<PayloadRef<'_>>) -> u8 {
    let extra = if extra.is_some() { HAS_EXTRA } else { 0 };
    extra
        | match received {
            None => 0,
            Some(PayloadRef::Whole(_)) => HAS_PAYLOAD,
            Some(PayloadRef::Cut(_)) => HAS_CUT_PAYLOAD,
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
    count(bytes.len())
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("less than 4 GiB")
}
