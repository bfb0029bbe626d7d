//! Which series.

use clap::Args;
use iot_store::read::SeriesFilter;

/// Some of the series.
#[derive(Debug, Args)]
#[command(next_help_heading = "Arguments")]
pub(crate) struct FilterArgs {
    /// Select topics by a topic filter, or values by TOPIC#METRIC (can be repeated) [default: all]
    #[arg(value_name = "FILTER")]
    filters: Vec<SeriesFilter>,
}

impl FilterArgs {
    /// Returns the filters, at least one. A series belongs to the first one that matches it.
    pub(crate) fn filters(&self) -> Vec<SeriesFilter> {
        if self.filters.is_empty() {
            return vec![SeriesFilter::default()];
        }
        self.filters.clone()
    }
}
