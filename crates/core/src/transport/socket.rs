//! A TCP socket that other threads may write to, and that one of them may wait for instead of the runtime. (tokio's own
//! waits for room to write from the start, which there is: beginning to wait for it would wake the runtime's thread.)

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

pub(super) struct Socket {
    /// Not blocking.
    stream: Arc<TcpStream>,
    /// By which the runtime waits for something to read; not there while another thread does so.
    reads: Option<AsyncFd<Arc<TcpStream>>>,
    /// By which it waits for room to write, once there was none.
    writes: Option<AsyncFd<OwnedFd>>,
}

impl Socket {
    pub(super) fn new(stream: tokio::net::TcpStream) -> io::Result<Self> {
        Ok(Self {
            stream: Arc::new(stream.into_std()?),
            reads: None,
            writes: None,
        })
    }

    pub(super) fn stream(&self) -> &Arc<TcpStream> {
        &self.stream
    }

    /// Has the runtime no longer wait for something to read. It does so again once that is polled for.
    pub(super) fn unwatch(&mut self) {
        self.reads = None;
    }

    /// Reads up to so many bytes without asking the runtime whether there are any; pending where there are none.
    pub(super) fn read_unwatched(
        &self,
        input: &mut BytesMut,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let known = input.len();
        input.resize(known + most, 0);
        let read = (&*self.stream).read(&mut input[known..]);
        input.truncate(known + read.as_ref().copied().unwrap_or(0));
        match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            read => Poll::Ready(read),
        }
    }
}

#[expect(
    deprecated,
    reason = "for types whose descriptor is not theirs, and its successor is unsafe: these two own theirs"
)]
fn watch<T: AsRawFd>(socket: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(socket, interest)
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, reads, .. } = &mut *self;
        let reads = match reads {
            Some(reads) => reads,
            None => reads.insert(watch(Arc::clone(stream), Interest::READABLE)?),
        };
        loop {
            let mut guard = ready!(reads.poll_read_ready(cx))?;
            let room = buf.initialize_unfilled();
            match (&**stream).read(room) {
                Ok(read) => {
                    // epoll tells of what comes next, so a look that finds nothing is saved.
                    if cfg!(target_os = "linux") && (1..room.len()).contains(&read) {
                        guard.clear_ready();
                    }
                    buf.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, writes, .. } = &mut *self;
        loop {
            match (&**stream).write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
            let writes = if let Some(writes) = writes {
                writes
            } else {
                // The system waits for each descriptor once.
                let descriptor = stream.as_fd().try_clone_to_owned()?;
                writes.insert(watch(descriptor, Interest::WRITABLE)?)
            };
            ready!(writes.poll_write_ready(cx))?.clear_ready();
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stream.shutdown(Shutdown::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }
}
