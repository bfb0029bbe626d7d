//! The options of monitoring.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use iot_cli::{parse_duration, parse_socket_address};
use iot_store::read::SeriesFilter;

use crate::decode::topic_pattern::TopicPattern;
use crate::watch::WatchPlan;
use crate::watch::exported::ExportPlan;
use crate::watch::health::HealthUrl;

#[expect(clippy::doc_markdown, reason = "the documentation is the help text")]
#[derive(Debug, Args)]
#[command(next_help_heading = "Watching")]
pub(super) struct WatchArgs {
    /// Print counts on stderr every DURATION, such as 10s, and at SIGUSR1
    #[arg(long, env = "IOT_STATS", hide_env_values = true)]
    #[arg(value_name = "DURATION", value_parser = parse_duration)]
    stats: Option<Duration>,

    /// Serve metrics for Prometheus (/metrics) and health checks (/livez, /readyz) by HTTP on
    /// ADDRESS:PORT; port 0 uses a free port
    #[arg(long, env = "IOT_METRICS", hide_env_values = true)]
    #[arg(value_name = "ADDRESS:PORT", value_parser = parse_socket_address)]
    metrics: Option<SocketAddr>,

    /// Add the label instance="NAME" to all metrics, to tell the members of a group apart
    #[arg(long, env = "IOT_INSTANCE", hide_env_values = true)]
    #[arg(value_name = "NAME", requires = "metrics", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    #[arg(hide_short_help = true)]
    instance: Option<String>,

    /// Export the latest value of each series to /metrics, or of those that FILTER selects
    #[arg(long, env = "IOT_EXPORT_READINGS", hide_env_values = true)]
    #[arg(value_name = "FILTER", num_args = 0..=1, default_missing_value = "#", requires = "metrics")]
    #[arg(hide_short_help = true)]
    export_readings: Option<SeriesFilter>,

    /// Remove the exported value of a series after DURATION without a reading; its timestamp stays
    /// for a day [default: never]
    #[arg(long, env = "IOT_READING_EXPIRY", hide_env_values = true)]
    #[arg(value_name = "DURATION", value_parser = parse_duration, hide_short_help = true)]
    reading_expiry: Option<Duration>,

    /// Export COUNT series at most
    #[arg(long, env = "IOT_EXPORT_LIMIT", hide_env_values = true)]
    #[arg(value_name = "COUNT", default_value_t = 10_000, hide_short_help = true)]
    export_limit: usize,

    /// Ask the iot-sub with --metrics at URL, such as http://127.0.0.1:9464, for /readyz (or /livez
    /// with that path), and exit: 0 if it answers 200, else 1
    #[arg(long, value_name = "URL")]
    #[arg(hide_short_help = true)]
    health: Option<HealthUrl>,
}

impl WatchArgs {
    /// Returns the page to ask instead of a run.
    pub(super) fn health(&self) -> Option<&HealthUrl> {
        self.health.as_ref()
    }

    /// Returns which readings are exported, with the levels of `patterns` as labels.
    pub(super) fn export(&self, patterns: &[TopicPattern]) -> Option<ExportPlan> {
        Some(ExportPlan {
            filter: self.export_readings.clone()?,
            expiry: self.reading_expiry,
            limit: self.export_limit,
            patterns: patterns.to_vec(),
        })
    }

    /// Returns the plan for these options.
    pub(super) fn plan(&self) -> WatchPlan {
        WatchPlan {
            stats: self.stats,
            metrics: self.metrics,
            instance: self.instance.clone(),
        }
    }
}
