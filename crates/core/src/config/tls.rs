//! TLS by rustls: whom to trust, who we are, and what went wrong in words.

mod files;
mod keylog;
mod verifier;
mod words;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls;

use super::Duplex;
use crate::error::Error;
use keylog::KeyLogFile;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use verifier::Verifier;

/// What TLS is set up from: Paho's `tls_set`, and mosquitto's options of the same names. The default
/// trusts the authorities that the operating system trusts.
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
    /// PEM file with the certificates of the authorities to trust. A broker's own certificate, signed
    /// by itself, is trusted too if it stands here. Default none.
    pub cafile: Option<PathBuf>,
    /// Folder with such files; those in it that hold no certificate are passed over. Default none.
    pub capath: Option<PathBuf>,
    /// Whether the authorities are trusted that the operating system trusts. They are, whatever stands
    /// here, if neither `cafile` nor `capath` is given. Default `false`.
    pub os_certs: bool,
    /// PEM file with this client's certificate, and after it those of the authorities in between; needs
    /// [`key`](Self::key). Default none.
    pub cert: Option<PathBuf>,
    /// PEM file with the certificate's private key (PKCS#8, PKCS#1 or SEC1), not encrypted; needs
    /// [`cert`](Self::cert). Default none.
    pub key: Option<PathBuf>,
    /// Whether the broker's name is left unchecked. Its certificate still has to come from a trusted
    /// authority; whoever has any other certificate of that authority can pose as the broker. Default
    /// `false`.
    pub insecure: bool,
    /// Protocols to offer by ALPN (RFC 7301), 1 to 255 bytes each; MQTT's is `mqtt`. Default none.
    pub alpn: Vec<String>,
    /// The only version to speak. Default: 1.3 or 1.2.
    pub version: Option<TlsVersion>,
    /// File to which the secrets of each connection are appended, in the format of `SSLKEYLOGFILE`:
    /// who has it can read everything that was recorded on the network. Default none.
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
    type Err = Error;

    /// Reads `1.2` and `1.3`, and mosquitto's `tlsv1.2` and `tlsv1.3`.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "1.2" | "tlsv1.2" => Ok(Self::V12),
            "1.3" | "tlsv1.3" => Ok(Self::V13),
            _ => Err(Error::Config(
                "TLS versions are 1.2 and 1.3; older ones are broken".into(),
            )),
        }
    }
}

impl TlsOptions {
    /// Reads all files and checks that they fit together. What comes out is cheap to clone, and to be
    /// shared by many clients.
    ///
    /// # Errors
    /// [`Error::Config`] for options that don't go together, [`Error::Tls`] for a file that can't be
    /// read or doesn't hold what it should.
    pub fn load(&self) -> Result<Tls, Error> {
        let versions = match self.version {
            None => &[&TLS13, &TLS12][..],
            Some(TlsVersion::V12) => &[&TLS12],
            Some(TlsVersion::V13) => &[&TLS13],
        };
        for protocol in &self.alpn {
            if !(1..=255).contains(&protocol.len()) {
                return Err(Error::Config(format!(
                    "the ALPN protocol `{protocol}` has {} bytes, 1 to 255 are allowed",
                    protocol.len()
                )));
            }
        }
        let pair = match (&self.cert, &self.key) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some((cert, key)),
            (Some(_), None) => {
                return Err(Error::Config(
                    "--cert needs --key FILE, the certificate's private key".into(),
                ));
            }
            (None, Some(_)) => {
                return Err(Error::Config(
                    "--key needs --cert FILE, the certificate that the key belongs to".into(),
                ));
            }
        };
        // Named, not the process's default: others in the process may have set another one, or none.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new(self, &provider)?;
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|error| Error::Tls(format!("TLS cannot be set up: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match pair {
            None => config.with_no_client_auth(),
            Some((cert, key)) => {
                let chain = files::certificates(cert, "client certificate")?;
                config
                    .with_client_auth_cert(chain, files::private_key(key)?)
                    .map_err(|error| words::of_pair(&error, cert, key))?
            }
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.clone().into()).collect();
        if let Some(path) = &self.keylog {
            config.key_log = Arc::new(KeyLogFile::open(path)?);
        }
        Ok(Tls {
            config: Arc::new(config),
            options: Some(Arc::new(self.clone())),
        })
    }
}

/// A TLS configuration, ready for use. Clones share it, and the sessions that brokers let be resumed.
#[derive(Clone)]
pub struct Tls {
    config: Arc<rustls::ClientConfig>,
    /// What it was made from.
    options: Option<Arc<TlsOptions>>,
}

impl Tls {
    /// Returns a configuration of rustls' own as it is: Paho's `tls_set_context`.
    pub fn from_rustls(config: Arc<rustls::ClientConfig>) -> Self {
        Self {
            config,
            options: None,
        }
    }

    /// Returns what it was loaded from; `None` after [`from_rustls`](Self::from_rustls).
    pub fn options(&self) -> Option<&TlsOptions> {
        self.options.as_deref()
    }

    /// Does the handshake with the broker of that name.
    pub(super) async fn connect(&self, host: &str, socket: TcpStream) -> io::Result<Secured> {
        let name = server_name(host).map_err(io::Error::other)?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        match connector.connect(name, socket).await {
            Ok(stream) => Ok(Secured(stream)),
            Err(error) => Err(words::of_handshake(error)),
        }
    }
}

/// The same one, not only an equal one.
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

/// The name that the broker's certificate is checked for.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, Error> {
    ServerName::try_from(host.to_owned()).map_err(|_| {
        Error::Config(format!(
            "`{host}` is no host name that a certificate could hold"
        ))
    })
}

/// A TLS connection whose errors are told in words.
#[derive(Debug)]
pub(super) struct Secured(TlsStream<TcpStream>);

impl Duplex for Secured {
    fn socket(&self) -> Option<&TcpStream> {
        Some(self.0.get_ref().0)
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.0).poll_read(cx, buf) {
            // Brokers that just close, without TLS's own goodbye, are common. MQTT has its own framing and
            // acknowledgements: an attacker who cuts the stream gains nothing by that.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Poll::Ready(Ok(()))
            }
            result => result.map_err(words::of_stream),
        }
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0)
            .poll_write(cx, bytes)
            .map_err(words::of_stream)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0)
            .poll_flush(cx)
            .map_err(words::of_stream)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0)
            .poll_shutdown(cx)
            .map_err(words::of_stream)
    }
}
