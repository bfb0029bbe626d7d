//! Several brokers, and the order in which they are tried.

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use iot_core::config::{BrokerOrder, ClientConfig};
use iot_core::transport::{Tls, Transport, WebSocket};
use iot_core::{BrokerAddress, Error, Protocol};

use crate::error::UsageError;
use crate::host::Host;
use crate::origin::Origins;

/// The options of several brokers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct SeveralBrokersArgs {
    /// Select the next of several brokers at random, or in the order that is given
    #[arg(long, env = "IOT_HOST_ORDER", hide_env_values = true)]
    #[arg(value_name = "ORDER", value_enum, default_value = "random")]
    #[arg(hide_short_help = true)]
    host_order: HostOrder,

    /// Connect to another broker if the broker names one (MQTT 5); it gets user name and password
    #[arg(long, env = "IOT_FOLLOW_REDIRECTS", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), hide_short_help = true)]
    follow_redirects: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HostOrder {
    /// So that many clients spread over the brokers.
    Random,
    /// The first one that can be reached.
    Given,
}

impl SeveralBrokersArgs {
    /// Sets the brokers beside the first one, and their order. `load_tls` reads the options of TLS
    /// for a broker that needs it if the first one does not.
    ///
    /// # Errors
    /// [`UsageError`] for redirects without MQTT 5; those of `load_tls`.
    pub(crate) fn apply(
        &self,
        config: &mut ClientConfig,
        further: &[Host],
        port: Option<u16>,
        load_tls: impl Fn() -> Result<Tls, Error>,
        origins: &Origins,
    ) -> anyhow::Result<()> {
        let is_v5 = config.protocol == Protocol::V5;
        if self.follow_redirects && !is_v5 && origins.is_typed("follow_redirects") {
            let name = origins.name("follow_redirects");
            return Err(UsageError::new(format!("{name} needs MQTT 5 (give -V 5)")).into());
        }
        config.follow_redirects = self.follow_redirects && is_v5;
        config.broker_order = match self.host_order {
            HostOrder::Random => BrokerOrder::Random,
            HostOrder::Given => BrokerOrder::Given,
        };
        add_brokers(config, further, port, load_tls)?;
        Ok(())
    }
}

/// Adds the brokers beside the first one. `port` is that of hosts without one; `load_tls` reads the
/// options of TLS for a broker that needs it if the first one does not.
///
/// # Errors
/// Those of `load_tls`.
pub(crate) fn add_brokers(
    config: &mut ClientConfig,
    further: &[Host],
    port: Option<u16>,
    load_tls: impl Fn() -> Result<Tls, Error>,
) -> Result<(), Error> {
    for host in further {
        let (transport, tls) = match host.scheme {
            None => (config.transport.clone(), config.tls.clone()),
            Some(scheme) => (
                transport(scheme.is_websocket, &config.transport),
                match (scheme.has_tls, &config.tls) {
                    (false, _) => None,
                    (true, Some(tls)) => Some(tls.clone()),
                    (true, None) => Some(load_tls()?),
                },
            ),
        };
        config.brokers.push(BrokerAddress {
            host: host.name.clone(),
            port: host.port_or(port, tls.is_some()),
            transport,
            tls,
        });
    }
    Ok(())
}

/// Returns the transport of a URL beside the first broker's, whose options of WebSocket count.
fn transport(is_websocket: bool, first: &Transport) -> Transport {
    match first {
        _ if !is_websocket => Transport::Tcp,
        Transport::WebSocket(options) => Transport::WebSocket(options.clone()),
        _ => Transport::WebSocket(WebSocket::default()),
    }
}
