//! The records of a recording, and what else its reader finds.

use std::time::Duration;

use bytes::Bytes;
use iot_core::TopicName;

/// Returns the topic to publish to for a recorded topic.
pub(crate) type Map = Box<dyn Fn(&str) -> Result<TopicName, String> + Send>;

/// One message of a recording.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) topic: TopicName,
    pub(super) payload: Bytes,
    /// After the first one.
    pub(super) at: Duration,
}

/// What the reading thread sends.
#[derive(Debug)]
pub(super) enum Item {
    Record(Record),
    /// `FILE:LINE: WHY`
    Bad(String),
    /// The recording can't be read any further.
    Failed(anyhow::Error),
}
