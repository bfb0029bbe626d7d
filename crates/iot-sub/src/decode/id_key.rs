//! Ids made of what messages say of themselves, with `--id-key`: one that comes again, even to
//! another process, gets the same id, and is stored once.

#[cfg(test)]
mod tests;

use chrono::DateTime;
use iot_store::ReadingId;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// Returns the id of a message of `topic` that these values make what it is: the seconds (4 bytes)
/// of the first that is a time, and a hash of all. Without a time the hash is longer.
pub(super) fn id(topic: &str, values: &[&Json]) -> ReadingId {
    let mut hash = Sha256::new();
    hash.update(topic);
    for value in values {
        // Neither a topic nor JSON holds one.
        hash.update([0]);
        hash.update(value.to_string());
    }
    let hash: [u8; 32] = hash.finalize().into();
    let mut id = [0; 12];
    id.copy_from_slice(&hash[..12]);
    if let Some(seconds) = values.iter().find_map(|value| seconds(value)) {
        id[..4].copy_from_slice(&seconds.to_be_bytes());
    }
    ReadingId::from(id)
}

/// Returns the id of one of several readings of such a message: that of a metric, and of one series
/// that the message has `nth` readings of before it. The first reading of the message's topic
/// without a metric has the message's id.
pub(super) fn reading_id(
    message_topic: &str,
    values: &[Json],
    series: (&str, Option<&str>),
    nth: usize,
) -> ReadingId {
    let values: Vec<&Json> = values.iter().collect();
    let (topic, metric) = series;
    let message = id(message_topic, &values);
    if metric.is_none() && topic == message_topic && nth == 0 {
        return message;
    }
    let mut hash = Sha256::new();
    hash.update(message.bytes());
    // The first four bytes can be the same for many messages: they are times.
    for value in &values {
        hash.update(value.to_string());
        hash.update([0]);
    }
    hash.update(topic);
    hash.update([0]);
    // A metric is never empty.
    hash.update(metric.unwrap_or_default());
    hash.update([0]);
    hash.update(nth.to_be_bytes());
    let hash: [u8; 32] = hash.finalize().into();
    let mut id = message.bytes();
    // What stands first keeps inserts in order.
    id[4..].copy_from_slice(&hash[..8]);
    ReadingId::from(id)
}

/// Returns the seconds of what is a time from 2001 on. A number that only looks so changes the
/// order of inserts, nothing else.
///
/// Only the times that the first version read count, and not all that `json_time` reads: otherwise
/// a message would get another id than before, and be stored twice.
fn seconds(value: &Json) -> Option<u32> {
    const FIRST: u32 = 1_000_000_000;
    /// Seconds until the year 5138; as milliseconds it is 1973.
    const SECONDS: f64 = 1e11;
    let seconds = match value {
        Json::String(text) => DateTime::parse_from_rfc3339(text).ok()?.timestamp(),
        json => {
            let number = json.as_f64()?;
            let is_seconds = number.abs() < SECONDS;
            let milliseconds = if is_seconds { number * 1e3 } else { number };
            if milliseconds.abs() >= SECONDS * 1e3 {
                return None;
            }
            #[expect(clippy::cast_possible_truncation, reason = "it was compared with 1e14")]
            let milliseconds = milliseconds.round() as i64;
            milliseconds.div_euclid(1000)
        }
    };
    let seconds = u32::try_from(seconds).ok()?;
    (seconds >= FIRST).then_some(seconds)
}
