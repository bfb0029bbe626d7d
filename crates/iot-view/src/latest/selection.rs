//! Which series are printed.

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use iot_store::read::{Reader, Series, SeriesFilter};

use crate::series::selected;

/// Which series are printed.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) filters: Vec<SeriesFilter>,
    /// Only those without a reading for so long.
    pub(super) silent: Option<Duration>,
}

impl Selection {
    /// Returns the series, in order of topic and metric.
    ///
    /// # Errors
    /// The store can't be read.
    pub(super) fn series(
        &self,
        reader: &mut dyn Reader,
        now: DateTime<Utc>,
    ) -> Result<Vec<Series>> {
        let mut series = selected(reader, &self.filters, true)?;
        series.retain(|one| {
            one.last
                .as_ref()
                .is_some_and(|last| self.takes(last.time, now))
        });
        Ok(series)
    }

    fn takes(&self, last: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let Some(silent) = self.silent else {
            return true;
        };
        // Longer than any age: nothing is silent for that long.
        TimeDelta::from_std(silent).is_ok_and(|silent| now - last > silent)
    }
}
