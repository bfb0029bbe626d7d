//! The options of `alerts`.

use clap::Parser;
use clap::builder::BoolishValueParser;
use iot_cli::CommandArgs;

use super::filter::FilterArgs;
use super::period::PeriodArgs;
use super::store::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  iot-view alerts --store sqlite:iot.db
  iot-view alerts 'iot/freezer/#' --since 7d
  iot-view alerts --json | jq -r 'select(.kind == \"current\").topic'
";

/// Print the alerts of iot-sub that are firing or pending, and what they reported
#[derive(Debug, Parser)]
#[command(name = "alerts", before_help = EXAMPLES)]
pub(crate) struct AlertsArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    #[command(flatten)]
    pub(crate) period: PeriodArgs,

    /// Print the latest COUNT reports [default: 20; all with --since or --until]
    #[arg(long, env = "IOT_LAST", hide_env_values = true)]
    #[arg(value_name = "COUNT", help_heading = "Output")]
    pub(crate) last: Option<usize>,

    /// Print each line as a JSON object
    #[arg(long, env = "IOT_JSON", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) command: CommandArgs,
}
