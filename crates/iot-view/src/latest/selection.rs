//! Which series are printed.

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use iot_store::read::{Reader, Series, SeriesFilter};

use crate::series::selected;
use crate::unmatched;

/// Which series are printed.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) filters: Vec<SeriesFilter>,
    /// Only those without a reading for so long.
    pub(super) silent: Option<Duration>,
}

impl Selection {
    /// Returns the series, in order of topic and metric, and a line for each filter that selects
    /// none.
    ///
    /// # Errors
    /// The store can't be read.
    pub(super) fn series(
        &self,
        reader: &mut dyn Reader,
        now: DateTime<Utc>,
    ) -> Result<(Vec<Series>, Vec<String>)> {
        let mut series = selected(reader, &self.filters, true)?;
        // A series whose readings were all removed may still be known.
        series.retain(|one| one.last.is_some());
        let unmatched = unmatched::lines(reader, &self.filters, &series)?;
        series.retain(|one| {
            one.last
                .as_ref()
                .is_some_and(|last| self.takes(last.time, now))
        });
        Ok((series, unmatched))
    }

    fn takes(&self, last: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let Some(silent) = self.silent else {
            return true;
        };
        // Longer than any age: nothing is silent for that long.
        TimeDelta::from_std(silent).is_ok_and(|silent| now - last > silent)
    }
}
