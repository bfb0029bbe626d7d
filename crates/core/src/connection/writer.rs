//! Writes what is encoded, as far as the socket takes it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWrite;

use super::encoded::Encoded;
use super::socket_error::from_socket;
use crate::error::Error;
use crate::transport::Stream;

/// A buffer that is larger is not kept for the next time.
const KEPT_BYTES: usize = 8 * 1024;

#[derive(Default)]
pub(super) struct Writer {
    pub(super) output: Encoded,
    /// Whether what was written may still lie in the transport, which packs it up.
    unflushed: bool,
    /// The socket takes nothing any more; what the broker had sent before is still to be read.
    pub(super) error: Option<Error>,
    /// There was such an error, which may be taken.
    pub(super) has_failed: bool,
}

impl Writer {
    /// Writes as much of the output as the socket takes; returns whether it took any. After an
    /// error the output is dropped.
    pub(super) fn write(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> bool {
        if self.error.is_none() {
            match self.try_write(stream, cx) {
                Ok(wrote) => return wrote,
                Err(error) => {
                    self.error = Some(error);
                    self.has_failed = true;
                }
            }
        }
        self.output.bytes.clear();
        false
    }

    fn try_write(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Result<bool, Error> {
        let output = &mut self.output.bytes;
        let mut wrote = false;
        while !output.is_empty() {
            match Pin::new(&mut *stream).poll_write(cx, output) {
                Poll::Ready(Ok(0)) => return Err(Error::Closed),
                Poll::Ready(Ok(written)) => {
                    output.advance(written);
                    self.unflushed = true;
                    wrote = true;
                }
                Poll::Ready(Err(error)) => return Err(from_socket(error)),
                Poll::Pending => return Ok(wrote),
            }
        }
        if self.unflushed
            && let Poll::Ready(flushed) = Pin::new(stream).poll_flush(cx)
        {
            self.unflushed = false;
            flushed.map_err(from_socket)?;
        }
        if output.capacity() > KEPT_BYTES {
            *output = BytesMut::new();
        }
        Ok(wrote)
    }

    /// Writes all of the output.
    pub(super) fn poll_write_all(
        &mut self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        let output = &mut self.output.bytes;
        while !output.is_empty() {
            match std::task::ready!(Pin::new(&mut *stream).poll_write(cx, output))? {
                0 => return Poll::Ready(Err(Error::Closed)),
                written => output.advance(written),
            }
        }
        Poll::Ready(Ok(()))
    }
}
