//! The payloads of binary messages as a stream of bytes, in both directions. MQTT packets need not
//! meet the borders of messages.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::super::duplex::Duplex;
use super::short_messages::{LARGEST_MESSAGE, ShortMessages};
use crate::error::failure::Failure;

/// Bytes of one frame that we write, at most.
const WRITE_CHUNK: usize = 64 * 1024;
/// What one read asks for. An idle connection keeps as much.
const READ_CHUNK: usize = 8 * 1024;

/// Returns what the library may hold, and that it writes at once.
pub(super) fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_CHUNK)
        .write_buffer_size(0)
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE))
}

/// A WebSocket after its handshake.
pub(in super::super) struct WebSocketStream<S> {
    inner: tokio_tungstenite::WebSocketStream<ShortMessages<S>>,
    /// The rest of the received message.
    input: Bytes,
    state: State,
}

enum State {
    Open,
    /// Our close is sent; the broker's is still to be read.
    Closing,
    /// Nothing more is read. The error is returned once.
    Ended(Option<io::Error>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketStream<S> {
    pub(super) fn new(inner: tokio_tungstenite::WebSocketStream<ShortMessages<S>>) -> Self {
        Self {
            inner,
            input: Bytes::new(),
            state: State::Open,
        }
    }

    fn send_close(&mut self, code: CloseCode) {
        if matches!(self.state, State::Open) {
            let close = CloseFrame {
                code,
                reason: "".into(),
            };
            // If the stream takes nothing any more, the next flush tells.
            let _ = Pin::new(&mut self.inner).start_send(Message::Close(Some(close)));
            self.state = State::Closing;
        }
    }

    /// Ends the connection because the broker breaks the rules: our close says so, and nothing more
    /// is read.
    fn fail(&mut self, code: CloseCode, what: &str) {
        self.send_close(code);
        self.state = State::Ended(Some(Failure::temporary(
            io::ErrorKind::InvalidData,
            format!("the broker sent what WebSocket does not allow: {what}"),
        )));
    }

    /// Takes what the library has read.
    fn receive(&mut self, received: Option<Result<Message, Error>>) -> io::Result<()> {
        match received {
            Some(Ok(Message::Binary(payload))) => self.input = payload,
            Some(Ok(Message::Text(_))) => {
                self.fail(
                    CloseCode::Unsupported,
                    "a text message, and MQTT's are binary",
                );
            }
            // The library answers pings, and closes.
            Some(Ok(Message::Close(frame))) => self.state = State::Ended(closed(frame.as_ref())),
            Some(Ok(_)) => {}
            Some(Err(Error::Io(error))) => return Err(error),
            Some(Err(Error::Protocol(error))) => match error {
                ProtocolError::ResetWithoutClosingHandshake => self.state = State::Ended(None),
                error => self.fail(CloseCode::Protocol, &uncapitalized(&error)),
            },
            Some(Err(Error::Capacity(error))) => self.fail(CloseCode::Size, &uncapitalized(&error)),
            Some(Err(Error::Utf8(_))) => self.fail(CloseCode::Invalid, "text that is not UTF-8"),
            Some(Err(error)) => self.fail(CloseCode::Protocol, &uncapitalized(&error)),
            None => self.state = State::Ended(None),
        }
        Ok(())
    }
}

/// Returns the error for a close of the broker that is not the normal end.
fn closed(frame: Option<&CloseFrame>) -> Option<io::Error> {
    let frame = frame.filter(|frame| !matches!(frame.code, CloseCode::Normal | CloseCode::Away))?;
    let code = u16::from(frame.code);
    let reason = printable(&frame.reason);
    let colon = if reason.is_empty() { "" } else { ": " };
    Some(Failure::temporary(
        io::ErrorKind::ConnectionAborted,
        format!("the broker closed the WebSocket with code {code}{colon}{reason}"),
    ))
}

/// Returns the broker's text so that it is printable and not too long.
fn printable(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(100)
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect();
    if text.chars().nth(100).is_some() {
        shown.push('…');
    }
    shown
}

/// Returns a message of the library as the end of one of ours.
fn uncapitalized(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        // What is written after a close.
        _ => io::ErrorKind::BrokenPipe.into(),
    }
}

impl<S: Duplex> Duplex for WebSocketStream<S> {
    fn socket(&self) -> Option<&TcpStream> {
        self.inner.get_ref().socket()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocketStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if !this.input.is_empty() {
                let here = this.input.len().min(buf.remaining());
                buf.put_slice(&this.input[..here]);
                this.input.advance(here);
                return Poll::Ready(Ok(()));
            }
            if let State::Ended(error) = &mut this.state {
                let error = error.take();
                // Our close leaves as far as the stream takes it, and the layers below end too.
                if let Poll::Ready(Ok(())) = Pin::new(&mut this.inner).poll_flush(cx) {
                    let _ = Pin::new(this.inner.get_mut()).poll_shutdown(cx);
                }
                return Poll::Ready(error.map_or(Ok(()), Err));
            }
            let received = ready!(Pin::new(&mut this.inner).poll_next(cx));
            this.receive(received)?;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocketStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !matches!(self.state, State::Open) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(Pin::new(&mut self.inner).poll_ready(cx)).map_err(io_error)?;
        let bytes = &bytes[..bytes.len().min(WRITE_CHUNK)];
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        // What the stream doesn't take now leaves with the next write or flush.
        let message = Message::Binary(Bytes::copy_from_slice(bytes));
        let sent = Pin::new(&mut self.inner).start_send(message);
        Poll::Ready(sent.map(|()| bytes.len()).map_err(io_error))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx).map_err(io_error)
    }

    /// Sends our close. The broker answers it and closes the stream; read until then.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.send_close(CloseCode::Normal);
        self.poll_flush(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    type Server = tokio_tungstenite::WebSocketStream<DuplexStream>;

    /// A client and a server with only 64 bytes of room between them.
    async fn pair() -> (WebSocketStream<DuplexStream>, Server) {
        let (ours, theirs) = tokio::io::duplex(64);
        let client = tokio_tungstenite::WebSocketStream::from_raw_socket(
            ShortMessages::open(ours),
            Role::Client,
            Some(limits()),
        );
        let server = Server::from_raw_socket(theirs, Role::Server, None);
        (WebSocketStream::new(client.await), server.await)
    }

    #[tokio::test]
    async fn bytes_arrive_whole_and_in_order_however_little_the_stream_takes() {
        let sent: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let (client, mut server) = pair().await;
        let echo = tokio::spawn(async move {
            while let Some(Ok(message)) = server.next().await {
                if let Message::Binary(payload) = message {
                    assert!(payload.len() <= WRITE_CHUNK);
                    server.send(Message::Ping("a".into())).await.unwrap();
                    // Messages of another length than ours.
                    for piece in payload.chunks(999) {
                        let piece = Bytes::copy_from_slice(piece);
                        server.send(Message::Binary(piece)).await.unwrap();
                    }
                }
            }
        });
        let (mut reader, mut writer) = tokio::io::split(client);
        let to_send = sent.clone();
        let writing = tokio::spawn(async move {
            writer.write_all(&to_send).await.unwrap();
            writer.flush().await.unwrap();
            writer
        });
        let mut received = vec![0; sent.len()];
        reader.read_exact(&mut received).await.unwrap();
        assert!(received == sent);
        writing.await.unwrap().shutdown().await.unwrap();
        assert_eq!(reader.read(&mut [0; 1]).await.unwrap(), 0);
        echo.await.unwrap();
    }

    #[tokio::test]
    async fn nothing_is_written_after_a_close() {
        let (mut client, mut server) = pair().await;
        server.send(Message::Close(None)).await.unwrap();
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        let error = client.write(b"a").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(matches!(
            server.next().await,
            Some(Ok(Message::Close(None)))
        ));
    }

    #[test]
    fn a_reason_is_printable_and_short() {
        assert_eq!(printable("go\x1baway"), "go\u{fffd}away");
        let long = printable(&"ü".repeat(101));
        assert_eq!(long.chars().count(), 101);
        assert!(long.ends_with('…'));
    }
}
