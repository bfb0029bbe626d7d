//! One of the two sockets of a connection: reads and writes bytes without blocking.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Size of one read: it begins at the first and doubles up to the second.
const READ: (usize, usize) = (4 * 1024, 64 * 1024);

/// A stream of bytes, and whether each direction is open.
pub(super) struct Side {
    pub(super) stream: Arc<TcpStream>,
    pub(super) reads: bool,
    pub(super) writes: bool,
    read_size: usize,
}

impl Side {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Without it small packets wait for each other. A failure only costs latency.
        let _ = stream.set_nodelay(true);
        // Detects that the other side has vanished without closing the connection.
        #[cfg(unix)]
        let _ = rustix::net::sockopt::set_socket_keepalive(&stream, true);
        Self {
            stream: Arc::new(stream),
            reads: true,
            writes: true,
            read_size: READ.0,
        }
    }

    /// Writes the last packet, and closes this direction of a socket that nobody else has.
    pub(super) async fn shut_down(&mut self, last: &[u8], timeout: Duration) {
        if let Some(stream) = Arc::get_mut(&mut self.stream) {
            let written = stream.write_all(last);
            let _ = tokio::time::timeout(timeout, written).await;
            let _ = stream.shutdown().await;
        }
    }

    /// Reads what has arrived, at most one buffer full; returns whether that was anything.
    pub(super) fn read(&mut self, buffer: &mut BytesMut) -> bool {
        if buffer.capacity() - buffer.len() < self.read_size {
            buffer.reserve(self.read_size);
        }
        let free = buffer.capacity() - buffer.len();
        match self.stream.try_read_buf(buffer) {
            Ok(0) => self.reads = false,
            Ok(read) => {
                if read == free {
                    self.read_size = (self.read_size * 2).min(READ.1);
                } else if read < self.read_size / 4 {
                    self.read_size = (self.read_size / 2).max(READ.0);
                }
                return true;
            }
            Err(error) => self.reads = would_block(&error),
        }
        false
    }

    /// Writes as much as the socket accepts; returns whether it accepted anything.
    pub(super) fn write(&mut self, bytes: &mut BytesMut) -> bool {
        let mut wrote = false;
        while self.writes && !bytes.is_empty() {
            match self.stream.try_write(bytes) {
                Ok(written) => {
                    bytes.advance(written);
                    wrote = true;
                }
                Err(error) if would_block(&error) => return wrote,
                Err(_) => self.writes = false,
            }
        }
        if !self.writes {
            bytes.clear();
        }
        wrote
    }
}

fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
