//! What is removed because it is old.

use chrono::{DateTime, Utc};

/// Which readings are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Readings and rejections before this time. In an SQLite file the hour (UTC) that it is in
    /// stays as a whole.
    pub before: DateTime<Utc>,
    /// Rollups outlive their readings: charts still show them, by the minute in hours with many
    /// readings, otherwise by the hour. SQLite only.
    pub keep_rollups: bool,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Readings.
    pub readings: u64,
    /// Rejections.
    pub rejections: u64,
}

impl Pruned {
    /// Adds what another step has removed.
    #[cfg(feature = "mongodb")]
    pub(crate) fn add(&mut self, step: Self) {
        self.readings += step.readings;
        self.rejections += step.rejections;
    }
}
