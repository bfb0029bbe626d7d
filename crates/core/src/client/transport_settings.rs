//! Paho's calls for what lies below MQTT: TLS, WebSocket, the proxy.

#[cfg(feature = "tls")]
use std::sync::Arc;

use super::shared::Client;
#[cfg(feature = "tls")]
use crate::error::ConfigError;
use crate::error::Error;
#[cfg(feature = "tls")]
use crate::mutex::lock;
use crate::transport::Proxy;
#[cfg(feature = "tls")]
use crate::transport::{Tls, TlsOptions};
#[cfg(feature = "websocket")]
use crate::transport::{Transport, WebSocket};

// All of it takes effect with the next connection.
impl<U: Send + 'static> Client<U> {
    /// Sets up TLS, from files that are read now. Takes effect with the next connection. It does
    /// not change the port; 8883 is the usual one.
    ///
    /// # Errors
    /// As [`TlsOptions::load`].
    #[cfg(feature = "tls")]
    pub fn tls_set(&self, options: &TlsOptions) -> Result<(), Error> {
        self.tls_set_context(Some(options.load()?))
    }

    /// Sets TLS settings that are loaded already, so that many clients share them; `None` for no
    /// TLS, the default. Takes effect with the next connection.
    ///
    /// # Errors
    /// [`Error::Config`] on a Unix socket, which has no TLS, and for a host name that no
    /// certificate could hold.
    #[cfg(feature = "tls")]
    pub fn tls_set_context(&self, tls: Option<Tls>) -> Result<(), Error> {
        self.change(|config| config.tls = tls).map(drop)
    }

    /// Selects whether the broker's name is not checked; see [`TlsOptions::insecure`]. The files
    /// are read again. Takes effect with the next connection. Default `false`.
    ///
    /// # Errors
    /// [`Error::Config`] without an earlier [`tls_set`](Self::tls_set); as [`TlsOptions::load`].
    #[cfg(feature = "tls")]
    pub fn tls_insecure_set(&self, insecure: bool) -> Result<(), Error> {
        let config = Arc::clone(&lock(&self.inner.control).config);
        let Some(options) = config.tls.as_ref().and_then(Tls::options) else {
            return Err(ConfigError::TlsNotSet.into());
        };
        self.tls_set(&TlsOptions {
            insecure,
            ..options.clone()
        })
    }

    /// Sets path and headers of the WebSocket, and chooses WebSocket, Paho's
    /// `transport="websockets"`. Takes effect with the next connection.
    ///
    /// # Errors
    /// [`Error::Config`] for text that is not valid in an HTTP request.
    #[cfg(feature = "websocket")]
    pub fn ws_set_options(&self, options: WebSocket) -> Result<(), Error> {
        self.change(|config| config.transport = Transport::WebSocket(options))
            .map(drop)
    }

    /// Sets the SOCKS5 proxy (RFC 1928); `None` for none, the default. Takes effect with the next
    /// connection.
    ///
    /// # Errors
    /// [`Error::Config`] for a user name, a password or a broker's name of more than 255 bytes, for
    /// a user name or a password without the other, and on a Unix socket.
    pub fn proxy_set(&self, proxy: Option<Proxy>) -> Result<(), Error> {
        self.change(|config| config.proxy = proxy).map(drop)
    }
}
