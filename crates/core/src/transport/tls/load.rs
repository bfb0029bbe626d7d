//! Loads the files that [`TlsOptions`] name.

use std::sync::Arc;

use tokio_rustls::rustls;

use super::key_log::KeyLogFile;
use super::verifier::Verifier;
use super::{client_pair, errors, pem};
use crate::config::{Tls, TlsOptions, TlsVersion};
use crate::error::Error;
use crate::error::config::ConfigError;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};

impl TlsOptions {
    /// Reads all files and checks that they go together. The result is cheap to clone; share it
    /// between clients.
    ///
    /// # Errors
    /// [`Error::Config`] for options that don't go together, [`Error::Tls`] for a file that can't
    /// be read or has the wrong content.
    pub fn load(&self) -> Result<Tls, Error> {
        let versions = match self.version {
            None => &[&TLS13, &TLS12][..],
            Some(TlsVersion::V12) => &[&TLS12],
            Some(TlsVersion::V13) => &[&TLS13],
        };
        for protocol in &self.alpn {
            if !(1..=255).contains(&protocol.len()) {
                return Err(ConfigError::AlpnLength {
                    protocol: protocol.clone(),
                }
                .into());
            }
        }
        let pair = match (&self.cert, &self.key) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some((cert, key)),
            (Some(_), None) => {
                return Err(ConfigError::CertificateWithoutKey.into());
            }
            (None, Some(_)) => {
                return Err(ConfigError::KeyWithoutCertificate.into());
            }
        };
        // Not the process's default provider: the program may have set another one, or none.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new(self, &provider)?;
        let config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(|error| Error::Tls(format!("TLS cannot be set up: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match pair {
            None => config.with_no_client_auth(),
            Some((cert, key)) => {
                let chain = pem::certificates(cert, "client certificate")?;
                let pair = client_pair::load(chain, pem::private_key(key)?, &provider)
                    .map_err(|error| errors::unusable_pair(&error, cert, key))?;
                config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair)))
            }
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.clone().into()).collect();
        if let Some(path) = &self.keylog {
            config.key_log = Arc::new(KeyLogFile::open(path)?);
        }
        Ok(Tls::loaded(config, self.clone()))
    }
}
