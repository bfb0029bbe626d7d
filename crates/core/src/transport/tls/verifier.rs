//! The check of the broker's certificate.

use std::sync::Arc;

use tokio_rustls::rustls;

use super::pem;
use crate::config::TlsOptions;
use crate::error::Error;
use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Checks as rustls does by itself, with two exceptions. A certificate that is in `cafile` or
/// `capath` itself is trusted even if it says that it is an authority, as in many small
/// installations and as mosquitto's clients do. And the check of the name may be skipped.
#[derive(Debug)]
pub(super) struct Verifier {
    chain: Arc<WebPkiServerVerifier>,
    /// The certificates of `cafile` and `capath`.
    named: Vec<CertificateDer<'static>>,
    checks_name: bool,
}

impl Verifier {
    pub(super) fn new(options: &TlsOptions, provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        let mut named = Vec::new();
        let mut roots = RootCertStore::empty();
        if let Some(path) = &options.cafile {
            named = pem::certificates(path, "CA file")?;
            for certificate in &named {
                roots.add(certificate.clone()).map_err(|error| {
                    Error::Tls(format!("CA file `{}`: {error}", path.display()))
                })?;
            }
        }
        if let Some(folder) = &options.capath {
            let found = pem::certificates_in(folder)?;
            roots.add_parsable_certificates(found.iter().cloned());
            named.extend(found);
        }
        if options.os_certs || named.is_empty() {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            for error in found.errors {
                tracing::warn!(%error, "the system's certificates");
            }
        }
        if roots.is_empty() {
            return Err(Error::Tls(
                "this system trusts no certificate authority (apt-get install ca-certificates, or name one by --cafile FILE)".into(),
            ));
        }
        let chain = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider))
            .build()
            .map_err(|error| Error::Tls(format!("TLS cannot be set up: {error}")))?;
        Ok(Self {
            chain,
            named,
            checks_name: !options.insecure,
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let checked =
            self.chain
                .verify_server_cert(certificate, intermediates, name, ocsp_response, now);
        match checked {
            // The name is checked last: everything else is valid.
            Err(rustls::Error::InvalidCertificate(
                NotValidForName | NotValidForNameContext { .. },
            )) if !self.checks_name => Ok(ServerCertVerified::assertion()),
            // Its dates are checked before this.
            Err(error) if is_authority(&error) && self.named.contains(certificate) => {
                if self.checks_name {
                    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Returns whether a certificate was refused only because it says that it is an authority.
pub(super) fn is_authority(error: &rustls::Error) -> bool {
    let rustls::Error::InvalidCertificate(rustls::CertificateError::Other(cause)) = error else {
        return false;
    };
    // The type is private to a dependency of rustls.
    format!("{:?}", cause.0) == "CaUsedAsEndEntity"
}
