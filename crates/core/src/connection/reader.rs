//! Reads what has arrived and gives the session the packets in it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Buf, BytesMut};
use tokio::io::AsyncReadExt;

use super::socket_error::from_socket;
use crate::error::Error;
use crate::packet::{Incoming, Skip};
use crate::session::Session;
use crate::topic::RecentTopics;
use crate::transport::Stream;

/// The read buffer's size at first, and the size it grows to while reads fill it.
const CHUNK_SIZES: (usize, usize) = (4 * 1024, 64 * 1024);

/// How a stream has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamEnd {
    /// The broker has closed it, and had read what had arrived: the system would reset it
    /// otherwise.
    Orderly,
    Broken,
}

pub(super) struct Reader {
    input: BytesMut,
    chunk: usize,
    /// Bytes that are dropped as they come: the payload of a message that is too large.
    dropping: usize,
    /// A payload that is measured as it comes, and not held.
    skip: Option<Skip>,
    topics: RecentTopics,
    /// Bytes were read since the last write, so the system may not have acknowledged them.
    pub(super) tcp_ack_due: bool,
    /// How the stream has ended, if it has.
    pub(super) end: Option<StreamEnd>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            input: BytesMut::new(),
            chunk: CHUNK_SIZES.0,
            dropping: 0,
            skip: None,
            topics: RecentTopics::default(),
            tcp_ack_due: false,
            end: None,
        }
    }
}

impl Reader {
    /// Forgets what the last connection has left.
    pub(super) fn reset(&mut self) {
        self.input = BytesMut::new();
        self.dropping = 0;
        self.skip = None;
        self.tcp_ack_due = false;
        self.end = None;
    }

    /// Reads once.
    pub(super) fn poll_read(
        &mut self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        self.input.reserve(self.chunk);
        let mut reading = std::pin::pin!(stream.read_buf(&mut self.input));
        let Poll::Ready(read) = Pin::new(&mut reading).poll(cx) else {
            if self.is_idle() {
                // An idle connection keeps no buffer.
                self.input = BytesMut::new();
            }
            return Poll::Pending;
        };
        let read = match read {
            Ok(0) => {
                self.end = Some(StreamEnd::Orderly);
                return Poll::Ready(Err(Error::Closed));
            }
            Ok(read) => read,
            Err(error) => {
                self.end = Some(StreamEnd::Broken);
                return Poll::Ready(Err(from_socket(error)));
            }
        };
        self.tcp_ack_due = true;
        self.chunk = if read >= self.chunk {
            (self.chunk * 2).min(CHUNK_SIZES.1)
        } else if read < CHUNK_SIZES.0 {
            CHUNK_SIZES.0
        } else {
            self.chunk
        };
        Poll::Ready(Ok(()))
    }

    /// Gives the session every packet that is whole.
    pub(super) fn decode(&mut self, session: &mut Session, now: Instant) -> Result<(), Error> {
        let codec = session.codec();
        let result = loop {
            let dropped = self.dropping.min(self.input.len());
            self.input.advance(dropped);
            self.dropping -= dropped;
            if let Some(mut skip) = self.skip.take() {
                if !skip.take(&mut self.input) {
                    self.skip = Some(skip);
                    session.part_received(now);
                    break Ok(());
                }
                let packet = Incoming::LongPublish(Box::new(skip.finish()));
                if let Err(error) = session.handle(packet, now) {
                    break Err(error);
                }
                continue;
            }
            match codec.decode_with(&mut self.input, &mut self.topics) {
                Ok(Some(Incoming::LongPublish(publish))) => {
                    self.skip = Some(session.skip(*publish));
                }
                Ok(Some(packet)) => {
                    if let Incoming::Oversized(oversized) = &packet {
                        self.dropping = oversized.left;
                    }
                    if let Err(error) = session.handle(packet, now) {
                        break Err(error);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(Error::undecodable(error, &self.input)),
            }
        };
        if self.is_idle() {
            // Topics save nothing on an idle connection.
            self.topics = RecentTopics::default();
        }
        result
    }

    fn is_idle(&self) -> bool {
        self.input.is_empty() && self.chunk == CHUNK_SIZES.0
    }
}
