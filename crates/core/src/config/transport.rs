//! What carries the MQTT packets.

#[cfg(unix)]
use std::path::{Path, PathBuf};

#[cfg(feature = "websocket")]
use super::websocket::WebSocket;

/// What carries the MQTT packets: Paho's `transport="tcp"`, `"websockets"` and `"unix"`.
///
/// TLS comes on top of it if [`tls`](crate::ClientConfig::tls) is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// A TCP connection.
    #[default]
    Tcp,
    /// WebSocket over a TCP connection (MQTT 3.1.1 §6).
    #[cfg(feature = "websocket")]
    WebSocket(WebSocket),
    /// The Unix socket at this path. `host` and `port` are ignored; TLS, a proxy and a local
    /// address are errors.
    #[cfg(unix)]
    Unix(PathBuf),
}

impl Transport {
    /// Returns the path of the Unix socket.
    #[cfg(unix)]
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Unix(path) => Some(path),
            _ => None,
        }
    }
}
