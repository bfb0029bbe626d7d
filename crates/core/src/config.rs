//! What a client is configured with: plain data, with all defaults in one place.

mod broker;
mod broker_list;
mod check;
mod client;
mod payload_limit;
mod proxy;
#[cfg(feature = "tls")]
mod tls;
mod transport;
#[cfg(feature = "websocket")]
mod websocket;

pub use broker::{BrokerAddress, BrokerOrder};
pub use client::ClientConfig;
pub use payload_limit::PayloadLimit;
pub use proxy::Proxy;
#[cfg(feature = "tls")]
pub(crate) use tls::server_name;
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsOptions, TlsVersion};
pub use transport::Transport;
#[cfg(feature = "websocket")]
pub use websocket::WebSocket;
