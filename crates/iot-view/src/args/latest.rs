//! The options of `latest`.

use std::time::Duration;

use clap::Parser;
use clap::builder::BoolishValueParser;
use iot_cli::{CommandArgs, parse_duration};

use super::filter::FilterArgs;
use super::store::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  iot-view latest --store sqlite:iot.db
  iot-view latest 'home/#' --watch
  iot-view latest --silent 10m || echo 'a sensor is silent'
";

/// Print the latest reading of each series: topic, metric, value, unit, age, readings an hour
#[derive(Debug, Parser)]
#[command(name = "latest", before_help = EXAMPLES)]
pub(crate) struct LatestArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    /// Print only series that have been silent for longer than DURATION; exit with 1 if there is
    /// one
    #[arg(long, env = "IOT_SILENT", hide_env_values = true)]
    #[arg(help_heading = "Output")]
    #[arg(value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) silent: Option<Duration>,

    /// Print again every INTERVAL, until Ctrl-C [default INTERVAL: 2s]
    #[arg(long, env = "IOT_LATEST_WATCH", hide_env_values = true)]
    #[arg(help_heading = "Output")]
    #[arg(value_name = "INTERVAL", value_parser = parse_duration)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "2s")]
    #[arg(conflicts_with = "json")]
    pub(crate) watch: Option<Duration>,

    /// Print each series as a JSON object, one a line
    #[arg(long, env = "IOT_JSON", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) command: CommandArgs,
}
