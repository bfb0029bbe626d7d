//! The HTTP request that becomes a WebSocket, and errors for the answer to it (RFC 6455 §4).

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::http::header::{
    CONNECTION, HOST, HeaderName, HeaderValue, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use tokio_tungstenite::tungstenite::http::{self, Request, StatusCode};

use super::short_messages::ShortMessages;
use super::stream::{self, WebSocketStream};
use crate::config::WebSocket;
use crate::error::failure::Failure;

/// Does the handshake with the broker at `address`, `HOST:PORT`.
pub(in super::super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    options: &WebSocket,
    address: &str,
    stream: S,
) -> io::Result<WebSocketStream<S>> {
    let request = request(options, address).map_err(io::Error::other)?;
    let limits = Some(stream::limits());
    let stream = ShortMessages::new(stream);
    let (stream, answer) = client_async_with_config(request, stream, limits)
        .await
        .map_err(|error| failed(error, &options.path))?;
    if answer.headers().contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err(wrong("uses an extension that was not offered"));
    }
    Ok(WebSocketStream::new(stream))
}

fn request(options: &WebSocket, address: &str) -> http::Result<Request<()>> {
    // The library wants a whole URL, and sends its path and query.
    let mut request = Request::get(format!("ws://broker{}", options.path))
        .header(HOST, address)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_PROTOCOL, "mqtt")
        .header(SEC_WEBSOCKET_KEY, generate_key())
        .body(())?;
    for (name, value) in &options.headers {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        let value = HeaderValue::from_bytes(value.as_bytes())?;
        if name == HOST {
            request.headers_mut().insert(name, value);
        } else {
            request.headers_mut().append(name, value);
        }
    }
    Ok(request)
}

fn failed(error: Error, path: &str) -> io::Error {
    match error {
        Error::Http(answer) => refused(answer.status(), path),
        Error::Io(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => closed(error.kind()),
            _ => error,
        },
        Error::AttackAttempt | Error::Capacity(CapacityError::TooManyHeaders) => {
            wrong("has too many headers")
        }
        Error::Protocol(error) => match error {
            // Brokers close the connection for protocols that they don't speak.
            ProtocolError::HandshakeIncomplete => closed(io::ErrorKind::UnexpectedEof),
            ProtocolError::MissingConnectionUpgradeHeader
            | ProtocolError::MissingUpgradeWebSocketHeader => wrong("does not switch to WebSocket"),
            ProtocolError::SecWebSocketAcceptKeyMismatch => {
                wrong("has a wrong Sec-WebSocket-Accept")
            }
            ProtocolError::SecWebSocketSubProtocolError(SubProtocolError::NoSubProtocol) => {
                wrong(&format!(
                    "does not choose the protocol `mqtt`: nobody speaks MQTT at the path `{path}` (--ws-path)"
                ))
            }
            ProtocolError::SecWebSocketSubProtocolError(_) => {
                wrong("chooses another protocol than `mqtt`")
            }
            _ => not_http(),
        },
        _ => not_http(),
    }
}

fn wrong(what: &str) -> io::Error {
    Failure::permanent(format!("the answer to the WebSocket request {what}"))
}

fn not_http() -> io::Error {
    wrong("is not HTTP (does the broker speak WebSocket on this port?)")
}

fn closed(kind: io::ErrorKind) -> io::Error {
    Failure::temporary(
        kind,
        "the broker closed the connection during the WebSocket handshake (does it speak WebSocket on this port?)",
    )
}

fn refused(status: StatusCode, path: &str) -> io::Error {
    let hint = match status.as_u16() {
        401 | 403 => " (--ws-header 'Authorization: …' sends credentials)".into(),
        404 => format!(" (is the path `{path}` right? --ws-path says another)"),
        300..=399 => " (it wants to be asked elsewhere)".into(),
        _ => String::new(),
    };
    let reason = status.canonical_reason().unwrap_or_default();
    let space = if reason.is_empty() { "" } else { " " };
    let text = format!(
        "the WebSocket request is answered with {}{space}{reason}{hint}",
        status.as_u16()
    );
    // What lies with the server may pass, and so may asking too often.
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Failure::temporary(io::ErrorKind::ConnectionRefused, text);
    }
    Failure::permanent(text)
}
