//! How a collection of MongoDB is used. It needs no driver.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;

use crate::keep_rejected::KeepRejected;
use crate::store::SameId;

/// Gets lines for a person: what a store does that somebody should know about.
pub type Report = Arc<dyn Fn(&str) + Send + Sync>;

/// How a collection is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What another document under a reading's id means.
    pub same_id: SameId,
    /// Set where it is a time-series collection, which has no unique ids: what is inserted again is
    /// there twice.
    pub time_series: Option<TimeSeries>,
    /// Whether it gets an index for questions by topic and time.
    pub index: bool,
    /// Whether the collection is sharded by topic, on a sharded cluster.
    pub shards_by_topic: bool,
    /// What is kept of rejections.
    pub rejected: KeepRejected,
    /// Readings and rejections that are older are removed; from a time-series collection the server
    /// removes them, after [`TimeSeries::expire_after`], which is set where it was there before.
    pub keep: Option<Duration>,
}

/// How a time-series collection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSeries {
    /// How far apart readings of one topic usually are.
    pub granularity: Granularity,
    /// Readings older than this are deleted by the server.
    pub expire_after: Option<Duration>,
}

/// How far apart readings of one topic usually are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// Up to about a minute.
    Seconds,
    /// Up to about an hour.
    Minutes,
    /// Up to about a day.
    Hours,
}

impl Granularity {
    #[cfg(feature = "mongodb")]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Minutes => "minutes",
            Self::Hours => "hours",
        }
    }
}

/// Checks that `name` can be a collection's.
///
/// # Errors
/// It can't; the error says why.
pub fn check_collection(name: &str) -> anyhow::Result<()> {
    if name.is_empty() {
        bail!("a collection needs a name");
    }
    if name.contains(['$', '\0']) || name.starts_with("system.") {
        bail!("`{name}` can't be a collection: no `$`, no NUL, not beginning with `system.`");
    }
    Ok(())
}
