//! What each layer of a connection can do.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// A stream of bytes in both directions.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {
    /// Returns the TCP socket below, if there is one.
    fn socket(&self) -> Option<&TcpStream>;
}

impl Duplex for TcpStream {
    fn socket(&self) -> Option<&TcpStream> {
        Some(self)
    }
}

#[cfg(unix)]
impl Duplex for UnixStream {
    fn socket(&self) -> Option<&TcpStream> {
        None
    }
}
