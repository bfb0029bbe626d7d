//! The options that say what carries the packets.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use super::Given;
use crate::error::Error;
use crate::transport::{Proxy, Transport, WebSocket};

/// The options of the transport below MQTT and TLS.
#[derive(Debug, Args)]
#[command(next_help_heading = "Transport")]
pub struct TransportArgs {
    /// Connect to the Unix socket PATH
    #[arg(long, env = "IOT_UNIX", hide_env_values = true, value_name = "PATH")]
    unix: Option<PathBuf>,

    /// Connect through the SOCKS5 proxy socks5h://[USER[:PASSWORD]@]HOST[:PORT], which resolves the broker's name
    #[arg(long, env = "IOT_PROXY", hide_env_values = true, value_name = "URL")]
    proxy: Option<String>,

    /// Speak MQTT over WebSocket
    #[arg(long, env = "IOT_WS", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    ws: bool,

    /// Ask for the WebSocket at PATH [default: /mqtt]
    #[arg(long, env = "IOT_WS_PATH", hide_env_values = true, value_name = "PATH")]
    ws_path: Option<String>,

    /// Ask for it with the header NAME: VALUE (can be repeated)
    #[arg(long, env = "IOT_WS_HEADER", hide_env_values = true)]
    #[arg(value_name = "NAME: VALUE")]
    ws_header: Vec<String>,

    /// Send small packets at once (TCP_NODELAY), as is done anyway; --nodelay=false lets TCP gather them
    #[arg(long, env = "IOT_NODELAY", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), value_name = "BOOL")]
    #[arg(action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    #[arg(
        default_value = "true",
        default_missing_value = "true",
        hide_default_value = true
    )]
    #[arg(hide_possible_values = true)]
    pub(super) nodelay: bool,
}

impl TransportArgs {
    /// Returns what the options mean; `scheme` is the URL's, if there is one.
    pub(super) fn transport(
        &self,
        given: &Given,
        scheme: Option<&str>,
    ) -> Result<Transport, Error> {
        let wrong = |why: String| Err(Error::Config(why));
        let unix = self.unix.as_ref().filter(|_| {
            // A variable that says where makes no command line fail.
            let unix = given.rank("unix");
            ["url", "host", "port"].into_iter().all(|id| {
                given.rank(id).is_none_or(|other| {
                    unix.is_some_and(|unix| unix > other || unix.is_beside(other))
                })
            })
        });
        if let Some(path) = unix {
            let unix = given.rank("unix");
            for id in ["url", "host", "port"] {
                let beside = |rank: super::Rank| unix.is_some_and(|unix| unix.is_beside(rank));
                if given.rank(id).is_some_and(beside) {
                    return wrong(format!(
                        "--unix and --{id} both say where the broker is: give one of them"
                    ));
                }
            }
            if self.ws {
                return wrong("--unix has no WebSocket: leave out --ws".into());
            }
            if path.as_os_str().is_empty() {
                return wrong("--unix needs the path of a socket".into());
            }
        }
        let over_websocket = self.ws || matches!(scheme, Some("ws" | "wss"));
        if let (true, Some(scheme @ ("mqtt" | "mqtts"))) = (self.ws, scheme) {
            return wrong(format!(
                "--ws asks for WebSocket, the URL for {scheme}://: write ws:// or wss://, or leave out --ws"
            ));
        }
        if !over_websocket {
            for (given, name) in [
                (self.ws_path.is_some(), "--ws-path"),
                (!self.ws_header.is_empty(), "--ws-header"),
            ] {
                if given {
                    return wrong(format!("{name} needs --ws, or a URL with ws:// or wss://"));
                }
            }
        }
        if over_websocket {
            let mut options = WebSocket::default();
            if let Some(path) = &self.ws_path {
                options.path.clone_from(path);
            }
            for header in &self.ws_header {
                // The value may be a secret, and a header without a colon may be all value.
                let Some((name, value)) = header.split_once(':') else {
                    return wrong("--ws-header needs a name and a value: 'NAME: VALUE'".into());
                };
                let header = (name.trim().to_owned(), value.trim().to_owned());
                options.headers.push(header);
            }
            return Ok(Transport::WebSocket(options));
        }
        Ok(match unix {
            #[cfg(unix)]
            Some(path) => Transport::Unix(path.clone()),
            #[cfg(not(unix))]
            Some(_) => return wrong("this system has no Unix sockets for --unix".into()),
            None => Transport::Tcp,
        })
    }

    /// Returns the proxy.
    pub(super) fn proxy(&self) -> Result<Option<Proxy>, Error> {
        self.proxy
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|error: Error| Error::Config(format!("--proxy: {error}")))
    }
}
