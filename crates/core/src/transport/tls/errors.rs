//! Errors of TLS, each one line that says what helps.

use std::io;
use std::path::Path;

use tokio_rustls::rustls;

use super::verifier::is_authority;
use super::version_1::is_unsupported_version;
use crate::error::Error;
use crate::error::failure::Failure;
use rustls::{AlertDescription, CertificateError, InconsistentKeys};

/// Returns why a certificate and a key don't go together.
pub(super) fn unusable_pair(error: &rustls::Error, cert: &Path, key: &Path) -> Error {
    let (cert, key) = (cert.display(), key.display());
    Error::Tls(match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            format!("private key `{key}` does not belong to client certificate `{cert}`")
        }
        error => {
            format!("client certificate `{cert}` and private key `{key}` cannot be used: {error}")
        }
    })
}

/// Returns why the handshake failed.
pub(super) fn no_connection(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => Failure::temporary(
            error.kind(),
            "the broker closed the connection during the TLS handshake (does it speak TLS on this port?)",
        ),
        _ => broken(error),
    }
}

/// Returns why a connection broke.
pub(super) fn broken(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    match cause.map(explain) {
        Some(text) => Failure::permanent(text),
        None => error,
    }
}

fn explain(error: &rustls::Error) -> String {
    match error {
        _ if is_authority(error) => {
            "the broker's certificate is an authority's own, which is trusted only if --cafile has exactly this certificate".into()
        }
        rustls::Error::InvalidCertificate(error) => certificate(error),
        rustls::Error::AlertReceived(alert) => alert_received(*alert),
        rustls::Error::InvalidMessage(_) | rustls::Error::InappropriateMessage { .. } => {
            "the broker does not speak TLS on this port".into()
        }
        rustls::Error::PeerIncompatible(cause) => format!(
            "the broker's TLS does not match ours: {cause:?} (TLS 1.2 and 1.3 are supported, --tls-version restricts them)"
        ),
        error => format!("TLS failed: {error}"),
    }
}

fn certificate(error: &CertificateError) -> String {
    const DAY: u64 = 24 * 60 * 60;
    match error {
        CertificateError::ExpiredContext { time, not_after } => format!(
            "the broker's certificate has expired, {} days ago (the broker needs a new one, unless this machine's clock is wrong)",
            time.as_secs().saturating_sub(not_after.as_secs()) / DAY
        ),
        CertificateError::Expired => "the broker's certificate has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the broker's certificate is not valid yet (is this machine's clock right?)".into()
        }
        CertificateError::UnknownIssuer => {
            "the broker's certificate comes from an authority that is not trusted here (--cafile FILE trusts the one in FILE)".into()
        }
        CertificateError::BadSignature => {
            "the broker's certificate names a trusted authority, which has not signed it (--cafile FILE trusts the one in FILE)".into()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            let names: Vec<_> = presented.iter().take(5).map(|name| shown(name)).collect();
            let whose = if names.is_empty() {
                "it holds no name at all (subjectAltName)".into()
            } else {
                format!("it names {}", names.join(", "))
            };
            format!(
                "the broker's certificate is not for `{expected}`: {whose} (connect by such a name, or leave names unchecked with --insecure)"
            )
        }
        CertificateError::NotValidForName => {
            "the broker's certificate is not for this host name (--insecure leaves names unchecked)".into()
        }
        CertificateError::Revoked => "the broker's certificate has been revoked".into(),
        error if is_unsupported_version(error) => {
            "the broker's certificate is X.509 version 1 or 2, and 3 is needed (make it with a subjectAltName)".into()
        }
        error => format!("the broker's certificate is not valid: {error}"),
    }
}

/// Returns the library's `DnsName("localhost")` and `IpAddress(127.0.0.1)` as `localhost`,
/// `127.0.0.1`.
fn shown(name: &str) -> String {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or(name);
    format!("`{}`", inner.trim_matches('"').escape_debug())
}

fn alert_received(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "the broker wants a client certificate (--cert FILE --key FILE)".into()
        }
        AlertDescription::HandshakeFailure => {
            "the broker broke off the TLS handshake (it may want a client certificate, --cert FILE --key FILE, or other ciphers)".into()
        }
        AlertDescription::UnknownCA => {
            "the broker does not know the authority of the client certificate (--cert)".into()
        }
        AlertDescription::CertificateExpired => {
            "the broker does not take the client certificate: it has expired (--cert)".into()
        }
        AlertDescription::CertificateRevoked => {
            "the broker does not take the client certificate: it has been revoked (--cert)".into()
        }
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::DecryptError => {
            format!("the broker does not take the client certificate: {alert:?} (--cert)")
        }
        AlertDescription::ProtocolVersion => {
            "the broker speaks no TLS version that is allowed here (--tls-version)".into()
        }
        AlertDescription::NoApplicationProtocol => {
            "the broker speaks none of the ALPN protocols that were offered (--tls-alpn)".into()
        }
        alert => format!("the broker broke off TLS: {alert:?}"),
    }
}
