//! The way through a SOCKS5 proxy (RFC 1928, with the passwords of RFC 1929). The proxy resolves
//! the broker's name.

use std::io;

use tokio::net::TcpStream;
use tokio_socks::Error;
use tokio_socks::tcp::Socks5Stream;

use super::tcp;
use crate::config::{ClientConfig, Proxy};
use crate::error::failure::Failure;
use crate::error::io_reason;

/// Connects to the broker through the proxy.
pub(super) async fn connect(proxy: &Proxy, config: &ClientConfig) -> io::Result<TcpStream> {
    let named = |text: &str| format!("proxy `{}`: {text}", proxy.address());
    let socket = tcp::connect(config, &proxy.host, proxy.port)
        .await
        .map_err(|error| {
            let hint = match error.kind() {
                io::ErrorKind::ConnectionRefused => " (is the proxy running there?)",
                _ => "",
            };
            let text = format!("{}{hint}", io_reason(&error));
            Failure::temporary(error.kind(), named(&text))
        })?;
    let broker = (config.host.as_str(), config.port);
    let connected = match (&proxy.username, &proxy.password) {
        (Some(username), Some(password)) => {
            Socks5Stream::connect_with_password_and_socket(socket, broker, username, password).await
        }
        _ => Socks5Stream::connect_with_socket(socket, broker).await,
    };
    match connected {
        Ok(stream) => Ok(stream.into_inner()),
        Err(Error::Io(error)) => {
            let text = interrupted(&error);
            Err(Failure::temporary(error.kind(), named(&text)))
        }
        Err(error) => {
            let text = named(refused(&error));
            Err(if is_temporary(&error) {
                Failure::temporary(io::ErrorKind::HostUnreachable, text)
            } else {
                Failure::permanent(text)
            })
        }
    }
}

/// Why the exchange with the proxy broke off.
fn interrupted(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => {
            "it closed the connection (does it speak SOCKS5 there?)".into()
        }
        _ => io_reason(error),
    }
}

/// Whether the proxy could not reach the broker, which may pass.
fn is_temporary(error: &Error) -> bool {
    matches!(
        error,
        Error::GeneralSocksServerFailure
            | Error::NetworkUnreachable
            | Error::HostUnreachable
            | Error::ConnectionRefused
            | Error::TtlExpired
    )
}

/// What the proxy answered.
fn refused(error: &Error) -> &'static str {
    match error {
        Error::InvalidResponseVersion | Error::InvalidReservedByte => "it does not speak SOCKS5",
        Error::NoAcceptableAuthMethods => {
            "it wants a user name and a password (socks5h://USER:PASSWORD@HOST)"
        }
        Error::PasswordAuthFailure(_) => "it refuses user name and password",
        Error::AuthorizationRequired => "it asks for a password without having been offered one",
        Error::GeneralSocksServerFailure => "it failed to connect to the broker",
        Error::ConnectionNotAllowedByRuleset => "its rules forbid the connection to the broker",
        Error::NetworkUnreachable => "the broker's network is unreachable from there",
        Error::HostUnreachable => "the broker is unreachable from there",
        Error::ConnectionRefused => {
            "the broker refused its connection (is a broker running there?)"
        }
        Error::TtlExpired => "the broker is too far away from there",
        Error::CommandNotSupported => "it does not take CONNECT",
        Error::AddressTypeNotSupported => "it does not take this kind of address",
        // One error for an authentication method that was not offered and for an unknown reply.
        _ => "its answer is not one of SOCKS5",
    }
}
