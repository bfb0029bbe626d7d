//! The brokers that a client may connect to.

#[cfg(feature = "tls")]
use super::tls::Tls;
use super::transport::Transport;
use crate::url::Authority;

/// One of several brokers: its address, and how it is reached.
///
/// ```
/// use iot_core::{BrokerAddress, ClientConfig};
///
/// let config = ClientConfig {
///     host: "a.example".into(),
///     brokers: vec![BrokerAddress::new("b.example", 1883)],
///     ..ClientConfig::default()
/// };
/// assert_eq!(config.brokers[0].address(), "b.example:1883");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerAddress {
    /// Host name or address of the broker. TLS checks its certificate for it.
    pub host: String,
    /// TCP port of the broker.
    pub port: u16,
    /// What carries the packets.
    pub transport: Transport,
    /// TLS on top of it.
    #[cfg(feature = "tls")]
    pub tls: Option<Tls>,
}

/// The order in which several brokers are tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BrokerOrder {
    /// At random, so that many clients spread over the brokers.
    #[default]
    Random,
    /// As they are given, from the first on after each connection.
    Given,
}

impl BrokerAddress {
    /// Returns the address of a broker that is reached by TCP without TLS.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            transport: Transport::Tcp,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Returns `HOST:PORT`, or the path of the Unix socket, as messages name the broker.
    pub fn address(&self) -> String {
        address(&self.host, self.port, &self.transport)
    }
}

/// Returns `HOST:PORT`, or the path of the Unix socket.
pub(super) fn address(host: &str, port: u16, transport: &Transport) -> String {
    #[cfg(unix)]
    if let Some(path) = transport.path() {
        return path.display().to_string();
    }
    #[cfg(not(unix))]
    let _ = transport;
    Authority::join(host, port)
}
