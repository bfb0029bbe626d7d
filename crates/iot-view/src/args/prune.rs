//! The options of `prune`.

use clap::Parser;
use clap::builder::BoolishValueParser;
use iot_cli::{CommandArgs, Moment, Timezone};

use super::store::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  iot-view prune --store sqlite:iot.db --older-than 90d
  iot-view prune --older-than 1d --keep-rollups --yes
  iot-view prune --older-than 2026-01-01
";

/// Delete old readings, rejected messages and reports of alerts, while iot-sub writes
#[derive(Debug, Parser)]
#[command(name = "prune", before_help = EXAMPLES)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,

    /// Delete what is older than TIME (SQLite: in whole hours): 90d, or a day such as 2026-01-01
    #[arg(long, env = "IOT_OLDER_THAN", hide_env_values = true)]
    #[arg(value_name = "TIME", required = true, help_heading = "Prune")]
    pub(crate) older_than: Option<Moment>,

    /// Keep the minutes, hours and days that charts are made of (SQLite)
    #[arg(long, env = "IOT_KEEP_ROLLUPS", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), help_heading = "Prune")]
    pub(crate) keep_rollups: bool,

    /// Delete without asking
    #[arg(long, env = "IOT_YES", hide_env_values = true, help_heading = "Prune")]
    #[arg(value_parser = BoolishValueParser::new())]
    pub(crate) yes: bool,

    /// Use time zone ZONE for days: local, UTC, +02:00 or Europe/Berlin [default: local]
    #[arg(long, env = "IOT_TIMEZONE", hide_env_values = true)]
    #[arg(help_heading = "Prune")]
    #[arg(value_name = "ZONE", allow_hyphen_values = true)]
    #[arg(hide_short_help = true)]
    pub(crate) timezone: Option<Timezone>,

    #[command(flatten)]
    pub(crate) command: CommandArgs,
}
