//! Makes short messages of long ones, before the WebSocket library reads them.
//!
//! The library holds a message until its end, up to the largest MQTT packet of 256 MiB. To MQTT the
//! borders of messages mean nothing, so each binary frame arrives at the library as several whole
//! messages. Everything else arrives unchanged, and the library judges it.

use std::io::{self, Cursor};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::super::duplex::Duplex;

/// Bytes of a message that the library gets, at most.
pub(super) const LARGEST_MESSAGE: usize = 64 * 1024;
/// What one read asks for. A piece of a message is at most this, and a part of a header.
const READ_CHUNK: usize = 8 * 1024;
const _: () = assert!(READ_CHUNK + LONGEST_HEADER <= LARGEST_MESSAGE);
/// The longest header of a frame (RFC 6455 §5.2).
const LONGEST_HEADER: usize = 14;
/// The end of the answer to the WebSocket request.
const END_OF_ANSWER: &[u8] = b"\r\n\r\n";
/// The beginning of a message without its end.
const UNFINISHED_MESSAGE: &[u8] = b"\x02\x00";

/// The stream below a WebSocket.
pub(super) struct ShortMessages<S> {
    inner: S,
    /// Read from the stream.
    received: BytesMut,
    /// Goes to the library before anything else.
    header: BytesMut,
    state: State,
}

enum State {
    /// The answer to the WebSocket request; how many bytes of its end have arrived.
    Answer(usize),
    /// The header of a frame.
    Header { in_message: bool },
    /// The rest of a frame that passes unchanged.
    Whole { rest: u64, in_message: bool },
    /// The rest of a binary frame, and the rest of the message that was begun with what has arrived
    /// of it.
    Binary {
        rest: u64,
        piece: usize,
        in_message: bool,
    },
    /// What WebSocket or MQTT does not allow: the library ends the connection.
    Unchanged,
}

impl<S> ShortMessages<S> {
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            received: BytesMut::new(),
            header: BytesMut::new(),
            state: State::Answer(0),
        }
    }

    /// A stream whose WebSocket is open.
    #[cfg(test)]
    pub(super) fn open(inner: S) -> Self {
        Self {
            state: State::Header { in_message: false },
            ..Self::new(inner)
        }
    }

    /// Passes on what has arrived, as far as `buf` has room.
    fn pass(&mut self, buf: &mut ReadBuf<'_>) {
        while buf.remaining() > 0 {
            if !self.header.is_empty() {
                move_bytes(&mut self.header, buf, LONGEST_HEADER);
                continue;
            }
            if self.received.is_empty() {
                return;
            }
            let received = &mut self.received;
            match &mut self.state {
                State::Answer(matched) => {
                    let byte = received.get_u8();
                    buf.put_slice(&[byte]);
                    *matched = matched_end(*matched, byte);
                    if *matched == END_OF_ANSWER.len() {
                        self.state = State::Header { in_message: false };
                    }
                }
                State::Header { in_message } => {
                    let in_message = *in_message;
                    if !self.begin_frame(in_message) {
                        return;
                    }
                }
                State::Whole { rest, in_message } => {
                    *rest -= move_bytes(received, buf, to_usize(*rest)) as u64;
                    if *rest == 0 {
                        let in_message = *in_message;
                        self.state = State::Header { in_message };
                    }
                }
                State::Binary {
                    rest,
                    piece,
                    in_message,
                } => {
                    if *piece == 0 {
                        self.begin_piece();
                        continue;
                    }
                    let moved = move_bytes(received, buf, *piece);
                    *rest -= moved as u64;
                    *piece -= moved;
                    if *rest == 0 {
                        let in_message = *in_message;
                        self.state = State::Header { in_message };
                    }
                }
                State::Unchanged => {
                    move_bytes(received, buf, usize::MAX);
                }
            }
        }
    }

    /// Reads the header of a frame. Returns `false` if it has not arrived.
    fn begin_frame(&mut self, in_message: bool) -> bool {
        let mut cursor = Cursor::new(&self.received[..]);
        let (header, length) = match FrameHeader::parse(&mut cursor) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return false,
            Err(_) => {
                self.state = State::Unchanged;
                return true;
            }
        };
        let size = to_usize(cursor.position());
        let is_plain = !(header.rsv1 || header.rsv2 || header.rsv3) && header.mask.is_none();
        // The highest bit of a length is 0 (RFC 6455 §5.2).
        let is_plain = is_plain && i64::try_from(length).is_ok();
        self.state = match header.opcode {
            OpCode::Data(Data::Binary) if is_plain && !in_message => {
                self.received.advance(size);
                binary(length, !header.is_final)
            }
            OpCode::Data(Data::Continue) if is_plain && in_message => {
                self.received.advance(size);
                binary(length, !header.is_final)
            }
            OpCode::Control(_) if is_plain && header.is_final && length <= 125 => State::Whole {
                rest: size as u64 + length,
                in_message,
            },
            _ => {
                // The library has not seen that a message is unfinished.
                if in_message {
                    self.header.extend_from_slice(UNFINISHED_MESSAGE);
                }
                State::Unchanged
            }
        };
        true
    }

    /// Begins a message with what has arrived of a binary frame.
    fn begin_piece(&mut self) {
        let State::Binary { rest, piece, .. } = &mut self.state else {
            return;
        };
        *piece = to_usize(*rest).min(self.received.len());
        let header = FrameHeader {
            opcode: OpCode::Data(Data::Binary),
            ..FrameHeader::default()
        };
        let mut bytes = Vec::with_capacity(LONGEST_HEADER);
        // Writing to a vector never fails.
        let _ = header.format(*piece as u64, &mut bytes);
        self.header.extend_from_slice(&bytes);
    }
}

/// Returns the state after the header of a binary frame.
fn binary(length: u64, in_message: bool) -> State {
    if length == 0 {
        return State::Header { in_message };
    }
    State::Binary {
        rest: length,
        piece: 0,
        in_message,
    }
}

/// Returns how many bytes of the answer's end have arrived, after this byte.
fn matched_end(matched: usize, byte: u8) -> usize {
    match END_OF_ANSWER.get(matched) {
        Some(&expected) if expected == byte => matched + 1,
        _ => usize::from(byte == END_OF_ANSWER[0]),
    }
}

/// Moves at most `limit` bytes; returns how many.
fn move_bytes(from: &mut BytesMut, buf: &mut ReadBuf<'_>, limit: usize) -> usize {
    let count = from.len().min(buf.remaining()).min(limit);
    buf.put_slice(&from[..count]);
    from.advance(count);
    count
}

/// Returns the number, or the largest one that fits.
fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl<S: AsyncRead + Unpin> AsyncRead for ShortMessages<S> {
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
            this.pass(buf);
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            this.received.reserve(READ_CHUNK);
            let mut chunk = (&mut this.received).limit(READ_CHUNK);
            let read = pin!(this.inner.read_buf(&mut chunk)).poll(cx);
            if this.received.is_empty() {
                // An idle connection keeps no buffer.
                this.received = BytesMut::new();
            }
            if ready!(read)? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ShortMessages<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<S: Duplex> Duplex for ShortMessages<S> {
    fn socket(&self) -> Option<&TcpStream> {
        self.inner.socket()
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::frame::coding::Control;

    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n";

    /// What the library reads if the stream holds the answer and these bytes.
    async fn read(frames: &[u8]) -> Vec<u8> {
        let all = [ANSWER, frames].concat();
        let mut read = Vec::new();
        let mut stream = ShortMessages::new(&all[..]);
        stream.read_to_end(&mut read).await.unwrap();
        assert!(read.starts_with(ANSWER));
        read.split_off(ANSWER.len())
    }

    #[tokio::test]
    async fn short_messages_and_control_frames_pass_unchanged() {
        let frames = b"\x82\x02ab\x89\x01p\x82\x00\x82\x01c\x88\x02\x03\xe8";
        let passed = b"\x82\x02ab\x89\x01p\x82\x01c\x88\x02\x03\xe8";
        assert_eq!(read(frames).await, passed);
    }

    #[tokio::test]
    async fn a_long_frame_and_fragments_become_whole_messages() {
        let long = vec![7; LARGEST_MESSAGE + 3];
        let header = [0x02, 127, 0, 0, 0, 0, 0, 1, 0, 3];
        let frames = [&header[..], &long, b"\x89\x00\x80\x01z\x82\x01y"].concat();
        let read = read(&frames).await;
        let mut messages = Vec::new();
        let mut cursor = Cursor::new(&read[..]);
        while let Ok(Some((header, length))) = FrameHeader::parse(&mut cursor) {
            assert!(header.is_final && to_usize(length) <= LARGEST_MESSAGE);
            let start = to_usize(cursor.position());
            let end = start + to_usize(length);
            cursor.set_position(end as u64);
            messages.push((header.opcode, &read[start..end]));
        }
        let of = |opcode| {
            let found = messages.iter().filter(move |message| message.0 == opcode);
            found.map(|message| message.1).collect::<Vec<_>>()
        };
        let binary = of(OpCode::Data(Data::Binary));
        assert_eq!(binary.concat(), [&long[..], b"zy"].concat());
        assert_eq!(binary[binary.len() - 2..], [b"z", b"y"]);
        assert_eq!(of(OpCode::Control(Control::Ping)), [b""]);
    }

    #[tokio::test]
    async fn what_is_not_allowed_passes_unchanged() {
        for frames in [
            &b"\x81\x01a\x82\x01b"[..],
            b"\x80\x01x",
            b"\xc2\x01x",
            b"\x82\x81abcdx",
            b"\x83\x01x",
            b"\x89\x7e\x00\x7e",
            b"\x09\x00",
            b"\x82\x7f\xff\0\0\0\0\0\0\0",
        ] {
            assert_eq!(read(frames).await, frames);
        }
        let unfinished = b"\x02\x01a\x82\x01b";
        assert_eq!(read(unfinished).await, b"\x82\x01a\x02\x00\x82\x01b");
    }
}
