//! The options of `page`.

use std::net::SocketAddr;

use clap::Parser;
use iot_cli::{BrokerArgs, CommandArgs, PageArgs, parse_socket_address};

use super::store::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  iot-view page --store sqlite:iot.db
  iot-view page --store sqlite:iot.db --host broker.local
  iot-view page --store sqlite:iot.db -L mqtts://ada@broker.local --cafile ca.pem --ask-password
";

/// Serve a page for browsers: the stored readings, charts, and with --host also live readings
#[derive(Debug, Parser)]
#[command(name = "page", before_help = EXAMPLES)]
pub(crate) struct PageCommand {
    /// Listen on ADDRESS:PORT [default: 127.0.0.1:8188]; port 0 uses a free port
    #[arg(value_name = "ADDRESS:PORT", value_parser = parse_socket_address)]
    #[arg(help_heading = "Arguments")]
    pub(crate) address: Option<SocketAddr>,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    #[command(flatten)]
    pub(crate) access: PageArgs,

    #[command(flatten)]
    pub(crate) broker: BrokerArgs,

    /// Subscribe to topic filter FILTER (can be repeated)
    #[arg(short, long, env = "IOT_TOPIC", hide_env_values = true)]
    #[arg(value_name = "FILTER", default_value = "iot/#")]
    #[arg(help_heading = "Live readings")]
    pub(crate) topic: Vec<String>,

    #[command(flatten)]
    pub(crate) command: CommandArgs,
}
