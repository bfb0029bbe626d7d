//! Drives a session over a stream: reads as much as there is, hands it over, writes all that the
//! session has to send at once; waits and dials again when the connection is lost.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::time::{Instant, sleep_until};

use super::brokers::{Brokers, Next};
use super::handle_writer::HandleWriter;
use super::link::{self, Link};
use super::reader::{Reader, StreamEnd};
use super::shared::{Shared, SharedState};
use super::timer::{CLOSE_TIMEOUT, SENT_TIMEOUT, Timer};
use super::writer::Writer;
use crate::config::ClientConfig;
use crate::error::Error;
use crate::session::{Event, Session};
use crate::transport::Stream;

/// Packets that wait to be sent, at most, for more to be read: a broker that doesn't take our
/// answers can't make us hoard them.
const BACKLOG_LIMIT: usize = 100_000;

pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) config: Arc<ClientConfig>,
    pub(super) link: Link,
    /// What the application has not taken yet.
    pub(super) events: VecDeque<Event>,
    reader: Reader,
    pub(super) writer: Writer,
    timer: Timer,
    pub(super) brokers: Brokers,
    /// A lost connection is made again.
    pub(super) reconnects: bool,
    pub(super) reading: bool,
    /// Handles write by themselves where they can.
    pub(super) handles_write: bool,
}

/// What the session reports of a moment.
struct Status {
    deadline: Option<std::time::Instant>,
    ending: bool,
    disconnect_sent: bool,
    connecting: bool,
    backlog: usize,
    /// Messages whose acknowledgements are to come.
    in_flight: usize,
}

impl Driver {
    pub(super) fn new(config: Arc<ClientConfig>) -> Self {
        let session = Session::new(Arc::clone(&config), Instant::now().into_std());
        Self {
            shared: Arc::new(Shared::new(session, config.address())),
            link: Link::Down,
            events: VecDeque::new(),
            reader: Reader::default(),
            writer: Writer::default(),
            timer: Timer::default(),
            brokers: Brokers::new(&config),
            reconnects: true,
            reading: true,
            handles_write: false,
            config,
        }
    }

    pub(super) fn configure(&mut self, config: &Arc<ClientConfig>) {
        if !Arc::ptr_eq(&self.config, config) {
            self.brokers.configure(&self.config, config);
            self.config = Arc::clone(config);
            self.shared.lock().session.configure(Arc::clone(config));
        }
    }

    /// Makes the connection; returns when CONNECT is sent.
    pub(super) async fn connect(&mut self) -> Result<(), Error> {
        self.finish().await;
        if let Link::Up(_) = self.link {
            self.lost(Err(Error::Replaced));
        }
        self.shared.lock().stopped = false;
        self.brokers.restart();
        let stream = loop {
            let Next::Dial(config) = self.next_broker() else {
                return Err(Error::NotConnected);
            };
            match link::dial(&config).await {
                Ok(stream) => break stream,
                Err(error) if self.brokers.has_another() => drop(error),
                Err(error) => return Err(error),
            }
        };
        self.opened(stream);
        let written = poll_fn(|cx| {
            let Link::Up(stream) = &mut self.link else {
                return Poll::Ready(Ok(()));
            };
            let mut state = self.shared.lock();
            let output = &mut self.writer.output;
            output.fill(&mut state.session, Instant::now().into_std());
            drop(state);
            self.writer.poll_write_all(stream, cx)
        });
        let written = match tokio::time::timeout(self.config.connect_timeout, written).await {
            Ok(result) => result,
            Err(_) => Err(Error::ConnectTimeout),
        };
        written.inspect_err(|error| self.lost(Err(error.clone())))
    }

    /// Closes a connection that the application has disconnected. The events are kept.
    pub(super) async fn finish(&mut self) {
        poll_fn(|cx| {
            loop {
                let ending = {
                    let mut state = self.shared.lock();
                    state.waker = Some(cx.waker().clone());
                    if self.events.is_empty() {
                        state.session.acknowledge_taken();
                    }
                    if state.stopped {
                        state.session.disconnect_normally();
                    }
                    state.session.is_ending()
                };
                match &self.link {
                    Link::Up(_) if !ending => return Poll::Ready(()),
                    Link::Up(_) | Link::Closing(..) => ready!(self.poll_open(cx)),
                    _ => return Poll::Ready(()),
                }
            }
        })
        .await;
    }

    /// Returns the next event, connecting and reconnecting as needed.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(Some(event));
            }
            let stopped = self.prepare(cx);
            if !self.events.is_empty() {
                continue;
            }
            match &mut self.link {
                Link::Down | Link::Waiting(_) | Link::Dialing(_) if stopped => {
                    self.link = Link::Down;
                    return Poll::Ready(None);
                }
                Link::Down | Link::Waiting(_) if !self.reconnects => {
                    return Poll::Ready(None);
                }
                Link::Down => {
                    self.link = match self.next_broker() {
                        Next::Dial(config) => Link::Dialing(link::dial(&config)),
                        Next::Wait(until) => Link::Waiting(Box::pin(sleep_until(until))),
                    }
                }
                Link::Waiting(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    self.link = Link::Down;
                }
                Link::Dialing(dialing) => match ready!(dialing.as_mut().poll(cx)) {
                    Ok(stream) => self.opened(stream),
                    Err(error) => {
                        self.failed(&error);
                        self.link = Link::Down;
                        self.events.push_back(Event::ConnectFailed(error));
                    }
                },
                Link::Up(_) | Link::Closing(..) => ready!(self.poll_open(cx)),
            }
        }
    }

    /// Prepares a wait; returns whether no connection is wanted any more.
    fn prepare(&mut self, cx: &Context<'_>) -> bool {
        let mut state = self.shared.lock();
        state.waker = Some(cx.waker().clone());
        state.session.acknowledge_taken();
        if state.stopped {
            // Also where the connection was made in the very moment of `disconnect`.
            state.session.disconnect_normally();
        }
        drain(&mut state.session, &mut self.events);
        state.stopped
    }

    /// Serves a connection that is open or closing; ready when there are new events, or when the
    /// connection has changed.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Link::Closing(..) = self.link {
            if ready!(self.poll_closing(cx)) {
                self.closed();
            }
        } else if let Err(error) = ready!(self.poll_up(cx)) {
            self.lost(Err(error));
        }
        Poll::Ready(())
    }

    /// Writes, reads and keeps time on an open connection; ready when there are new events, or when
    /// the connection has changed.
    pub(super) fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let known = self.events.len();
        loop {
            let now = Instant::now();
            let status = self.encode(now)?;
            let wrote = self.write(cx);
            let broken = self.writer.error.is_some();
            if broken && status.ending {
                return Poll::Ready(Err(Error::Closed));
            }
            if status.disconnect_sent && !wrote && self.writer.output.is_empty() {
                self.start_closing();
                return Poll::Ready(Ok(()));
            }
            if self.events.len() > known {
                return Poll::Ready(Ok(()));
            }
            if wrote {
                self.timer.progress();
                continue;
            }
            // CONNACK is read in any case.
            let reads = self.reading || status.connecting || broken;
            if reads && status.backlog < BACKLOG_LIMIT {
                match self.poll_read(cx) {
                    Poll::Ready(Ok(())) => continue,
                    // Why writing fails may tell more than that there is nothing to read.
                    Poll::Ready(Err(Error::Closed)) if broken => {
                        let error = self.writer.error.take().unwrap_or(Error::Closed);
                        return Poll::Ready(Err(error));
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => self.send_tcp_ack(status.in_flight),
                }
            }
            ready!(self.poll_deadline(&status, now, cx))?;
        }
    }

    /// Moves what the session has to send to the output.
    fn encode(&mut self, now: Instant) -> Result<Status, Error> {
        let now = now.into_std();
        let mut state = self.shared.lock();
        let SharedState {
            session,
            handle_writer,
            ..
        } = &mut *state;
        session.tick(now)?;
        let output = &mut self.writer.output;
        if let Some(writer) = handle_writer
            && writer.hand_over(output)
        {
            self.reader.tcp_ack_due = false;
        }
        output.fill(session, now);
        if let Some(writer) = handle_writer {
            writer.resume(output.is_empty(), session.in_flight());
        }
        drain(session, &mut self.events);
        Ok(Status {
            deadline: session.deadline(),
            ending: session.is_ending(),
            disconnect_sent: session.has_sent_disconnect(),
            connecting: session.is_connecting(),
            backlog: session.backlog(),
            in_flight: session.in_flight(),
        })
    }

    /// Writes as much of the output as the socket takes; returns whether it took any.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        let Link::Up(stream) = &mut self.link else {
            return false;
        };
        let wrote = self.writer.write(stream, cx);
        self.reader.tcp_ack_due &= !wrote;
        let output = &mut self.writer.output;
        if output.is_empty() && output.has_tracked() && self.writer.error.is_none() {
            let mut state = self.shared.lock();
            output.written(&mut state.session);
            drain(&mut state.session, &mut self.events);
        }
        wrote
    }

    /// Has the system acknowledge what was read, if more answers are to come and there is nothing
    /// to send that would take the acknowledgement along: it waits for that, for 40 ms on Linux,
    /// and a broker with Nagle's algorithm, which is mosquitto's default, holds back all answers
    /// but the first so long.
    fn send_tcp_ack(&mut self, in_flight: usize) {
        if in_flight > 0
            && std::mem::take(&mut self.reader.tcp_ack_due)
            && let Link::Up(stream) = &self.link
        {
            stream.set_quick_ack(true);
        }
    }

    /// Waits for the session's deadline, or for that of the end.
    fn poll_deadline(
        &mut self,
        status: &Status,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if status.ending || self.writer.error.is_some() {
            return if ready!(self.timer.poll_close(now, cx)) {
                Poll::Ready(Err(self.writer.error.take().unwrap_or(Error::Timeout)))
            } else {
                Poll::Ready(Ok(()))
            };
        }
        let deadline = status.deadline.map(Instant::from_std);
        self.timer.poll(deadline, cx).map(Ok)
    }

    /// Reads once and hands over every packet that is whole.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let (Link::Up(stream) | Link::Closing(stream, _)) = &mut self.link else {
            return Poll::Ready(Ok(()));
        };
        ready!(self.reader.poll_read(stream, cx))?;
        let mut state = self.shared.lock();
        let session = &mut state.session;
        let result = self.reader.decode(session, Instant::now().into_std());
        if session.is_connected() {
            self.brokers.accepted(self.config.reconnect_delay.1);
        }
        drain(session, &mut self.events);
        Poll::Ready(result)
    }

    fn opened(&mut self, stream: Stream) {
        let socket = if self.handles_write {
            stream.duplicate()
        } else {
            None
        };
        self.reader.reset();
        self.writer = Writer::default();
        self.timer.progress();
        self.brokers.opened();
        self.link = Link::Up(stream);
        let mut state = self.shared.lock();
        state.handle_writer = socket.map(HandleWriter::new);
        state.session.open(Instant::now().into_std());
    }

    /// All is written, DISCONNECT last. The stream is read to its end before it is closed: closing
    /// with unread bytes would reset it, and the broker might lose our last messages.
    fn start_closing(&mut self) {
        self.shared.lock().handle_writer = None;
        if let Link::Up(stream) = std::mem::replace(&mut self.link, Link::Down) {
            self.link = Link::Closing(stream, Box::pin(tokio::time::sleep(CLOSE_TIMEOUT)));
        }
    }

    /// Reads to the end of the stream, until the timeout at most, and hands over the answers that
    /// still come; ready with `true` at the end, with `false` when there are new events.
    fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        use tokio::io::AsyncWrite;
        let known = self.events.len();
        loop {
            let Link::Closing(stream, sleep) = &mut self.link else {
                return Poll::Ready(true);
            };
            // Tells the broker that nothing more follows; it closes its side then.
            let closed = Pin::new(stream).poll_shutdown(cx);
            if sleep.as_mut().poll(cx).is_ready() {
                return Poll::Ready(true);
            }
            ready!(closed).ok();
            let is_done = self.shared.lock().session.waiting() == 0;
            let Link::Closing(_, sleep) = &mut self.link else {
                return Poll::Ready(true);
            };
            let soon = Instant::now() + SENT_TIMEOUT;
            if is_done && sleep.deadline() > soon {
                sleep.as_mut().reset(soon);
                continue;
            }
            match ready!(self.poll_read(cx)) {
                Ok(()) if self.events.len() > known => return Poll::Ready(false),
                Ok(()) => {}
                Err(_) => return Poll::Ready(true),
            }
        }
    }

    /// The connection is over after DISCONNECT. A system that resets it had bytes of it that the
    /// broker had not read; over TLS and WebSocket, they may be those of the layer's own end.
    fn closed(&mut self) {
        let is_bare = matches!(&self.link, Link::Closing(stream, _) if stream.is_bare());
        if !(is_bare && self.reader.end == Some(StreamEnd::Broken)) {
            self.shared.lock().session.all_read();
        }
        self.lost(Ok(()));
    }

    /// The connection is over, for the given reason.
    pub(super) fn lost(&mut self, result: Result<(), Error>) {
        let mut state = self.shared.lock();
        let unwritten = state.handle_writer.take().is_some_and(|w| !w.is_empty());
        let session = &mut state.session;
        let result = if session.is_ending() { Ok(()) } else { result };
        if let (Err(error), Link::Up(stream)) = (&result, &mut self.link)
            && let Some(disconnect) = session.disconnect_after(error)
            && self.writer.output.is_empty()
            && !unwritten
        {
            let mut bytes = BytesMut::new();
            session.codec().encode(&disconnect, &mut bytes);
            link::send_last(stream, &bytes);
        }
        let writer = &self.writer;
        let is_written = writer.output.is_empty() && !writer.has_failed && !unwritten;
        if is_written && session.backlog() == 0 && self.reader.end == Some(StreamEnd::Orderly) {
            session.all_read();
        }
        session.close(result.clone());
        self.brokers.lost(&result, session.has_progressed());
        drain(session, &mut self.events);
        drop(state);
        self.link = Link::Down;
        self.reader.reset();
        self.writer = Writer::default();
        if let Err(error) = &result {
            self.failed(error);
        }
    }

    /// Selects the broker of the next attempt.
    fn next_broker(&mut self) -> Next {
        let next = self.brokers.next(&self.config);
        if let Next::Dial(config) = &next {
            self.shared.lock().broker = config.address();
        }
        next
    }

    /// An attempt has failed, or a connection is lost: the next one follows.
    fn failed(&mut self, error: &Error) {
        // The session learns of other delays at once.
        let delays = self.shared.lock().session.reconnect_delay();
        self.brokers.failed(error, &self.config, delays);
        self.shared.lock().tries_another_broker = self.brokers.has_another();
    }
}

fn drain(session: &mut Session, events: &mut VecDeque<Event>) {
    while let Some(event) = session.poll_event() {
        events.push_back(event);
    }
}
