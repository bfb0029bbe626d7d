//! The options of TLS.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};

use crate::origin::Origins;
use crate::url::WITH_TLS;
use iot_core::error::Error;
use iot_core::transport::{Tls, TlsOptions, TlsVersion};

/// The options of TLS, with mosquitto's names. Any of them turns it on.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsArgs {
    /// Use TLS, and trust the certificate authorities in the PEM file FILE
    #[arg(long, env = "IOT_CAFILE", hide_env_values = true, value_name = "FILE")]
    cafile: Option<PathBuf>,

    /// Use TLS, and trust the certificate authorities in the PEM files in FOLDER
    #[arg(long, env = "IOT_CAPATH", hide_env_values = true)]
    #[arg(value_name = "FOLDER", hide_short_help = true)]
    capath: Option<PathBuf>,

    /// Use TLS, and trust the system's certificate authorities (the default without --cafile and
    /// --capath)
    #[arg(long, env = "IOT_TLS_USE_OS_CERTS", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(hide_short_help = true)]
    tls_use_os_certs: bool,

    /// Use the client certificate in the PEM file FILE (needs --key)
    #[arg(long, env = "IOT_CERT", hide_env_values = true, value_name = "FILE")]
    #[arg(hide_short_help = true)]
    cert: Option<PathBuf>,

    /// Use the private key in the PEM file FILE, not encrypted (needs --cert)
    #[arg(long, env = "IOT_KEY", hide_env_values = true, value_name = "FILE")]
    #[arg(hide_short_help = true)]
    key: Option<PathBuf>,

    /// Skip the check that the certificate belongs to HOST
    #[arg(long, env = "IOT_INSECURE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(hide_short_help = true)]
    insecure: bool,

    /// Use TLS version VERSION only [default: 1.3 or 1.2]
    #[arg(long, env = "IOT_TLS_VERSION", hide_env_values = true)]
    #[arg(value_name = "VERSION")]
    #[arg(value_parser = PossibleValuesParser::new(VERSIONS).try_map(|text| text.parse::<TlsVersion>()))]
    #[arg(hide_short_help = true)]
    tls_version: Option<TlsVersion>,

    /// Offer PROTOCOL by ALPN
    #[arg(long, env = "IOT_TLS_ALPN", hide_env_values = true)]
    #[arg(value_name = "PROTOCOL")]
    #[arg(hide_short_help = true)]
    tls_alpn: Option<String>,

    /// Append the connection's secrets to FILE, for Wireshark (they decrypt all traffic)
    #[arg(long, env = "IOT_TLS_KEYLOG", hide_env_values = true)]
    #[arg(value_name = "FILE", hide_short_help = true)]
    tls_keylog: Option<PathBuf>,
}

const VERSIONS: [&str; 4] = ["1.2", "1.3", "tlsv1.2", "tlsv1.3"];

impl TlsArgs {
    /// Returns whether any of them is given.
    fn is_given(&self) -> bool {
        let files = [
            &self.cafile,
            &self.capath,
            &self.cert,
            &self.key,
            &self.tls_keylog,
        ];
        let has_value = files.into_iter().any(Option::is_some)
            || self.tls_version.is_some()
            || self.tls_alpn.is_some();
        has_value || self.tls_use_os_certs || self.insecure
    }

    /// Returns what the options mean, with all files read.
    ///
    /// # Errors
    /// As [`TlsOptions::load`].
    pub(crate) fn load(&self, origins: &Origins) -> Result<Option<Tls>, Error> {
        if !self.is_given() && !origins.is_set(WITH_TLS) {
            return Ok(None);
        }
        self.load_options().map(Some)
    }

    /// Returns what the options mean for a broker that needs TLS, with all files read.
    ///
    /// # Errors
    /// As [`TlsOptions::load`].
    pub(crate) fn load_options(&self) -> Result<Tls, Error> {
        let options = TlsOptions {
            cafile: self.cafile.clone(),
            capath: self.capath.clone(),
            os_certs: self.tls_use_os_certs,
            cert: self.cert.clone(),
            key: self.key.clone(),
            insecure: self.insecure,
            alpn: self.tls_alpn.iter().cloned().collect(),
            version: self.tls_version,
            keylog: self.tls_keylog.clone(),
        };
        options.load()
    }
}
