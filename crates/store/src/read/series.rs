//! Series and readings, as a reader returns them.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::reading_id::ReadingId;
use crate::value::Value;

/// What tells one series from the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    /// Topic name of the messages.
    pub topic: Arc<str>,
    /// Name of the value within a message with several values.
    pub metric: Option<Arc<str>>,
}

impl SeriesKey {
    /// Returns the key of the plain readings of `topic`.
    pub fn of_topic(topic: impl Into<Arc<str>>) -> Self {
        Self {
            topic: topic.into(),
            metric: None,
        }
    }
}

impl fmt::Display for SeriesKey {
    /// Writes `TOPIC`, or `TOPIC#METRIC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.topic)?;
        match &self.metric {
            Some(metric) => write!(f, "#{metric}"),
            None => Ok(()),
        }
    }
}

/// A series and what is known about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What tells it from the others.
    pub key: SeriesKey,
    /// Unit of its latest values.
    pub unit: Option<Arc<str>>,
    /// What people call it.
    pub name: Option<Arc<str>>,
    /// The device that it belongs to.
    pub device: Option<Arc<str>>,
    /// The kind of quantity, such as `temperature`.
    pub class: Option<Arc<str>>,
    /// How many readings are stored.
    pub count: u64,
    /// Time of the first one. `None` if there is none: only its metadata is known.
    pub first: Option<DateTime<Utc>>,
    /// The latest one.
    pub last: Option<Latest>,
}

/// The latest reading of a series: the one with the greatest time, and of these the greatest id.
#[derive(Clone, Debug, PartialEq)]
pub struct Latest {
    /// Its value.
    pub value: Value,
    /// Its time.
    pub time: DateTime<Utc>,
    /// Its id.
    pub id: ReadingId,
}

/// A stored reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its series.
    pub key: SeriesKey,
    /// Its value.
    pub value: Value,
    /// Its unit, if it is known.
    pub unit: Option<Arc<str>>,
    /// Its time.
    pub time: DateTime<Utc>,
    /// Its id. One that another program gave, in another form than ours, is shown as a hash of it.
    pub id: ReadingId,
}
