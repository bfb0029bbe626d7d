//! Entries for tests, made of payloads as a person would write them.

use chrono::{DateTime, SubsecRound, Utc};

use crate::entry::Entry;
use crate::reading::Reading;
use crate::reading_id::IdGenerator;
use crate::received_payload::ReceivedPayload;
use crate::rejection::Rejection;
use crate::value::Value;

/// Returns the entry of a message of `topic`: a finite number, or else JSON, or else text. An empty
/// payload, and one that is not UTF-8, is a rejection.
pub(crate) fn entry(
    topic: &str,
    payload: &[u8],
    now: DateTime<Utc>,
    ids: &mut IdGenerator,
) -> Entry {
    let (id, topic, reg_date) = (ids.next(now), topic.into(), now.trunc_subsecs(3));
    let reason = match std::str::from_utf8(payload) {
        Ok("") => "empty payload",
        Err(_) => "not UTF-8",
        Ok(text) => {
            let value = value(text);
            return Entry::Reading(Reading {
                id,
                topic,
                metric: None,
                unit: None,
                payload: ReceivedPayload::new(payload, &value),
                value,
                reg_date,
                extra: None,
            });
        }
    };
    Entry::Rejection(Rejection::new(
        id,
        topic,
        payload,
        reason.to_owned(),
        reg_date,
    ))
}

fn value(text: &str) -> Value {
    if let Ok(number) = text.parse::<f64>()
        && number.is_finite()
    {
        return Value::Number(number);
    }
    match serde_json::from_str(text) {
        Ok(json) => Value::Json(json),
        Err(_) => Value::Text(text.to_owned()),
    }
}
