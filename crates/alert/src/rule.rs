//! What is watched, as a person says it.

use std::sync::Arc;
use std::time::Duration;

use iot_core::TopicFilter;

use crate::condition::Condition;

/// The name of the alert of a silent series.
pub const SILENT: &str = "silent";

/// An alert: which series are watched, and what makes it begin and end.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name, without `/`, `+` and `#`: it becomes a level of a topic.
    pub name: Arc<str>,
    /// Topics that are watched.
    pub filter: TopicFilter,
    /// Only series with this metric; `None` watches all series of the topics.
    pub metric: Option<Arc<str>>,
    /// What makes it begin.
    pub condition: Condition,
    /// For how long the condition must hold first. Zero by default.
    pub lasting: Duration,
    /// What makes it end; by default, that the condition no longer holds.
    pub clear: Option<Condition>,
}

impl Rule {
    /// Returns whether it watches this series.
    pub(crate) fn watches(&self, topic: &str, metric: Option<&str>) -> bool {
        let metric_fits = match &self.metric {
            _ if self.condition == Condition::Rejected => metric.is_none(),
            Some(wanted) => metric == Some(wanted),
            None => true,
        };
        metric_fits && self.filter.matches(topic)
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
    /// Topics that are watched; `None` is all of them.
    pub filter: Option<TopicFilter>,
    /// After which time.
    pub after: SilentAfter,
}

impl SilenceRule {
    /// Returns whether it watches a topic.
    pub(crate) fn watches(&self, topic: &str) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| filter.matches(topic))
    }
}
