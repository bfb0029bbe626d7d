//! Asks a running program for its health, for `--health`: the check of a container's image that
//! has no other program.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use iot_cli::io_reason;

/// How long the connection, and each read of the answer, may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// More of an answer is not read.
const MAX_ANSWER_BYTES: u64 = 4 << 10;

/// The page of a running program that answers whether it is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HealthUrl {
    /// `ADDRESS:PORT`.
    address: String,
    path: String,
}

impl FromStr for HealthUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "it is http://ADDRESS:PORT, with /livez or /readyz behind it";
        let rest = text.strip_prefix("http://").ok_or(FORM)?;
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = address.rsplit_once(':').ok_or(FORM)?;
        if host.is_empty() || port.parse::<u16>().is_err() || host.contains('@') {
            return Err(FORM);
        }
        let path = match path {
            "" | "readyz" => "/readyz",
            "livez" => "/livez",
            _ => return Err(FORM),
        };
        Ok(Self {
            address: address.to_owned(),
            path: path.to_owned(),
        })
    }
}

impl fmt::Display for HealthUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.address, self.path)
    }
}

/// Returns if the page answers 200.
///
/// # Errors
/// Another answer, with its first line, or none.
pub(crate) fn check(url: &HealthUrl) -> Result<()> {
    let answer = ask(url).with_context(|| format!("`{url}` does not answer"))?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let mut words = head.split_ascii_whitespace();
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
    match words.next() {
        Some("200") if is_http => Ok(()),
        Some(code) if is_http => {
            let line = body.lines().next().unwrap_or_default();
            bail!("`{url}` answers {}: {}", shown(code), shown(line))
        }
        _ => bail!("`{url}` does not answer with HTTP"),
    }
}

fn ask(url: &HealthUrl) -> Result<Vec<u8>> {
    let mut stream = connect(&url.address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let HealthUrl { address, path } = url;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .map_err(|error| reason(&error))?;
    let mut answer = Vec::new();
    stream
        .take(MAX_ANSWER_BYTES)
        .read_to_end(&mut answer)
        .map_err(|error| reason(&error))?;
    Ok(answer)
}

/// Connects to the first address of a host that accepts.
fn connect(address: &str) -> Result<TcpStream> {
    let mut last = anyhow!("host not found");
    let addresses = address.to_socket_addrs().map_err(|error| reason(&error))?;
    for address in addresses {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = reason(&error),
        }
    }
    Err(last)
}

fn reason(error: &std::io::Error) -> anyhow::Error {
    match error.kind() {
        // No broker is meant here.
        ErrorKind::ConnectionRefused => {
            anyhow!("connection refused (does iot-sub run there with --metrics?)")
        }
        ErrorKind::WouldBlock | ErrorKind::TimedOut => anyhow!("no answer in time"),
        _ => anyhow!(io_reason(error)),
    }
}

/// What came from the network, for a terminal.
fn shown(text: &str) -> String {
    text.escape_debug().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readyz_is_meant_unless_livez_is_named() {
        for (text, expected) in [
            ("http://127.0.0.1:9464", "http://127.0.0.1:9464/readyz"),
            ("http://[::1]:9464/", "http://[::1]:9464/readyz"),
            ("http://localhost:1/livez", "http://localhost:1/livez"),
        ] {
            let url: HealthUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), expected);
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for text in [
            "127.0.0.1:9464",
            "https://127.0.0.1:9464",
            "http://127.0.0.1",
            "http://:9464",
            "http://a:b@c:9464",
            "http://127.0.0.1:9464/metrics",
        ] {
            assert!(text.parse::<HealthUrl>().is_err(), "{text}");
        }
    }
}
