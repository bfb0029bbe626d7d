//! One of the two sockets of a connection: moves bytes as far as that goes without waiting.

use std::io::{self, ErrorKind};

use bytes::{Buf, BytesMut};
use tokio::net::TcpStream;

/// Bytes read at once: the least, and the most they double to.
const READ: (usize, usize) = (4 * 1024, 64 * 1024);

/// A stream of bytes, and whether each way is open.
pub(super) struct Side {
    pub(super) stream: TcpStream,
    pub(super) reads: bool,
    pub(super) writes: bool,
    read_size: usize,
}

impl Side {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Small packets would wait for each other; it works without, too.
        let _ = stream.set_nodelay(true);
        // Finds out where the other side has vanished without a word.
        #[cfg(unix)]
        let _ = rustix::net::sockopt::set_socket_keepalive(&stream, true);
        Self {
            stream,
            reads: true,
            writes: true,
            read_size: READ.0,
        }
    }

    /// Reads once, as far as something is there.
    pub(super) fn read(&mut self, buffer: &mut BytesMut) {
        if buffer.capacity() - buffer.len() < self.read_size {
            buffer.reserve(self.read_size);
        }
        let room = buffer.capacity() - buffer.len();
        match self.stream.try_read_buf(buffer) {
            Ok(0) => self.reads = false,
            Ok(read) if read == room => self.read_size = (self.read_size * 2).min(READ.1),
            Ok(read) if read < self.read_size / 4 => {
                self.read_size = (self.read_size / 2).max(READ.0);
            }
            Ok(_) => {}
            Err(error) => self.reads = waits(&error),
        }
    }

    /// Writes as much as goes; returns whether something went.
    pub(super) fn write(&mut self, bytes: &mut BytesMut) -> bool {
        let mut wrote = false;
        while self.writes && !bytes.is_empty() {
            match self.stream.try_write(bytes) {
                Ok(written) => {
                    bytes.advance(written);
                    wrote = true;
                }
                Err(error) if waits(&error) => return wrote,
                Err(_) => self.writes = false,
            }
        }
        if !self.writes {
            bytes.clear();
        }
        wrote
    }
}

fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
