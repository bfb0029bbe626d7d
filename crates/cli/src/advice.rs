//! What may help if a broker does not accept the connection.

use iot_core::Protocol;
use iot_core::config::{ClientConfig, Transport};
use iot_core::error::Error;
use iot_core::transport::Tls;

/// The port that brokers commonly use without TLS.
const PLAIN_PORT: u16 = 1883;
/// Ports that brokers commonly use with TLS only.
const TLS_PORTS: [u16; 3] = [443, 8883, 8884];

/// Whether TLS may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MissingTls {
    No,
    /// The port is not the usual one without TLS.
    Possible,
    /// The port is a usual one of TLS.
    Likely,
}

/// What may help if a broker does not accept the connection.
#[derive(Debug)]
pub(crate) struct Advice {
    is_v5: bool,
    /// Of each broker, by its address.
    missing_tls: Vec<(String, MissingTls)>,
    /// The client gives a user name, or a certificate.
    has_user: bool,
}

impl Advice {
    pub(crate) fn new(config: &ClientConfig) -> Self {
        let first = (
            config.address(),
            missing_tls(config.port, config.tls.as_ref(), &config.transport),
        );
        let further = config.brokers.iter().map(|broker| {
            let missing = missing_tls(broker.port, broker.tls.as_ref(), &broker.transport);
            (broker.address(), missing)
        });
        Self {
            is_v5: config.protocol == Protocol::V5,
            missing_tls: std::iter::once(first).chain(further).collect(),
            has_user: config.username.is_some(),
        }
    }

    /// Returns the advice for a connection that the broker at `address` did not accept, in
    /// brackets, or nothing.
    pub(crate) fn for_error(&self, error: &Error, address: &str) -> &'static str {
        let is_silent = matches!(error, Error::Closed | Error::ConnectTimeout);
        let is_version = matches!(error, Error::Refused { code, .. } if code.is_protocol_version());
        if matches!(error, Error::Refused { code, .. } if code.is_authorization()) {
            return if self.has_user {
                " (check the user name and password)"
            } else {
                " (does it need a user? -u NAME --password-file FILE)"
            };
        }
        let may_be_version = self.is_v5 && (is_silent || is_version);
        let mut brokers = self.missing_tls.iter();
        let broker = brokers.find(|(broker, _)| broker == address);
        let missing_tls = broker.map_or(MissingTls::No, |(_, missing)| *missing);
        match (missing_tls, may_be_version) {
            (MissingTls::Likely, _) | (MissingTls::Possible, false) if is_silent => {
                " (does this port need TLS? --tls-use-os-certs, or --cafile FILE)"
            }
            (MissingTls::Possible, true) if is_silent => {
                " (if this port needs TLS: --tls-use-os-certs, or --cafile FILE; if the broker does \
                 not support MQTT 5: -V mqttv311)"
            }
            (_, true) => " (if the broker does not support MQTT 5: -V mqttv311)",
            (_, false) => "",
        }
    }
}

fn missing_tls(port: u16, tls: Option<&Tls>, transport: &Transport) -> MissingTls {
    let is_plain = tls.is_none() && matches!(transport, Transport::Tcp);
    match port {
        port if is_plain && TLS_PORTS.contains(&port) => MissingTls::Likely,
        port if is_plain && port != PLAIN_PORT => MissingTls::Possible,
        _ => MissingTls::No,
    }
}

/// An error, followed by advice.
#[derive(Debug, thiserror::Error)]
#[error("{error}{advice}")]
pub(crate) struct Advised {
    #[source]
    pub(crate) error: Error,
    pub(crate) advice: &'static str,
}

impl Advised {
    /// Returns the error alone if there is no advice.
    pub(crate) fn into_error(self) -> anyhow::Error {
        if self.advice.is_empty() {
            self.error.into()
        } else {
            self.into()
        }
    }
}
