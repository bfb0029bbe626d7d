//! A message that could not be read, kept with the reason.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::reading::Reading;
use crate::reading_id::{ReadingId, hex};
use crate::readings::Readings;
use crate::received_payload::{PayloadRef, REJECTED_PAYLOAD_LIMIT};

/// A message that is not a reading, kept so that nothing vanishes.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    /// Makes a retry harmless, as a reading's does.
    pub id: ReadingId,
    /// Topic name of the message.
    pub topic: Arc<str>,
    /// The payload's first bytes, at most [`REJECTED_PAYLOAD_LIMIT`] of them, in memory of their
    /// own.
    pub payload: Bytes,
    /// Length of the whole payload in bytes; of the whole packet where it was not taken.
    pub length: u64,
    /// SHA-256 of the whole payload.
    pub sha256: [u8; 32],
    /// One short line without the payload in it.
    pub reason: String,
    /// When it was received, in UTC, whole milliseconds.
    pub reg_date: DateTime<Utc>,
    /// It is not kept where the topic's last rejection has the same payload.
    pub once: bool,
}

impl Rejection {
    /// Returns the rejection of `payload`, with as much of it as is kept.
    pub fn new(
        id: ReadingId,
        topic: Arc<str>,
        payload: &[u8],
        reason: String,
        reg_date: DateTime<Utc>,
    ) -> Self {
        let kept = &payload[..payload.len().min(REJECTED_PAYLOAD_LIMIT)];
        Self {
            id,
            topic,
            // A slice of the message would keep the whole read buffer alive, and no limit could
            // count that.
            payload: Bytes::copy_from_slice(kept),
            length: payload.len() as u64,
            sha256: Sha256::digest(payload).into(),
            reason,
            reg_date,
            once: false,
        }
    }

    /// Returns the rejection of a reading that a store refuses: of the message as it was received.
    pub fn of_reading(id: ReadingId, reading: &Reading, reason: String) -> Self {
        let topic = Arc::clone(&reading.topic);
        let reg_date = reading.reg_date;
        match reading.received() {
            None => {
                let text = reading.value.to_string();
                Self::new(id, topic, text.as_bytes(), reason, reg_date)
            }
            Some(payload) => Self::of_payload(id, topic, payload, reason, reg_date),
        }
    }

    /// Returns the rejection of a message, of whose readings a store refuses at least one.
    pub fn of_readings(id: ReadingId, readings: &Readings, reason: String) -> Self {
        let topic = Arc::clone(&readings.topic);
        let payload = readings.payload.as_kept();
        let payload = payload.unwrap_or(PayloadRef::Whole(&[]));
        Self::of_payload(id, topic, payload, reason, readings.received)
    }

    fn of_payload(
        id: ReadingId,
        topic: Arc<str>,
        payload: PayloadRef<'_>,
        reason: String,
        reg_date: DateTime<Utc>,
    ) -> Self {
        match payload {
            PayloadRef::Whole(payload) => Self::new(id, topic, payload, reason, reg_date),
            PayloadRef::Cut(cut) => Self {
                id,
                topic,
                payload: Bytes::copy_from_slice(&cut.kept),
                length: cut.length,
                sha256: cut.sha256,
                reason,
                reg_date,
                once: false,
            },
        }
    }

    /// Returns [`sha256`](Self::sha256) as 64 hex digits, as `sha256sum` prints it.
    pub fn sha256_hex(&self) -> String {
        hex(&self.sha256)
    }
}
