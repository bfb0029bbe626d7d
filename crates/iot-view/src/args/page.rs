//! The options of `page`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser};
use iot_cli::{CommandArgs, PageArgs};

use super::store::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  iot-view page --store sqlite:iot.db
  iot-view page --store sqlite:iot.db --host broker.local
";

/// Serve a page for browsers: the stored readings, charts, and with --host also live readings
#[derive(Debug, Parser)]
#[command(name = "page", before_help = EXAMPLES)]
pub(crate) struct PageCommand {
    /// Listen on ADDRESS:PORT [default: 127.0.0.1:8188]; port 0 uses a free port
    #[arg(value_name = "ADDRESS:PORT", help_heading = "Arguments")]
    pub(crate) address: Option<SocketAddr>,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    #[command(flatten)]
    pub(crate) access: PageArgs,

    #[command(flatten)]
    pub(crate) broker: BrokerArgs,

    #[command(flatten)]
    pub(crate) command: CommandArgs,
}

/// The broker of live readings.
#[derive(Debug, Args)]
#[command(next_help_heading = "Live readings")]
pub(crate) struct BrokerArgs {
    /// Subscribe at the broker HOST, and show readings as they arrive
    #[arg(long, env = "IOT_HOST", hide_env_values = true, value_name = "HOST")]
    pub(crate) host: Option<String>,

    /// Use port PORT of the broker
    #[arg(short, long, env = "IOT_PORT", hide_env_values = true)]
    #[arg(value_name = "PORT", default_value = "1883")]
    pub(crate) port: u16,

    /// Subscribe to topic filter FILTER (can be repeated)
    #[arg(short, long, env = "IOT_TOPIC", hide_env_values = true)]
    #[arg(value_name = "FILTER", default_value = "iot/#")]
    pub(crate) topic: Vec<String>,

    /// Use user name NAME at the broker
    #[arg(short, long, env = "IOT_USERNAME", hide_env_values = true)]
    #[arg(value_name = "NAME")]
    pub(crate) username: Option<String>,

    /// Read the broker's password from the first line of FILE
    #[arg(long, env = "IOT_PASSWORD_FILE", hide_env_values = true)]
    #[arg(value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}
