//! What below MQTT reads bytes from the network, for [`crate::fuzz`].

use super::Proxy;
use crate::fuzz::{Fed, run};

/// What a SOCKS5 proxy answers.
pub fn socks(data: &[u8]) {
    let mut proxy = Proxy::new("localhost", 1080);
    if data.len() % 2 == 1 {
        proxy.username = Some("ada".into());
    }
    let _ = run(proxy.ask(&mut Fed::new(data), "broker", 1883));
}

#[cfg(feature = "websocket")]
pub use super::websocket::fuzz::{handshake, websocket};
