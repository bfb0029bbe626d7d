//! The rejections of the store, by reason.

use iot_store::read::{ReadError, Reader, TimeRange};
use serde::Serialize;

/// Limit of the reasons in an answer.
const MAX_REASONS: usize = 100;

#[derive(Serialize)]
pub(super) struct Answer {
    rejections: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    reason: String,
    count: u64,
    /// Topic of the latest one.
    topic: String,
    /// Its time, in milliseconds since 1970.
    time: i64,
}

pub(super) fn find(reader: &mut dyn Reader) -> Result<Answer, ReadError> {
    let groups = reader.rejection_groups(TimeRange::default())?;
    let items = groups.into_iter().take(MAX_REASONS).map(|group| Item {
        reason: group.reason,
        count: group.count,
        topic: group.last.topic.to_string(),
        time: group.last.time.timestamp_millis(),
    });
    Ok(Answer {
        rejections: items.collect(),
    })
}
