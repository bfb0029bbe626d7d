//! The options of the embedded broker.

#[cfg(feature = "embedded")]
use std::net::SocketAddr;

use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "Embedded broker")]
pub(crate) struct EmbeddedArgs {
    /// Run a broker inside this process, and store in a file
    #[cfg(feature = "embedded")]
    #[arg(long, env = "IOT_EMBEDDED", hide_env_values = true, group = "broker")]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    #[arg(conflicts_with_all = ["AddressArgs", "TransportArgs", "WebSocketArgs", "TlsArgs", "durable", "forget", "share", "drain_spool"])]
    embedded: bool,

    /// Listen on ADDRESS:PORT [default: 127.0.0.1:1883]
    #[cfg(feature = "embedded")]
    #[arg(long, env = "IOT_LISTEN", hide_env_values = true, requires = "broker")]
    #[arg(value_name = "ADDRESS:PORT", value_parser = iot_cli::parse_socket_address)]
    listen: Option<SocketAddr>,
}

impl EmbeddedArgs {
    /// Returns whether the broker runs.
    pub(crate) fn is_on(&self) -> bool {
        #[cfg(feature = "embedded")]
        return self.embedded;
        #[cfg(not(feature = "embedded"))]
        false
    }

    /// Returns its address, if it runs.
    #[cfg(feature = "embedded")]
    pub(crate) fn listen(&self) -> Option<SocketAddr> {
        let default = || ([127, 0, 0, 1], 1883).into();
        self.embedded.then(|| self.listen.unwrap_or_else(default))
    }
}
