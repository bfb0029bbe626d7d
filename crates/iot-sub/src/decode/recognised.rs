//! Which formats were recognised: counted for the metrics, and reported once for each topic.

use std::mem;
use std::sync::Arc;

use iot_store::RecentTable;

/// Bytes of memory for the topics that were reported.
const TOPICS_BYTES: usize = 8 << 20;

/// The formats of messages.
#[derive(Debug)]
pub(crate) struct Recognised {
    /// Since the last call of [`take`](Self::take).
    counts: Vec<(&'static str, u64)>,
    /// Topics whose format was reported, if they are reported at all.
    reported: Option<RecentTable<()>>,
}

impl Recognised {
    /// Returns an empty list; `reports` says whether topics are reported.
    pub(crate) fn new(reports: bool) -> Self {
        Self {
            counts: Vec::new(),
            reported: reports.then(|| RecentTable::new(TOPICS_BYTES)),
        }
    }

    /// Whether topics are reported.
    pub(crate) fn reports(&self) -> bool {
        self.reported.is_some()
    }

    /// Counts a message of a format.
    pub(crate) fn count(&mut self, format: &'static str) {
        match self.counts.iter_mut().find(|(known, _)| *known == format) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((format, 1)),
        }
    }

    /// Returns whether the format of a topic is to be reported: once.
    pub(crate) fn is_new(&mut self, topic: &str) -> bool {
        let Some(reported) = &mut self.reported else {
            return false;
        };
        let is_new = reported.get(topic).is_none();
        if is_new {
            reported.insert(Arc::from(topic), (), 0);
        }
        is_new
    }

    /// Takes the counts.
    pub(crate) fn take(&mut self) -> Vec<(&'static str, u64)> {
        mem::take(&mut self.counts)
    }
}
