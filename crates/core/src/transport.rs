//! How bytes travel: TCP or a Unix socket, with TLS, WebSocket or a SOCKS5 proxy.
//!
//! Each gives one stream to read from and to write to.

mod duplex;
mod proxy;
mod stream;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "websocket")]
mod websocket;

#[cfg(feature = "websocket")]
pub use crate::config::WebSocket;
pub use crate::config::{Proxy, Transport};
#[cfg(feature = "tls")]
pub use crate::config::{Tls, TlsOptions, TlsVersion};
pub(crate) use stream::Stream;
