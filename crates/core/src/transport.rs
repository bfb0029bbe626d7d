//! How bytes travel: TCP or a Unix socket, TLS and WebSocket on top, through a SOCKS5 proxy if one
//! is named. What comes out is one stream to read from and to write to.

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
