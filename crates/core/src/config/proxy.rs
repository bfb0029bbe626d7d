//! The settings of a SOCKS5 proxy.

use std::fmt;
use std::str::FromStr;

use crate::error::config::ConfigError;
use crate::url::Authority;

/// A SOCKS5 proxy between client and broker.
///
/// The proxy resolves the broker's name. So names work that only the proxy knows, and no look-up
/// shows them on the local network.
///
/// ```
/// use iot_core::transport::Proxy;
///
/// let proxy: Proxy = "socks5h://ada:secret@[::1]:1080".parse().unwrap();
/// assert_eq!((proxy.host.as_str(), proxy.port), ("::1", 1080));
/// assert_eq!(proxy.username.as_deref(), Some("ada"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Host name or address of the proxy.
    pub host: String,
    /// Its TCP port; 1080 by convention.
    pub port: u16,
    /// User name, 1 to 255 bytes (RFC 1929). Default none.
    pub username: Option<String>,
    /// Password, 1 to 255 bytes; a user name needs one, and it needs a user name. Default none.
    pub password: Option<String>,
}

impl Proxy {
    /// Returns a proxy without user name and password.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            username: None,
            password: None,
        }
    }

    /// Checks what the proxy's protocol can carry.
    pub(crate) fn check(&self, broker: &str) -> Result<(), ConfigError> {
        for (name, text) in [
            ("the proxy's user name", self.username.as_deref()),
            ("the proxy's password", self.password.as_deref()),
            ("the broker's name, for a proxy,", Some(broker)),
        ] {
            if let Some(length @ 256..) = text.map(str::len) {
                return Err(ConfigError::TooLong {
                    name,
                    length,
                    limit: 255,
                });
            }
        }
        match (&self.username, &self.password) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(ConfigError::ProxyPasswordWithoutUserName),
            // RFC 1929 counts both from 1 byte; some proxies hang up on 0.
            (Some(name), _) if name.is_empty() => Err(ConfigError::ProxyUserNameEmpty),
            (Some(_), Some(password)) if !password.is_empty() => Ok(()),
            (Some(_), _) => Err(ConfigError::ProxyUserNameWithoutPassword),
        }
    }

    /// Returns `HOST:PORT`, as messages name the proxy.
    pub(crate) fn address(&self) -> String {
        Authority::join(&self.host, self.port)
    }
}

impl FromStr for Proxy {
    type Err = ConfigError;

    /// Reads `socks5h://[user:password@]host[:port]`, with port 1080 as the default. Characters
    /// with a meaning in a URL are percent-encoded in user and password.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let Some(("socks5h", rest)) = text.split_once("://") else {
            return Err(ConfigError::ProxyUrl);
        };
        let authority = Authority::parse(rest.strip_suffix('/').unwrap_or(rest))?;
        let proxy = Self {
            host: authority.host,
            port: authority.port.unwrap_or(1080),
            username: authority.username,
            password: authority.password,
        };
        proxy.check("")?;
        Ok(proxy)
    }
}

/// Everything but the password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("address", &self.address())
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = text.parse::<Proxy>().unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_proxy_is_read_from_its_url() {
        let proxy: Proxy = "socks5h://proxy".parse().unwrap();
        assert_eq!(proxy, Proxy::new("proxy", 1080));
        let proxy: Proxy = "socks5h://a%40b:p%3Aw@[::1]:9/".parse().unwrap();
        assert_eq!(proxy.address(), "[::1]:9");
        assert_eq!(proxy.username.as_deref(), Some("a@b"));
        assert_eq!(proxy.password.as_deref(), Some("p:w"));
        assert!(!format!("{proxy:?}").contains("p:w"));
        let form = "a proxy is socks5h://[USER:PASSWORD@]HOST[:PORT]";
        refused("socks5://proxy", form);
        refused("proxy:1080", form);
        refused("socks5h://:pw@proxy", "the proxy's user name is empty");
        let no_password = "the proxy's user name needs a password";
        refused("socks5h://ada@proxy", no_password);
        refused("socks5h://ada:@proxy", no_password);
        refused(
            &format!("socks5h://{}@proxy", "u".repeat(256)),
            "the proxy's user name has 256 bytes, at most 255 are allowed",
        );
    }
}
