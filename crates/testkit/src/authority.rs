//! Certificate authorities made for a test, and what they sign.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

static COUNTER: AtomicUsize = AtomicUsize::new(1);

/// A certificate authority that exists for one test; its files go with it.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key (PKCS#8), in PEM files.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The certificate's file.
    pub cert: PathBuf,
    /// The key's file.
    pub key: PathBuf,
}

/// The forms of a private key in a PEM file.
#[derive(Clone, Copy, Debug)]
pub enum KeyForm {
    /// An RSA key, `BEGIN RSA PRIVATE KEY`.
    Pkcs1,
    /// An elliptic one, `BEGIN EC PRIVATE KEY`.
    Sec1,
    /// `BEGIN ENCRYPTED PRIVATE KEY`.
    Encrypted,
}

impl Authority {
    /// Makes an authority.
    #[track_caller]
    #[expect(
        clippy::new_without_default,
        reason = "it works for a second and leaves files"
    )]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("Test authority {number}");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let folder = TempDir::new().expect("a temporary folder");
        fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("a file");
        Self { issuer, folder }
    }

    /// Returns the file of its certificate.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Returns the folder with this certificate, and with what was signed.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Signs a server's certificate for names and addresses.
    #[track_caller]
    pub fn server(&self, names: &[&str]) -> Pair {
        self.sign("server", &params(names))
    }

    /// Signs one that was valid until the year 2000.
    #[track_caller]
    pub fn expired(&self, names: &[&str]) -> Pair {
        let mut params = params(names);
        params.not_before = date_time_ymd(1999, 1, 1);
        params.not_after = date_time_ymd(2000, 1, 1);
        self.sign("expired", &params)
    }

    /// Signs one that will be valid from the year 3000 on.
    #[track_caller]
    pub fn future(&self, names: &[&str]) -> Pair {
        let mut params = params(names);
        params.not_before = date_time_ymd(3000, 1, 1);
        params.not_after = date_time_ymd(3001, 1, 1);
        self.sign("future", &params)
    }

    /// Signs a client's certificate with this common name.
    #[track_caller]
    pub fn client(&self, name: &str) -> Pair {
        let mut params = params(&[]);
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(name, &params)
    }

    /// Signs a client's certificate for a key in another form than PKCS#8.
    #[track_caller]
    pub fn client_with_key(&self, name: &str, form: KeyForm) -> Pair {
        let key = self.folder.path().join(format!("{name}.other-key"));
        let shown = key.display().to_string();
        let plain = format!("{shown}.plain");
        match form {
            KeyForm::Pkcs1 => openssl(&["genrsa", "-traditional", "-out", &shown, "2048"]),
            KeyForm::Sec1 | KeyForm::Encrypted => {
                let curve = ["-name", "prime256v1", "-genkey", "-noout", "-out"];
                openssl(&[&["ecparam"], &curve[..], &[&shown]].concat());
            }
        }
        openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", &shown, "-out", &plain]);
        if let KeyForm::Encrypted = form {
            let secret = ["-passout", "pass:secret", "-in", &plain, "-out", &shown];
            openssl(&[&["pkcs8", "-topk8"], &secret[..]].concat());
        }
        let signing = fs::read_to_string(&plain).expect("the key is there");
        let signing = KeyPair::from_pem(&signing).expect("a key");
        let mut params = params(&[]);
        params.distinguished_name.push(DnType::CommonName, name);
        let cert = params.signed_by(&signing, &self.issuer).expect("signed");
        let pair = self.pair(name);
        fs::write(&pair.cert, cert.pem()).expect("a file");
        Pair { key, ..pair }
    }

    /// Signs a client's certificate of X.509 version 1.
    #[track_caller]
    pub fn client_of_version_1(&self, name: &str) -> Pair {
        let pair = self.pair(name);
        let folder = self.folder.path();
        let shown = |path: PathBuf| path.display().to_string();
        let ca_key = shown(folder.join("ca.key"));
        fs::write(&ca_key, self.issuer.key().serialize_pem()).expect("a file");
        let (cert, key) = (shown(pair.cert.clone()), shown(pair.key.clone()));
        let (request, subject) = (format!("{cert}.request"), format!("/CN={name}"));
        let new = ["req", "-new", "-newkey", "rsa:2048", "-nodes"];
        openssl(
            &[
                &new[..],
                &["-subj", &subject, "-keyout", &key, "-out", &request],
            ]
            .concat(),
        );
        let ca = shown(self.path());
        let sign = ["x509", "-req", "-CAcreateserial", "-in", &request];
        openssl(&[&sign[..], &["-CA", &ca, "-CAkey", &ca_key, "-out", &cert]].concat());
        pair
    }

    /// Makes a self-signed certificate of an authority.
    #[track_caller]
    pub fn signed_by_itself(&self, names: &[&str]) -> Pair {
        let mut params = params(names);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let cert = params.self_signed(&key).expect("a certificate");
        let pair = self.pair("itself");
        fs::write(&pair.cert, cert.pem()).expect("a file");
        fs::write(&pair.key, key.serialize_pem()).expect("a file");
        pair
    }

    #[track_caller]
    fn sign(&self, name: &str, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("signed");
        let pair = self.pair(name);
        fs::write(&pair.cert, cert.pem()).expect("a file");
        fs::write(&pair.key, key.serialize_pem()).expect("a file");
        pair
    }

    /// Each certificate has its own file name, also with the same common name.
    fn pair(&self, name: &str) -> Pair {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        Pair {
            cert: self.folder.path().join(format!("{name}-{number}.pem")),
            key: self.folder.path().join(format!("{name}-{number}.key")),
        }
    }
}

#[track_caller]
fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.use_authority_key_identifier_extension = true;
    params
}

#[track_caller]
fn openssl(args: &[&str]) {
    let done = match Command::new("openssl").args(args).output() {
        Ok(done) => done,
        Err(error) => {
            panic!("cannot run openssl: {error}; scripts/install-test-servers installs it")
        }
    };
    assert!(done.status.success(), "openssl {args:?}: {done:?}");
}
