//! The brokers of a configuration as one list, and the configuration of a connection to one of
//! them.

use super::broker::BrokerAddress;
use super::client::ClientConfig;

impl ClientConfig {
    /// Returns all brokers, the one of `host` and `port` first.
    pub(crate) fn all_brokers(&self) -> impl Iterator<Item = BrokerAddress> {
        std::iter::once(self.first_broker()).chain(self.brokers.iter().cloned())
    }

    /// Returns the broker of `host` and `port`.
    fn first_broker(&self) -> BrokerAddress {
        BrokerAddress {
            host: self.host.clone(),
            port: self.port,
            transport: self.transport.clone(),
            #[cfg(feature = "tls")]
            tls: self.tls.clone(),
        }
    }

    /// Returns the configuration of a connection to this broker.
    pub(crate) fn toward(&self, broker: BrokerAddress) -> Self {
        Self {
            host: broker.host,
            port: broker.port,
            transport: broker.transport,
            #[cfg(feature = "tls")]
            tls: broker.tls,
            ..self.clone()
        }
    }
}
