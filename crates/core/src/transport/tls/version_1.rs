//! Certificates of X.509 version 1 or 2, which rustls does not read.

use tokio_rustls::rustls::CertificateError;

/// Whether this error says that a certificate is of version 1 or 2.
pub(super) fn is_unsupported_version(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(cause) if format!("{:?}", cause.0) == "UnsupportedCertVersion")
}
