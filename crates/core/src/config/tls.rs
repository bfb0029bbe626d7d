//! The settings of TLS, and what is loaded from them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::error::config::ConfigError;

/// The options of TLS: Paho's `tls_set`, and mosquitto's options of the same names.
///
/// The default trusts the operating system's authorities.
///
/// ```no_run
/// use iot_core::ClientConfig;
/// use iot_core::transport::TlsOptions;
///
/// # fn run() -> Result<(), iot_core::Error> {
/// let options = TlsOptions { cafile: Some("ca.pem".into()), ..TlsOptions::default() };
/// let config = ClientConfig { port: 8883, tls: Some(options.load()?), ..ClientConfig::default() };
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM file with the certificates of the authorities to trust. A broker's own self-signed
    /// certificate in it is trusted too. Default none.
    pub cafile: Option<PathBuf>,
    /// Folder with such files; files in it without a certificate are skipped. Default none.
    pub capath: Option<PathBuf>,
    /// Whether to trust the operating system's authorities as well. They are trusted anyway if
    /// neither `cafile` nor `capath` is set. Default `false`.
    pub os_certs: bool,
    /// PEM file with this client's certificate, followed by those of intermediate authorities;
    /// needs [`key`](Self::key). Default none.
    pub cert: Option<PathBuf>,
    /// PEM file with the certificate's private key (PKCS#8, PKCS#1 or SEC1), not encrypted; needs
    /// [`cert`](Self::cert). Default none.
    pub key: Option<PathBuf>,
    /// Whether to skip the check of the broker's name. Its certificate still has to come from a
    /// trusted authority, but any certificate of that authority is accepted. Default `false`.
    pub insecure: bool,
    /// Protocols to offer by ALPN (RFC 7301), 1 to 255 bytes each; MQTT's is `mqtt`. Default none.
    pub alpn: Vec<String>,
    /// The only TLS version to use. Default: 1.3 or 1.2.
    pub version: Option<TlsVersion>,
    /// File to append the secrets of each connection to, in the format of `SSLKEYLOGFILE`. With it,
    /// everything that was recorded on the network can be read. Default none.
    pub keylog: Option<PathBuf>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    V12,
    /// TLS 1.3.
    V13,
}

impl FromStr for TlsVersion {
    type Err = ConfigError;

    /// Reads `1.2` and `1.3`, and mosquitto's `tlsv1.2` and `tlsv1.3`.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "1.2" | "tlsv1.2" => Ok(Self::V12),
            "1.3" | "tlsv1.3" => Ok(Self::V13),
            _ => Err(ConfigError::TlsVersion),
        }
    }
}

/// A TLS configuration, ready for use: [`TlsOptions::load`] makes it. Clones share it, and the TLS
/// sessions that they resume.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    /// `None` if it wraps a configuration of rustls.
    options: Option<Arc<TlsOptions>>,
}

impl Tls {
    /// Wraps a configuration of rustls: Paho's `tls_set_context`.
    pub fn from_rustls(config: Arc<ClientConfig>) -> Self {
        Self {
            config,
            options: None,
        }
    }

    /// Returns the configuration that was loaded from these options.
    pub(crate) fn loaded(config: ClientConfig, options: TlsOptions) -> Self {
        Self {
            config: Arc::new(config),
            options: Some(Arc::new(options)),
        }
    }

    /// Returns the configuration as rustls has it.
    pub(crate) fn rustls(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// Returns the options that it was loaded from; `None` after
    /// [`from_rustls`](Self::from_rustls).
    pub fn options(&self) -> Option<&TlsOptions> {
        self.options.as_deref()
    }
}

/// Two are equal if they share one configuration.
impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Returns the name that the broker's certificate is checked for.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, ConfigError> {
    ServerName::try_from(host.to_owned()).map_err(|_| ConfigError::HostName(host.into()))
}
