//! The options about watching a run.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use iot_cli::parse_duration;

use crate::watch::WatchPlan;

#[derive(Debug, Args)]
#[command(next_help_heading = "Watching")]
pub(super) struct WatchArgs {
    /// Print what was received and what became of it on stderr every DURATION, such as 10s; SIGUSR1 prints it at any time
    #[arg(long, env = "IOT_STATS", hide_env_values = true)]
    #[arg(value_name = "DURATION", value_parser = parse_duration)]
    stats: Option<Duration>,

    /// Serve /metrics for Prometheus, /livez and /readyz by HTTP on ADDRESS:PORT; port 0 takes a free one, which is printed
    #[arg(long, env = "IOT_METRICS", hide_env_values = true)]
    #[arg(value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
}

impl WatchArgs {
    /// Returns what is to be shown.
    pub(super) fn plan(&self) -> WatchPlan {
        WatchPlan {
            stats: self.stats,
            metrics: self.metrics,
        }
    }
}
