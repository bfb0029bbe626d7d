//! The payloads of binary frames as a stream of bytes, in both directions.

use std::future::Future as _;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use rand::Rng as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::super::failure::printable;
use super::super::{Duplex, Failure};
use super::frame::{self, Head, LONGEST_CONTROL, Opcode};

/// Bytes of one frame that we write, at most.
const WRITE_CHUNK: usize = 64 * 1024;
/// A read buffer that is larger is not kept for the next time, an idle connection's none at all.
const READ_CHUNK: usize = 4 * 1024;
const KEPT_OUTPUT: usize = 8 * 1024;
/// Close codes, RFC 6455 §7.4.1.
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const PROTOCOL_ERROR: u16 = 1002;
const UNSUPPORTED: u16 = 1003;

/// A WebSocket after its handshake.
#[expect(clippy::struct_excessive_bools, reason = "each is a matter of its own")]
pub(crate) struct WebSocketStream<S> {
    inner: S,
    /// Frames as they came, so far as they are not looked at.
    input: BytesMut,
    /// Bytes of the present data frame that are still to come.
    left: u64,
    /// Whether a message goes on after the present frame.
    fragmented: bool,
    /// Set once the server has said that it closes.
    closed: bool,
    /// Whole frames that are to be written.
    output: BytesMut,
    /// The answer to the latest ping: one is enough, however many have come (RFC 6455 §5.5.3).
    pong: Option<Vec<u8>>,
    close_sent: bool,
    /// Whether what is written may still lie in the layer below, which packs it up.
    unflushed: bool,
    /// What is to be told once the bytes before it are taken.
    failed: Option<io::Error>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketStream<S> {
    /// Goes on after the handshake, with what came behind its answer.
    pub(super) fn new(inner: S, input: BytesMut) -> Self {
        Self {
            inner,
            input,
            left: 0,
            fragmented: false,
            closed: false,
            output: BytesMut::new(),
            pong: None,
            close_sent: false,
            unflushed: false,
            failed: None,
        }
    }

    /// Appends a frame to the output.
    fn put(&mut self, opcode: Opcode, payload: &[u8]) {
        let mut mask = [0; 4];
        rand::rng().fill_bytes(&mut mask);
        frame::put(&mut self.output, opcode, payload, mask);
    }

    fn put_close(&mut self, code: u16) {
        if !std::mem::replace(&mut self.close_sent, true) {
            self.put(Opcode::Close, &code.to_be_bytes());
        }
    }

    /// Writes what is put, as far as the stream takes it.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.close_sent
            && let Some(payload) = self.pong.take()
        {
            self.put(Opcode::Pong, &payload);
        }
        while !self.output.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.output))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.advance(written);
            self.unflushed = true;
        }
        if self.output.capacity() > KEPT_OUTPUT {
            self.output = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what is put, to the very end.
    fn poll_flush_below(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        if self.unflushed {
            ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Moves what has come of payloads to `buf`, and looks at the frames between.
    fn unpack(&mut self, buf: &mut ReadBuf<'_>) {
        while !self.closed {
            if self.left > 0 {
                let here = self.input.len().min(buf.remaining());
                let here = usize::try_from(self.left).map_or(here, |left| left.min(here));
                if here == 0 {
                    return;
                }
                buf.put_slice(&self.input[..here]);
                self.input.advance(here);
                self.left -= here as u64;
                continue;
            }
            let (head, own) = match Head::read(&self.input) {
                Ok(Some(found)) => found,
                Ok(None) => return,
                Err(what) => return self.fail(PROTOCOL_ERROR, what),
            };
            match head.opcode {
                Opcode::Close | Opcode::Ping | Opcode::Pong => {
                    // Taken whole; `Head` has seen to it that it is short.
                    let length = usize::try_from(head.length).unwrap_or(LONGEST_CONTROL);
                    if self.input.len() < own + length {
                        return;
                    }
                    self.input.advance(own);
                    let payload = self.input.split_to(length);
                    self.control(head.opcode, &payload);
                    continue;
                }
                Opcode::Text => {
                    return self.fail(UNSUPPORTED, "a text frame, and MQTT's are binary");
                }
                Opcode::Binary if self.fragmented => {
                    return self.fail(PROTOCOL_ERROR, "a new message within another one");
                }
                Opcode::Continuation if !self.fragmented => {
                    return self.fail(PROTOCOL_ERROR, "the continuation of nothing");
                }
                Opcode::Binary | Opcode::Continuation => {}
            }
            self.input.advance(own);
            self.fragmented = !head.last;
            self.left = head.length;
        }
    }

    fn control(&mut self, opcode: Opcode, payload: &[u8]) {
        if opcode == Opcode::Ping {
            self.pong = Some(payload.to_vec());
        }
        if opcode != Opcode::Close {
            return;
        }
        self.closed = true;
        self.put_close(NORMAL);
        let Some((code, reason)) = payload.split_first_chunk() else {
            return;
        };
        let code = u16::from_be_bytes(*code);
        if code != NORMAL && code != GOING_AWAY {
            let reason = printable(reason);
            let colon = if reason.is_empty() { "" } else { ": " };
            self.failed = Some(Failure::temporary(
                io::ErrorKind::ConnectionAborted,
                format!("the broker closed the WebSocket with code {code}{colon}{reason}"),
            ));
        }
    }

    /// The server breaks the rules: it is told so, and nothing more is read.
    fn fail(&mut self, code: u16, what: &str) {
        self.closed = true;
        self.put_close(code);
        self.failed = Some(Failure::temporary(
            io::ErrorKind::InvalidData,
            format!("the broker sent what WebSocket does not allow: {what}"),
        ));
    }

    /// Reads once into our buffer; returns whether there was anything.
    fn poll_fill(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<io::Result<bool>> {
        self.input.reserve(wanted.max(READ_CHUNK));
        let reading = pin!(self.inner.read_buf(&mut self.input));
        let read = ready!(reading.poll(cx))?;
        Poll::Ready(Ok(read > 0))
    }
}

impl<S: Duplex> Duplex for WebSocketStream<S> {
    fn socket(&self) -> Option<&TcpStream> {
        self.inner.socket()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocketStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            this.unpack(buf);
            // Pongs and the answer to a close leave as soon as they can. If the stream takes nothing any
            // more, the next write tells.
            let drained = this.poll_flush_below(cx);
            if buf.filled().len() > before {
                if this.input.is_empty() && buf.capacity() <= READ_CHUNK {
                    this.input = BytesMut::new();
                }
                return Poll::Ready(Ok(()));
            }
            if this.closed {
                if let Poll::Ready(Ok(())) = drained {
                    // Said to the layers below as well, now that our answer is out.
                    let _ = Pin::new(&mut this.inner).poll_shutdown(cx);
                }
                return Poll::Ready(this.failed.take().map_or(Ok(()), Err));
            }
            if this.left >= buf.remaining() as u64 && this.input.is_empty() {
                // All of it is payload: past our buffer, into the reader's.
                ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
                this.left -= (buf.filled().len() - before) as u64;
                return Poll::Ready(Ok(()));
            }
            match this.poll_fill(cx, buf.remaining()) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    if this.input.is_empty() {
                        // An idle connection keeps no buffer.
                        this.input = BytesMut::new();
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocketStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.close_sent {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(self.poll_drain(cx))?;
        let bytes = &bytes[..bytes.len().min(WRITE_CHUNK)];
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.put(Opcode::Binary, bytes);
        // What isn't taken now leaves with the next write or flush.
        match self.poll_drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush_below(cx)
    }

    /// Says that we close. The server says so too and closes the stream, which is to be read until then.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.put_close(NORMAL);
        self.poll_flush(cx)
    }
}
