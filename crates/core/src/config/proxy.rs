//! A SOCKS5 proxy (RFC 1928, with the passwords of RFC 1929). The proxy resolves the broker's name.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::str::FromStr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Failure;
use super::tcp;
use crate::config::ClientConfig;
use crate::error::{Error, io_reason};
use crate::url::Authority;

const VERSION: u8 = 5;
const PASSWORD_VERSION: u8 = 1;
const NO_PASSWORD: u8 = 0;
const PASSWORD: u8 = 2;
const NONE_SUITS: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// A SOCKS5 proxy between client and broker. It gets the broker's name as it is, so that names
/// which only the proxy can resolve work, and nobody nearby sees them looked up.
///
/// ```
/// use iot_core::transport::Proxy;
///
/// let proxy: Proxy = "socks5h://ada:secret@[::1]:1080".parse().unwrap();
/// assert_eq!(proxy, Proxy { username: Some("ada".into()), password: Some("secret".into()), ..Proxy::new("::1", 1080) });
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Host name or address of the proxy.
    pub host: String,
    /// Its TCP port; 1080 by convention.
    pub port: u16,
    /// User name, 1 to 255 bytes (RFC 1929). Default none.
    pub username: Option<String>,
    /// Password, at most 255 bytes; only with a user name. Default none.
    pub password: Option<String>,
}

impl Proxy {
    /// Returns a proxy that asks for no password.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            username: None,
            password: None,
        }
    }

    /// Checks what the proxy's protocol can carry.
    pub(super) fn check(&self, broker: &str) -> Result<(), Error> {
        for (name, text) in [
            ("the proxy's user name", self.username.as_deref()),
            ("the proxy's password", self.password.as_deref()),
            ("the broker's name, for a proxy,", Some(broker)),
        ] {
            if let Some(len @ 256..) = text.map(str::len) {
                return Err(Error::Config(format!(
                    "{name} has {len} bytes, at most 255 are allowed"
                )));
            }
        }
        match (&self.username, &self.password) {
            (None, Some(_)) => Err(Error::Config(
                "the proxy's password needs a user name".into(),
            )),
            // RFC 1929 counts from 1; some proxies hang up on 0.
            (Some(name), _) if name.is_empty() => {
                Err(Error::Config("the proxy's user name is empty".into()))
            }
            _ => Ok(()),
        }
    }

    fn address(&self) -> String {
        Authority::join(&self.host, self.port)
    }

    /// Connects to the broker through the proxy.
    pub(super) async fn connect(&self, config: &ClientConfig) -> io::Result<TcpStream> {
        let mut stream = tcp::connect(config, &self.host, self.port)
            .await
            .map_err(|error| {
                let hint = match error.kind() {
                    io::ErrorKind::ConnectionRefused => " (is the proxy running there?)",
                    _ => "",
                };
                let text = format!("{}{hint}", io_reason(&error));
                Failure::temporary(error.kind(), self.says(&text))
            })?;
        match self.ask(&mut stream, &config.host, config.port).await {
            Ok(()) => Ok(stream),
            Err(error) if Failure::is_in(&error) => Err(error),
            Err(error) => {
                let text = match error.kind() {
                    io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::BrokenPipe => {
                        "it closed the connection (does it speak SOCKS5 there?)".to_owned()
                    }
                    _ => io_reason(&error),
                };
                Err(Failure::temporary(error.kind(), self.says(&text)))
            }
        }
    }

    fn says(&self, text: &str) -> String {
        format!("proxy `{}`: {text}", self.address())
    }

    fn refuses(&self, text: &str) -> io::Error {
        Failure::permanent(self.says(text))
    }

    pub(super) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        host: &str,
        port: u16,
    ) -> io::Result<()> {
        let methods: &[u8] = match &self.username {
            None => &[VERSION, 1, NO_PASSWORD],
            Some(_) => &[VERSION, 2, NO_PASSWORD, PASSWORD],
        };
        stream.write_all(methods).await?;
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).await?;
        self.check_version(answer[0])?;
        match (answer[1], &self.username) {
            (NO_PASSWORD, _) => {}
            (PASSWORD, Some(username)) => self.sign_in(stream, username).await?,
            (NONE_SUITS, None) => {
                return Err(self.refuses(
                    "it wants a user name and a password (socks5h://USER:PASSWORD@HOST)",
                ));
            }
            (NONE_SUITS, Some(_)) => {
                return Err(self.refuses("it takes no user name and password"));
            }
            (method, _) => {
                return Err(self.refuses(&format!(
                    "it chose authentication method {method}, which it was not offered"
                )));
            }
        }
        stream.write_all(&request(host, port)).await?;
        let mut reply = [0; 4];
        stream.read_exact(&mut reply).await?;
        self.check_version(reply[0])?;
        self.check_reply(reply[1])?;
        // Where the proxy connects from: of no use here, but to be read, and never more than this.
        let mut address = [0; 255 + 2];
        let len = match reply[3] {
            IPV4 => 4,
            IPV6 => 16,
            NAME => usize::from(stream.read_u8().await?),
            kind => return Err(self.refuses(&format!("it answered with address type {kind}"))),
        };
        stream.read_exact(&mut address[..len + 2]).await?;
        Ok(())
    }

    async fn sign_in<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        username: &str,
    ) -> io::Result<()> {
        let mut bytes = vec![PASSWORD_VERSION];
        for text in [username, self.password.as_deref().unwrap_or("")] {
            // `check` has seen to it that it fits.
            bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(text.as_bytes());
        }
        stream.write_all(&bytes).await?;
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).await?;
        if answer[1] != 0 {
            return Err(self.refuses("it refuses user name and password"));
        }
        Ok(())
    }

    fn check_version(&self, version: u8) -> io::Result<()> {
        if version == VERSION {
            return Ok(());
        }
        Err(self.refuses("it does not speak SOCKS5"))
    }

    fn check_reply(&self, code: u8) -> io::Result<()> {
        let text = match code {
            0 => return Ok(()),
            1 => "it failed to connect to the broker",
            2 => return Err(self.refuses("its rules forbid the connection to the broker")),
            3 => "the broker's network is unreachable from there",
            4 => "the broker is unreachable from there",
            5 => "the broker refused its connection (is a broker running there?)",
            6 => "the broker is too far away from there",
            7 => return Err(self.refuses("it does not take CONNECT")),
            8 => return Err(self.refuses("it does not take this kind of address")),
            code => return Err(self.refuses(&format!("it answered with the unknown code {code}"))),
        };
        Err(Failure::temporary(
            io::ErrorKind::HostUnreachable,
            self.says(text),
        ))
    }
}

/// The request to connect, RFC 1928 §4.
fn request(host: &str, port: u16) -> Vec<u8> {
    let mut bytes = vec![VERSION, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            bytes.push(IPV4);
            bytes.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            bytes.push(IPV6);
            bytes.extend_from_slice(&address.octets());
        }
        Err(_) => {
            bytes.push(NAME);
            bytes.push(u8::try_from(host.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(host.as_bytes());
        }
    }
    bytes.extend_from_slice(&port.to_be_bytes());
    bytes
}

impl FromStr for Proxy {
    type Err = Error;

    /// Reads `socks5h://[user[:password]@]host[:port]`, port 1080 if there is none. What has a meaning in
    /// a URL is percent-encoded in user and password. What is wrong is an [`Error::Config`].
    fn from_str(text: &str) -> Result<Self, Error> {
        let Some(("socks5h", rest)) = text.split_once("://") else {
            return Err(Error::Config(
                "a proxy is socks5h://[USER[:PASSWORD]@]HOST[:PORT]".into(),
            ));
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

    #[test]
    fn the_request_carries_names_as_they_are() {
        assert_eq!(request("a.b", 1883), b"\x05\x01\x00\x03\x03a.b\x07\x5b");
        assert_eq!(
            request("1.2.3.4", 1883),
            b"\x05\x01\x00\x01\x01\x02\x03\x04\x07\x5b"
        );
        assert_eq!(
            request("::1", 1883),
            b"\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x07\x5b"
        );
    }

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
        let form = "a proxy is socks5h://[USER[:PASSWORD]@]HOST[:PORT]";
        refused("socks5://proxy", form);
        refused("proxy:1080", form);
        refused("socks5h://:pw@proxy", "the proxy's user name is empty");
        refused(
            &format!("socks5h://{}@proxy", "u".repeat(256)),
            "the proxy's user name has 256 bytes, at most 255 are allowed",
        );
    }
}
