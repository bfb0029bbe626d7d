//! MQTT over WebSocket (RFC 6455, MQTT 3.1.1 §6): the handshake, and the payloads of binary frames as
//! one stream of bytes.
//!
//! MQTT packets don't care for the borders of frames, so nothing here collects a message: bytes
//! are handed on as they come, whatever length a frame announces, and all that is written in one call
//! leaves in one frame.

mod frame;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzz;
mod handshake;
mod stream;

use std::fmt;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::Error;
use stream::WebSocketStream;

/// Options of MQTT over WebSocket (RFC 6455): Paho's `ws_set_options`. They are checked when they are
/// used.
#[derive(Clone, PartialEq, Eq)]
pub struct WebSocket {
    /// The path at which the broker takes WebSocket connections, a query included; it begins with `/`
    /// and is percent-encoded. Default `/mqtt`.
    pub path: String,
    /// Headers that are added to the request, such as `Authorization` or `Origin`. A `Host` replaces
    /// the one that is made from host and port. Default none.
    pub headers: Vec<(String, String)>,
}

impl Default for WebSocket {
    fn default() -> Self {
        Self {
            path: "/mqtt".into(),
            headers: Vec::new(),
        }
    }
}

impl WebSocket {
    /// Checks that it can stand in an HTTP request.
    pub(super) fn check(&self) -> Result<(), Error> {
        let bad = |why: String| Err(Error::Config(why));
        if !self.path.starts_with('/') {
            return bad(format!(
                "the WebSocket path `{}` does not begin with `/`",
                self.path.escape_debug()
            ));
        }
        if !self.path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return bad(format!(
                "the WebSocket path `{}` holds what has to be percent-encoded",
                self.path.escape_debug()
            ));
        }
        for (name, value) in &self.headers {
            let name = name.as_str();
            if !is_token(name) {
                return bad(format!("`{}` is no name of a header", name.escape_debug()));
            }
            let own = [
                "connection",
                "upgrade",
                "content-length",
                "transfer-encoding",
            ];
            let lower = name.to_ascii_lowercase();
            if own.contains(&lower.as_str()) || lower.starts_with("sec-websocket-") {
                return bad(format!("the header `{name}` belongs to WebSocket itself"));
            }
            // The value may be a secret.
            if value.chars().any(char::is_control) {
                return bad(format!(
                    "the value of the header `{name}` holds a control character"
                ));
            }
        }
        Ok(())
    }
}

/// RFC 9110 §5.6.2.
fn is_token(name: &str) -> bool {
    let other = b"!#$%&'*+-.^_`|~";
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || other.contains(&byte))
}

/// Everything but the values of headers, which may be secrets.
impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("WebSocket")
            .field("path", &self.path)
            .field("headers", &names)
            .finish()
    }
}

/// Does the handshake with the broker at `address`, `HOST:PORT`.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    options: &WebSocket,
    address: &str,
    mut stream: S,
) -> io::Result<WebSocketStream<S>> {
    let rest = handshake::shake(options, address, &mut stream)
        .await
        .map_err(handshake::in_words)?;
    Ok(WebSocketStream::new(stream, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(path: &str, header: (&str, &str), expected: &str) {
        let options = WebSocket {
            path: path.into(),
            headers: vec![(header.0.into(), header.1.into())],
        };
        assert_eq!(options.check().unwrap_err().to_string(), expected);
    }

    #[test]
    fn nothing_gets_into_the_request_that_breaks_it() {
        let fine = ("Authorization", "Bearer x y ü");
        assert!(
            WebSocket {
                headers: vec![(fine.0.into(), fine.1.into())],
                ..WebSocket::default()
            }
            .check()
            .is_ok()
        );
        refused(
            "mqtt",
            fine,
            "the WebSocket path `mqtt` does not begin with `/`",
        );
        refused(
            "/a b",
            fine,
            "the WebSocket path `/a b` holds what has to be percent-encoded",
        );
        refused(
            "/a\r\nX: y",
            fine,
            "the WebSocket path `/a\\r\\nX: y` holds what has to be percent-encoded",
        );
        refused("/", ("a b", ""), "`a b` is no name of a header");
        refused("/", ("", ""), "`` is no name of a header");
        refused(
            "/",
            ("Upgrade", "x"),
            "the header `Upgrade` belongs to WebSocket itself",
        );
        refused(
            "/",
            ("sec-WebSocket-Key", "x"),
            "the header `sec-WebSocket-Key` belongs to WebSocket itself",
        );
        refused(
            "/",
            ("X", "secret\r\nY: z"),
            "the value of the header `X` holds a control character",
        );
    }

    #[test]
    fn debugging_shows_no_secret() {
        let options = WebSocket {
            headers: vec![("Authorization".into(), "secret".into())],
            ..WebSocket::default()
        };
        assert_eq!(
            format!("{options:?}"),
            r#"WebSocket { path: "/mqtt", headers: ["Authorization"] }"#
        );
    }
}
