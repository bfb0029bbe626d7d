//! What may help if a broker does not accept the connection.

use iot_core::Protocol;
use iot_core::config::ClientConfig;
use iot_core::error::Error;

/// Ports that brokers commonly use with TLS only.
const TLS_PORTS: [u16; 3] = [443, 8883, 8884];

/// What may help if a broker does not accept the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Advice {
    is_v5: bool,
    /// The port is a usual one of TLS, and TLS is not used.
    misses_tls: bool,
    /// The client gives a user name, or a certificate.
    has_user: bool,
}

impl Advice {
    pub(crate) fn new(config: &ClientConfig) -> Self {
        Self {
            is_v5: config.protocol == Protocol::V5,
            misses_tls: config.tls.is_none() && TLS_PORTS.contains(&config.port),
            has_user: config.username.is_some(),
        }
    }

    /// Returns the advice for a connection that was not accepted, in brackets, or nothing.
    pub(crate) fn for_error(self, error: &Error) -> &'static str {
        let is_silent = matches!(error, Error::Closed | Error::ConnectTimeout);
        let is_version = matches!(error, Error::Refused { code, .. } if code.is_protocol_version());
        if matches!(error, Error::Refused { code, .. } if code.is_authorization()) {
            return if self.has_user {
                " (check the user name and password)"
            } else {
                " (does it need a user? -u NAME --password-file FILE)"
            };
        }
        if self.misses_tls && is_silent {
            " (does this port need TLS? connect with --cafile FILE)"
        } else if self.is_v5 && (is_silent || is_version) {
            " (if the broker does not support MQTT 5: -V mqttv311)"
        } else {
            ""
        }
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
