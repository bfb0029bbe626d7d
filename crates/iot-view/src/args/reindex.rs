//! The options of `reindex`.

use clap::Parser;
use clap::builder::BoolishValueParser;
use iot_cli::CommandArgs;

use super::store::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  iot-view reindex --store sqlite:iot.db
  iot-view reindex --store sqlite:iot.db --all
  iot-view reindex --quiet
";

/// Make the rollups (minutes, hours and days) from which charts are fast, while iot-sub writes
#[derive(Debug, Parser)]
#[command(name = "reindex", before_help = EXAMPLES)]
pub(crate) struct ReindexArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,

    /// Create all of them again, not only what is missing
    #[arg(long, env = "IOT_REINDEX_ALL", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), help_heading = "Reindex")]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) command: CommandArgs,
}
