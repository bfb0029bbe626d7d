//! The broker of a program that does more than to receive: it has one only if that is asked for.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use iot_core::Protocol;
use iot_core::config::ClientConfig;

use crate::connect::{VERSIONS, keep_alive, protocol};
use crate::credentials::CredentialArgs;
use crate::error::UsageError;
use crate::host::{Hosts, parse_hosts, port};
use crate::origin::Origins;
use crate::several_brokers::add_brokers;
use crate::tls::TlsArgs;
use crate::transport::{TransportArgs, WebSocketArgs};
use crate::url::UrlArgs;

/// The options of a connection that only subscribes, with the names that they have in `iot-sub`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Live readings")]
pub struct BrokerArgs {
    #[command(flatten)]
    address: AddressArgs,

    #[command(flatten)]
    url: UrlArgs,

    /// Use client identifier ID [default: a random one]
    #[arg(short, long, env = "IOT_ID", hide_env_values = true, value_name = "ID")]
    #[arg(hide_short_help = true)]
    id: Option<String>,

    /// Send a ping after SECONDS without traffic: 1 to 65535, or 0 for never
    #[arg(short, long, env = "IOT_KEEPALIVE", hide_env_values = true)]
    #[arg(default_value = "60", value_name = "SECONDS", value_parser = keep_alive)]
    #[arg(hide_short_help = true)]
    keepalive: u16,

    /// Use protocol version VERSION: mqttv31, mqttv311, mqttv5
    #[arg(
        short = 'V',
        long,
        env = "IOT_PROTOCOL_VERSION",
        hide_env_values = true
    )]
    #[arg(
        default_value = "mqttv311",
        value_name = "VERSION",
        hide_possible_values = true
    )]
    #[arg(value_parser = PossibleValuesParser::new(VERSIONS)
        .map(|version| protocol(&version)))]
    #[arg(hide_short_help = true)]
    protocol_version: Protocol,

    #[command(flatten)]
    credentials: CredentialArgs,

    #[command(flatten)]
    transport: TransportArgs,

    #[command(flatten)]
    websocket: WebSocketArgs,

    #[command(flatten)]
    tls: TlsArgs,
}

/// Where the broker is. A group of options that others exclude.
#[derive(Debug, Args)]
#[command(next_help_heading = "Live readings")]
struct AddressArgs {
    /// Connect to broker HOST[,HOST:PORT...], and show readings as they
    /// arrive
    #[arg(long, env = "IOT_HOST", hide_env_values = true, value_name = "HOST")]
    #[arg(value_parser = parse_hosts)]
    host: Option<Hosts>,

    /// Connect to TCP port PORT [default: 1883, with TLS 8883]
    #[arg(short, long, env = "IOT_PORT", hide_env_values = true)]
    #[arg(value_name = "PORT", value_parser = port)]
    port: Option<u16>,

    /// Connect from the local address ADDRESS
    #[arg(short = 'A', long, env = "IOT_BIND", hide_env_values = true)]
    #[arg(value_name = "ADDRESS", hide_short_help = true)]
    bind: Option<IpAddr>,
}

impl BrokerArgs {
    /// Returns the configuration that the options mean, or nothing without a broker; reads the
    /// password file, or asks for the password.
    ///
    /// # Errors
    /// [`UsageError`] and what [`ClientConfig::checked`] finds, for options that do not go
    /// together or need a broker; the system's for a file that cannot be read.
    pub fn config(&self, origins: &Origins) -> Result<Option<ClientConfig>> {
        let hosts = self.address.host.clone();
        let of_socket = || self.transport.is_unix().then(|| Hosts::one("localhost"));
        let Some(Hosts { first, further }) = hosts.or_else(of_socket) else {
            Self::check_unused(origins)?;
            return Ok(None);
        };
        let tls = self.tls.load(origins)?;
        let port = self.address.port;
        let mut config = ClientConfig {
            port: first.port_or(port, tls.is_some()),
            host: first.name,
            bind_address: self.address.bind,
            transport: self.transport.transport(&self.websocket, origins)?,
            tls,
            proxy: self.transport.proxy(origins)?,
            nodelay: self.transport.nodelay,
            client_id: self.id.clone().unwrap_or_default(),
            protocol: self.protocol_version,
            keep_alive: Duration::from_secs(self.keepalive.into()),
            username: self.credentials.username.clone(),
            ..ClientConfig::default()
        };
        add_brokers(&mut config, &further, port, || self.tls.load_options())?;
        // Last: the user is asked for a password only if the rest is right.
        let config = config.checked()?;
        let password = self.credentials.password(origins)?;
        Ok(Some(ClientConfig { password, ..config }.checked()?))
    }

    /// Options that are typed without a broker have been meant for one.
    fn check_unused(origins: &Origins) -> Result<(), UsageError> {
        match origins.typed_of::<Self>() {
            None => Ok(()),
            Some(name) => Err(UsageError::new(format!(
                "{name} needs a broker (give --host HOST)"
            ))),
        }
    }
}
