//! The client's certificate and its key.

use tokio_rustls::rustls;

use super::version_1::is_unsupported_version;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

/// Puts a certificate chain and the private key of its first certificate together.
///
/// rustls cannot read a certificate of X.509 version 1. Whether it will do is the broker's to
/// decide, so it is sent as it is.
///
/// # Errors
/// The key cannot be used, or the certificate is not one or belongs to another key.
pub(super) fn load(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Error> {
    let pair = CertifiedKey::new(chain, provider.key_provider.load_private_key(key)?);
    match pair.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(pair),
        Err(Error::InvalidCertificate(error)) if is_unsupported_version(&error) => {
            if holds_key(&pair) {
                Ok(pair)
            } else {
                Err(InconsistentKeys::KeyMismatch.into())
            }
        }
        Err(error) => Err(error),
    }
}

/// Whether the public key stands in the certificate, or is unknown.
fn holds_key(pair: &CertifiedKey) -> bool {
    let Some(public) = pair.key.public_key() else {
        return true;
    };
    let cert = pair.cert.first().map_or(&[][..], |cert| cert);
    cert.windows(public.len())
        .any(|bytes| bytes == public.as_ref())
}
