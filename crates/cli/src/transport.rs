//! The options that say what carries the packets.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use crate::error::UsageError;
use crate::origin::Origins;
use iot_core::transport::{Proxy, Transport, WebSocket};

/// The options of the transport below MQTT and TLS.
#[derive(Debug, Args)]
#[command(next_help_heading = "Transport")]
pub(crate) struct TransportArgs {
    /// Connect to the Unix socket PATH
    #[arg(long, env = "IOT_UNIX", hide_env_values = true, value_name = "PATH")]
    #[arg(conflicts_with_all = ["AddressArgs", "proxy", "WebSocketArgs", "TlsArgs"])]
    #[arg(hide_short_help = true)]
    unix: Option<PathBuf>,

    /// Connect through the SOCKS5 proxy socks5h://[USER:PASSWORD@]HOST[:PORT]
    #[arg(long, env = "IOT_PROXY", hide_env_values = true, value_name = "URL")]
    #[arg(hide_short_help = true)]
    proxy: Option<String>,

    /// Send small packets at once, the default; with --nodelay=false, TCP collects them first
    #[arg(long, env = "IOT_NODELAY", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), value_name = "BOOL")]
    #[arg(action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    #[arg(
        default_value = "true",
        default_missing_value = "true",
        hide_default_value = true
    )]
    #[arg(hide_possible_values = true)]
    #[arg(hide_short_help = true)]
    pub(crate) nodelay: bool,
}

/// The options of WebSocket.
#[derive(Debug, Args)]
#[command(next_help_heading = "Transport")]
pub(crate) struct WebSocketArgs {
    /// Use MQTT over WebSocket
    #[arg(long, env = "IOT_WS", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), group = "websocket")]
    #[arg(hide_short_help = true)]
    ws: bool,

    /// Use PATH in the WebSocket request [default: /mqtt]
    #[arg(long, env = "IOT_WS_PATH", hide_env_values = true, value_name = "PATH")]
    #[arg(requires = "websocket")]
    #[arg(hide_short_help = true)]
    ws_path: Option<String>,

    /// Send the header NAME: VALUE with the WebSocket request (can be repeated)
    #[arg(long, env = "IOT_WS_HEADER", hide_env_values = true)]
    #[arg(value_name = "NAME: VALUE", requires = "websocket")]
    #[arg(hide_short_help = true)]
    ws_header: Vec<String>,
}

impl TransportArgs {
    /// Returns whether a Unix socket is named.
    pub(crate) fn is_unix(&self) -> bool {
        self.unix.is_some()
    }

    /// Returns what the options mean.
    pub(crate) fn transport(
        &self,
        websocket: &WebSocketArgs,
        origins: &Origins,
    ) -> Result<Transport, UsageError> {
        let wrong = |why: &str| Err(UsageError::new(why));
        if websocket.ws {
            let mut options = WebSocket::default();
            if let Some(path) = &websocket.ws_path {
                options.path.clone_from(path);
            }
            for header in &websocket.ws_header {
                // The value may be a secret, and a header without a colon may be all value.
                let Some((name, value)) = header.split_once(':') else {
                    let name = origins.name("ws_header");
                    return wrong(&format!(
                        "{name} needs a name and a value, as in 'NAME: VALUE'"
                    ));
                };
                let header = (name.trim().to_owned(), value.trim().to_owned());
                options.headers.push(header);
            }
            return Ok(Transport::WebSocket(options));
        }
        match &self.unix {
            None => Ok(Transport::Tcp),
            Some(path) if path.as_os_str().is_empty() => {
                let name = origins.name("unix");
                wrong(&format!("{name} needs the path of a socket"))
            }
            #[cfg(unix)]
            Some(path) => Ok(Transport::Unix(path.clone())),
            #[cfg(not(unix))]
            Some(_) => wrong("this system has no Unix sockets"),
        }
    }

    /// Returns the proxy.
    pub(crate) fn proxy(&self, origins: &Origins) -> Result<Option<Proxy>, UsageError> {
        self.proxy
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|error: iot_core::ConfigError| {
                let name = origins.name("proxy");
                UsageError::new(format!("invalid value for {name}: {error}"))
            })
    }
}
