//! The settings of MQTT over WebSocket.

use std::fmt;

use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, uri::PathAndQuery};

use crate::error::config::ConfigError;

/// Headers that WebSocket sets itself, or that would change what the request means.
const RESERVED: [&str; 4] = [
    "connection",
    "upgrade",
    "content-length",
    "transfer-encoding",
];

/// The options of MQTT over WebSocket (RFC 6455): Paho's `ws_set_options`.
///
/// [`ClientConfig::checked`](crate::ClientConfig::checked) checks them.
#[derive(Clone, PartialEq, Eq)]
pub struct WebSocket {
    /// The path of the broker's WebSocket, percent-encoded and with its query; begins with `/`.
    /// Default `/mqtt`.
    pub path: String,
    /// Headers to add to the request, such as `Authorization` or `Origin`. A `Host` replaces the
    /// one made from host and port. Default none.
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
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !self.path.starts_with('/') {
            return Err(ConfigError::WebSocketPathRelative(self.path.clone()));
        }
        // What follows a `#` is never sent.
        let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        if !self.path.bytes().all(fits) || self.path.parse::<PathAndQuery>().is_err() {
            return Err(ConfigError::WebSocketPath(self.path.clone()));
        }
        for (name, value) in &self.headers {
            let Ok(header) = name.parse::<HeaderName>() else {
                return Err(ConfigError::WebSocketHeaderName(name.clone()));
            };
            let header = header.as_str();
            if RESERVED.contains(&header) || header.starts_with("sec-websocket-") {
                return Err(ConfigError::WebSocketHeaderReserved(name.clone()));
            }
            if HeaderValue::from_bytes(value.as_bytes()).is_err() {
                return Err(ConfigError::WebSocketHeaderValue(name.clone()));
            }
        }
        Ok(())
    }
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
            "the WebSocket path `/a b` has to be percent-encoded",
        );
        refused(
            "/a\r\nX: y",
            fine,
            "the WebSocket path `/a\\r\\nX: y` has to be percent-encoded",
        );
        refused("/", ("a b", ""), "`a b` is not the name of a header");
        refused("/", ("", ""), "`` is not the name of a header");
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
