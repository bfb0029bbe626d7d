//! Rejections since the start, grouped by reason.

use chrono::{DateTime, Utc};
use iot_store::Rejection;
use serde::Serialize;

/// Limit of the reasons. Beyond it the one that is the oldest is dropped.
const REASONS: usize = 50;
/// Limit of the bytes of a reason or a topic that are shown.
const SHOWN_BYTES: usize = 300;

/// Messages that were rejected for one reason.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RejectedFor {
    reason: String,
    count: u64,
    /// Topic of the last one.
    topic: String,
    /// When the last one was received, in milliseconds since 1970.
    time: i64,
}

/// The reasons, the latest last.
#[derive(Debug, Default)]
pub(super) struct Rejections(Vec<RejectedFor>);

impl Rejections {
    pub(super) fn add(&mut self, rejection: &Rejection, now: DateTime<Utc>) {
        let reason = shortened(&rejection.reason);
        let known = self.0.iter().rposition(|known| known.reason == reason);
        let mut entry = match known {
            Some(at) => self.0.remove(at),
            None => RejectedFor {
                reason: reason.to_owned(),
                count: 0,
                topic: String::new(),
                time: 0,
            },
        };
        entry.count += 1;
        entry.time = now.timestamp_millis();
        shortened(&rejection.topic).clone_into(&mut entry.topic);
        if self.0.len() >= REASONS {
            self.0.remove(0);
        }
        self.0.push(entry);
    }

    pub(super) fn list(&self) -> Vec<RejectedFor> {
        self.0.iter().rev().cloned().collect()
    }
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(SHOWN_BYTES)]
}
