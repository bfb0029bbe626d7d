//! The options that say where the broker is.

use std::net::IpAddr;

use clap::Args;

use crate::host::{Hosts, parse_hosts, port};

/// Where the broker is. A group of options that others exclude: without flattened options.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct AddressArgs {
    /// Connect to broker HOST[,HOST:PORT...]
    #[arg(short = 'h', long, env = "IOT_HOST", hide_env_values = true)]
    #[arg(default_value = "localhost", value_name = "HOST", value_parser = parse_hosts)]
    pub(crate) host: Hosts,

    /// Connect to TCP port PORT [default: 1883, with TLS 8883]
    #[arg(short, long, env = "IOT_PORT", hide_env_values = true)]
    #[arg(value_name = "PORT", value_parser = port)]
    pub(crate) port: Option<u16>,

    /// Connect from the local address ADDRESS
    #[arg(short = 'A', long, env = "IOT_BIND", hide_env_values = true)]
    #[arg(value_name = "ADDRESS", hide_short_help = true)]
    pub(crate) bind: Option<IpAddr>,
}
