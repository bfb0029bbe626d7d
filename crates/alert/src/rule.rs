//! What is watched, as a person says it.

use std::sync::Arc;
use std::time::Duration;

use iot_store::read::SeriesFilter;

use crate::condition::Condition;

/// The name of the alert of a silent series.
pub const SILENT: &str = "silent";

/// An alert: which series are watched, and what makes it begin and end.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name, without `/`, `+` and `#`: it becomes a level of a topic.
    pub name: Arc<str>,
    /// Series that are watched.
    pub filter: SeriesFilter,
    /// What makes it begin.
    pub condition: Condition,
    /// For how long the condition must hold first. Zero by default.
    pub lasting: Duration,
    /// What makes it end; by default, that the condition no longer holds.
    pub clear: Option<Condition>,
}

impl Rule {
    /// Returns how far its condition looks back, if it does.
    pub fn looks_back(&self) -> Option<Duration> {
        match self.condition {
            Condition::Rises(_, length)
            | Condition::Falls(_, length)
            | Condition::Stuck(length) => Some(length),
            _ => None,
        }
    }

    /// Returns whether it watches this series.
    pub(crate) fn watches(&self, topic: &str, metric: Option<&str>) -> bool {
        let is_rejected = self.condition == Condition::Rejected;
        (!is_rejected || metric.is_none()) && self.filter.selects(topic, metric)
    }
}

/// After which time a series counts as silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SilentAfter {
    /// This time without a reading.
    Time(Duration),
    /// Three times the longest interval that is usual for the series.
    Learned,
}

/// Which series are reported when they are silent.
#[derive(Clone, Debug, PartialEq)]
pub struct SilenceRule {
    /// Series that are watched; `None` is all of them.
    pub filter: Option<SeriesFilter>,
    /// After which time.
    pub after: SilentAfter,
}

impl SilenceRule {
    /// Returns whether it watches this series.
    pub(crate) fn watches(&self, topic: &str, metric: Option<&str>) -> bool {
        let filter = self.filter.as_ref();
        filter.is_none_or(|filter| filter.selects(topic, metric))
    }
}
