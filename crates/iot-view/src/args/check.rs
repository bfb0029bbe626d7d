//! The options of `check`.

use std::time::Duration;

use clap::Parser;
use iot_cli::{CommandArgs, parse_duration};

use super::filter::FilterArgs;
use super::period::PeriodArgs;
use super::store::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  iot-view check --store sqlite:iot.db
  iot-view check 'home/#' --since 7d --gap 1h
  iot-view check --since yesterday || echo 'look at the readings'
";

/// Check readings: counts by day, gaps, duplicates, times in the future, outliers, integrity of the
/// file. Exits with 1 for a gap, a duplicate, a time in the future or a damaged file
#[derive(Debug, Parser)]
#[command(name = "check", before_help = EXAMPLES)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    #[command(flatten)]
    pub(crate) period: PeriodArgs,

    /// Accept DURATION between two readings [default: 10 times what is usual in the series]
    #[arg(long, env = "IOT_GAP", hide_env_values = true, help_heading = "Check")]
    #[arg(value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) gap: Option<Duration>,

    /// Print the counts of the last DAYS days that have readings
    #[arg(long, env = "IOT_DAYS", hide_env_values = true, help_heading = "Check")]
    #[arg(value_name = "DAYS", default_value_t = 14)]
    pub(crate) days: usize,

    #[command(flatten)]
    pub(crate) command: CommandArgs,
}
