//! Certificates and keys from PEM files.

use std::fs;
use std::path::{Path, PathBuf};

use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{Error, io_reason};
use crate::small_file::read_small_file;

/// Reads the certificates of a file: at least one.
pub(super) fn certificates(path: &Path, what: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found = parse(&read(path, what)?)
        .map_err(|why| Error::Tls(format!("{what} `{}`: {why}", path.display())))?;
    if found.is_empty() {
        return Err(Error::Tls(format!(
            "{what} `{}` holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)",
            path.display()
        )));
    }
    Ok(found)
}

/// Reads the certificates of all files of a folder: at least one.
pub(super) fn certificates_in(folder: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let cannot = |error: &std::io::Error| {
        Error::Tls(format!(
            "cannot read the folder of authorities `{}`: {}",
            folder.display(),
            io_reason(error)
        ))
    };
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|error| cannot(&error))?;
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        // Skips subfolders, unreadable files and files without a certificate.
        if let Ok(text) = read_small_file(&path) {
            found.extend(parse(&text).unwrap_or_default());
        }
    }
    if found.is_empty() {
        return Err(Error::Tls(format!(
            "no file in `{}` holds a certificate in PEM form",
            folder.display()
        )));
    }
    Ok(found)
}

/// Reads the first private key of a file.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let text = read(path, "private key")?;
    let shown = path.display();
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok(key),
        Err(PemError::NoItemsFound) if is_encrypted(&text) => Err(Error::Tls(format!(
            "private key `{shown}` is encrypted, which is not supported: `openssl pkey -in {shown} -out PLAIN` decrypts it"
        ))),
        Err(PemError::NoItemsFound) => Err(Error::Tls(format!(
            "`{shown}` holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)"
        ))),
        Err(error) => Err(Error::Tls(format!("private key `{shown}`: {error}"))),
    }
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>, Error> {
    read_small_file(path).map_err(|error| {
        Error::Tls(format!(
            "cannot read {what} `{}`: {}",
            path.display(),
            io_reason(&error)
        ))
    })
}

fn parse(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())
}

/// PKCS#8 says so in the first line, PKCS#1 and SEC1 in a header.
fn is_encrypted(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}
