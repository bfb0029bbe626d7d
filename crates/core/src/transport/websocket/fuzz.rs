//! Frames and handshakes of any bytes, for [`crate::fuzz`].

use bytes::BytesMut;
use tokio::io::AsyncReadExt as _;

use super::stream::WebSocketStream;
use super::{WebSocket, handshake as shaking};
use crate::fuzz::{Fed, run};

/// Frames of a server: what they carry is never more than what has come.
pub fn websocket(data: &[u8]) {
    let mut stream = WebSocketStream::new(Fed::new(data), BytesMut::new());
    let mut carried = Vec::new();
    let _ = run(stream.read_to_end(&mut carried));
    assert!(carried.len() <= data.len());
}

/// The answer to our request, to RFC 6455's own key and to a new one.
pub fn handshake(data: &[u8]) {
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    let options = WebSocket::default();
    let (_, answer) = data.split_first().unwrap_or((&0, &[]));
    if let Ok(Some(length)) = shaking::check(answer, &options, KEY) {
        assert!(length <= answer.len());
    }
    let _ = run(shaking::shake(
        &options,
        "localhost:80",
        &mut Fed::new(data),
    ));
}
