//! Drives a [`Session`] over a byte stream: reads as much as there is, hands it over, writes all
//! that the session has to say in one call; waits and dials again when the connection is lost.

mod direct;
mod gather;

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::backoff::Backoff;
use crate::config::ClientConfig;
use crate::error::Error;
use crate::message::{Message, PacketId, Properties, QoS};
use crate::packet::{Incoming, Outgoing};
use crate::protocol::Protocol;
use crate::request::{
    AckRequest, DisconnectRequest, ReleaseRequest, SubscribeRequest, UnsubscribeRequest,
};
use crate::session::{Event, Session};
use crate::topic::RecentTopics;
use crate::transport::{Stream, Twin};
use direct::Direct;

/// Bytes that are gathered before they are written.
const WRITE_CHUNK: usize = 64 * 1024;
/// The read buffer's size at first, and the size it grows to while reads fill it.
const READ_CHUNKS: (usize, usize) = (4 * 1024, 64 * 1024);
/// How long the end of a connection may make no progress: the broker doesn't take what is left to
/// be written, or doesn't close the stream after our DISCONNECT.
const CLOSING: Duration = Duration::from_secs(5);
/// An output buffer that is larger is not kept for the next time.
const KEPT_OUTPUT: usize = 8 * 1024;
/// Packets that wait to be sent, at most, for more to be read: who doesn't take our answers can't
/// make us hoard them.
const MAX_BACKLOG: usize = 100_000;

/// What the connection and its handles share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    session: Session,
    /// The task that drives the connection, while it waits.
    waker: Option<Waker>,
    /// Where handles may write by themselves.
    direct: Option<Direct>,
    /// No connection is wanted any more.
    stopped: bool,
    attention: Attention,
}

/// Who waits for the socket of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attention {
    /// The runtime, which polls the connection's task.
    Runtime,
    /// The thread that polls. What has come is read without asking the runtime, which need not know yet, and is no
    /// longer to be woken once there is nothing more.
    Thread,
    /// It, and what has come is read.
    Drained,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The session has no state in between that a panic could leave behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Encodes what is to be sent on this thread, and writes it, where that is possible. Returns whether the driver may
    /// go on waiting.
    fn send_directly(&mut self) -> bool {
        let driver_waits = self.waker.is_some();
        match &mut self.direct {
            Some(direct) => direct.send(&mut self.session, driver_waits),
            None => false,
        }
    }
}

/// Publishes, subscribes and acknowledges on a [`Connection`], from any thread, without waiting:
/// what is asked for is queued, and the task that drives the connection sends it. Clones are of the
/// same connection; without the [`Connection`] they still queue, and nothing is sent.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.shared.lock();
        let result = act(&mut state);
        let waker = if state.send_directly() {
            None
        } else {
            state.waker.take()
        };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        result
    }

    /// Accepts a message for the broker; [`Event::Published`] tells when one with QoS 1 or 2 is
    /// acknowledged, by the packet id that is returned. QoS 0 has no id. See [`Session::publish`].
    ///
    /// # Errors
    /// As [`Session::publish`]: [`Error::NotConnected`] (QoS 0 only; QoS 1 and 2 wait for the
    /// connection), [`Error::QueueFull`] ([`Event::Writable`] follows), [`Error::Config`] for
    /// properties, and what the broker's CONNACK forbids.
    pub fn publish(&self, message: Message) -> Result<Option<PacketId>, Error> {
        self.with(|state| state.session.publish(message, false))
    }

    /// Accepts a message as [`publish`](Self::publish) does; one with QoS 0 gets an id too, and
    /// [`Event::Published`] tells when it has left for the broker.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn publish_tracked(&self, message: Message) -> Result<PacketId, Error> {
        let id = self.with(|state| state.session.publish(message, true))?;
        Ok(id.expect("a tracked message has an id"))
    }

    /// Subscribes; [`Event::Subscribed`] brings the broker's answer, unless the connection is lost
    /// before. To be called at [`Event::Connected`].
    ///
    /// # Errors
    /// As [`Session::subscribe_with`].
    pub fn subscribe(&self, request: impl Into<SubscribeRequest>) -> Result<PacketId, Error> {
        let SubscribeRequest {
            subscriptions,
            properties,
        } = request.into();
        self.with(|state| state.session.subscribe_with(subscriptions, properties))
    }

    /// Unsubscribes; [`Event::Unsubscribed`] brings the broker's answer, unless the connection is
    /// lost before.
    ///
    /// # Errors
    /// As [`Session::unsubscribe_with`].
    pub fn unsubscribe(&self, request: impl Into<UnsubscribeRequest>) -> Result<PacketId, Error> {
        let UnsubscribeRequest {
            filters,
            properties,
        } = request.into();
        self.with(|state| state.session.unsubscribe_with(filters, properties))
    }

    /// Chooses whether [`Event::Log`] tells each packet and why a connection ends. Default `false`.
    pub fn set_logging(&self, logging: bool) {
        self.with(|state| state.session.set_logging(logging));
    }

    /// Chooses who acknowledges what arrives from now on, as [`ClientConfig::manual_ack`] does.
    pub fn set_manual_ack(&self, manual: bool) {
        self.with(|state| state.session.set_manual_ack(manual));
    }

    /// Takes over limits at once, and the rest for the next connection.
    pub(crate) fn configure(&self, config: Arc<ClientConfig>) {
        self.with(|state| state.session.configure(config));
    }

    /// Acknowledges received messages, PUBACK for QoS 1 and PUBREC for QoS 2, in the order in which
    /// they arrived; see [`Session::ack_with`].
    ///
    /// # Panics
    /// Never: an [`AckRequest`] is checked when it is made.
    pub fn ack(&self, requests: impl IntoIterator<Item = impl Into<AckRequest>>) {
        self.with(|state| {
            for request in requests {
                let request = request.into();
                if request.is_plain() {
                    state.session.ack(&request.token);
                } else {
                    let properties = request.properties.map(|properties| *properties);
                    let acked = state
                        .session
                        .ack_with(&request.token, request.reason, properties);
                    acked.expect("the request was checked");
                }
            }
        });
    }

    /// Takes over QoS 2 packet ids that an earlier process received and did not see released; see
    /// [`Session::hold`]. To be called before the first connection.
    pub fn hold(&self, held: impl IntoIterator<Item = (PacketId, u64)>) {
        self.with(|state| state.session.hold(held));
    }

    /// Chooses whether the application answers the broker's AUTH; see [`Session::set_answers_auth`].
    pub fn set_answers_auth(&self, answers: bool) {
        self.with(|state| state.session.set_answers_auth(answers));
    }

    /// Answers the broker's AUTH; see [`Session::auth`].
    ///
    /// # Errors
    /// As [`Session::auth`].
    pub fn auth(&self, properties: Properties) -> Result<(), Error> {
        self.with(|state| state.session.auth(properties))
    }

    /// Authenticates again; see [`Session::reauthenticate`].
    ///
    /// # Errors
    /// As [`Session::reauthenticate`].
    pub fn reauthenticate(&self, properties: Properties) -> Result<(), Error> {
        self.with(|state| state.session.reauthenticate(properties))
    }

    /// Sends the PUBCOMP of a released QoS 2 message; see [`Session::release_with`].
    ///
    /// # Panics
    /// Never: a [`ReleaseRequest`] is checked when it is made.
    pub fn release(&self, request: impl Into<ReleaseRequest>) {
        let ReleaseRequest { token, properties } = request.into();
        self.with(|state| match properties {
            None => state.session.release(&token),
            Some(properties) => {
                let released = state.session.release_with(&token, *properties);
                released.expect("the request was checked");
            }
        });
    }

    /// Ends the connection cleanly: what is on its way to the socket is sent first, and without
    /// `manual_ack` the acknowledgements of what the application has received, then DISCONNECT; the
    /// stream is read to its end, five seconds at most, and [`Connection::next`]
    /// returns `None`. Messages with QoS 1 and 2 that are not acknowledged by then are kept, for
    /// [`Connection::connect`]. Returns whether there was a connection to
    /// end. See [`Session::disconnect_with`].
    ///
    /// ```no_run
    /// # fn run(handle: &iot_core::Handle) -> Result<(), iot_core::Error> {
    /// handle.disconnect(iot_core::ReasonCode::SUCCESS)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Session::disconnect_with`], never for [`ReasonCode::SUCCESS`](crate::ReasonCode::SUCCESS) alone; nothing ends then.
    pub fn disconnect(&self, request: impl Into<DisconnectRequest>) -> Result<bool, Error> {
        let DisconnectRequest { reason, properties } = request.into();
        self.with(|state| {
            let ended = state.session.disconnect_with(reason, properties)?;
            state.stopped = true;
            Ok(ended)
        })
    }

    /// Takes [`disconnect`](Self::disconnect) back for the next connection.
    pub(crate) fn want(&self) {
        self.with(|state| state.stopped = false);
    }

    /// Returns the socket, for another thread to wait for; `None` where there is none, or something lies between it
    /// and the packets.
    pub(crate) fn twin(&self) -> Option<Twin> {
        let state = self.shared.lock();
        state.direct.as_ref().map(|direct| direct.socket().clone())
    }

    /// Says who waits for the socket from now on, [`Runtime`](Attention::Runtime) or [`Thread`](Attention::Thread), and
    /// polls the connection then. A thread does so whenever there is something to be read.
    pub(crate) fn set_attention(&self, attention: Attention) {
        self.shared.lock().attention = attention;
    }

    /// Returns who waits for the socket, and whether all is read.
    pub(crate) fn attention(&self) -> Attention {
        self.shared.lock().attention
    }

    /// Returns whether a thread waits for the socket itself, and no message is on its way any more.
    pub(crate) fn is_attended_to_the_end(&self) -> bool {
        let state = self.shared.lock();
        state.attention != Attention::Runtime && state.session.unacknowledged() == 0
    }

    /// Returns whether the broker has accepted the connection, and it neither has ended nor is ending.
    pub fn is_connected(&self) -> bool {
        self.shared.lock().session.is_connected()
    }

    /// Returns the client id: the configured one, the random one in the place of an empty one, or the
    /// one that the broker has assigned (MQTT 5 §3.2.2.3.7).
    pub fn client_id(&self) -> String {
        self.shared.lock().session.client_id().to_owned()
    }

    /// Returns how many messages with QoS 1 and 2 are accepted and not yet acknowledged, those included
    /// that were not sent yet.
    pub fn unacknowledged(&self) -> usize {
        self.shared.lock().session.unacknowledged()
    }
}

type Dialling = Pin<Box<dyn Future<Output = Result<Stream, Error>> + Send>>;

/// The network side of a connection.
enum Link {
    /// There is none, and none is under way.
    Down,
    /// One has been lost or refused; the next try follows.
    Waiting(Pin<Box<Sleep>>),
    Dialing(Dialling),
    Up(Stream),
    /// DISCONNECT is sent; what still arrives is read and dropped, to the end of the stream.
    Closing(Stream, Pin<Box<Sleep>>),
}

/// A client's connection to its broker: the async face of the library.
///
/// One task drives it, by awaiting [`next`](Self::next); everything else goes through the
/// [`Handle`], from that task or any other. A lost connection is made again by itself, after a
/// delay that grows ([`ClientConfig::reconnect_delay`]); what was accepted for QoS 1 and 2 is then sent
/// again. It needs a tokio runtime with I/O and time. Dropping it cuts the connection without a
/// DISCONNECT: the broker publishes the will.
///
/// ```no_run
/// use iot_core::{ClientConfig, Connection, Event, QoS, TopicFilter};
///
/// # async fn run() -> Result<(), iot_core::Error> {
/// let mut connection = Connection::new(ClientConfig::default())?;
/// let handle = connection.handle();
/// while let Some(event) = connection.next().await {
///     match event {
///         Event::Connected(_) => {
///             handle.subscribe([(TopicFilter::new("iot/#")?, QoS::AtLeastOnce)])?;
///         }
///         Event::Received { message, .. } => println!("{} {:?}", message.topic, message.payload),
///         Event::Disconnected(Err(error)) => eprintln!("{error}"),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[expect(clippy::struct_excessive_bools, reason = "each is a matter of its own")]
pub struct Connection {
    shared: Arc<Shared>,
    config: Arc<ClientConfig>,
    link: Link,
    events: VecDeque<Event>,
    input: BytesMut,
    /// Bytes that are dropped as they come: the payload of a message that is too large.
    dropping: usize,
    opened_at: Instant,
    /// The last connection was lost by what the broker had sent, which may come again on each.
    poisoned: bool,
    read_chunk: usize,
    topics: RecentTopics,
    output: BytesMut,
    /// Whether what was written may still lie in the transport, which packs it up.
    unflushed: bool,
    /// Bytes were read since the last write.
    unconfirmed: bool,
    /// Ids of the tracked QoS 0 messages in `output`.
    leaving: Vec<PacketId>,
    timer: Option<Pin<Box<Sleep>>>,
    backoff: Backoff,
    /// When an end without progress is given up.
    patience: Option<Instant>,
    /// The socket takes nothing any more; what the broker had said before is still to be read.
    write_error: Option<Error>,
    reading: bool,
    reconnects: bool,
    /// Handles write by themselves where they can.
    direct: bool,
}

/// What the session says about a moment.
struct Situation {
    deadline: Option<std::time::Instant>,
    ending: bool,
    said_goodbye: bool,
    connecting: bool,
    backlog: usize,
    /// Messages whose acknowledgements are to come.
    in_flight: usize,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Returns a connection that [`next`](Self::next) will make. Nothing is dialled yet.
    ///
    /// # Errors
    /// What [`ClientConfig::checked`] finds.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        let config = Arc::new(config.checked()?);
        let session = Session::new(Arc::clone(&config), Instant::now().into_std());
        Ok(Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    session,
                    waker: None,
                    direct: None,
                    stopped: false,
                    attention: Attention::Runtime,
                }),
            }),
            link: Link::Down,
            events: VecDeque::new(),
            input: BytesMut::new(),
            dropping: 0,
            opened_at: Instant::now(),
            poisoned: false,
            read_chunk: READ_CHUNKS.0,
            topics: RecentTopics::default(),
            output: BytesMut::new(),
            unflushed: false,
            unconfirmed: false,
            leaving: Vec::new(),
            timer: None,
            patience: None,
            write_error: None,
            backoff: Backoff::new(config.reconnect_delay),
            reading: true,
            reconnects: true,
            direct: false,
            config,
        })
    }

    /// Returns a handle to publish, subscribe and acknowledge with.
    pub fn handle(&self) -> Handle {
        Handle {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Returns the configuration, with the client id that is used.
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Returns the configuration to be shared.
    pub(crate) fn shared_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// Makes the connection now: returns when CONNECT is sent. A connection that stands is dropped
    /// first, one that [`Handle::disconnect`] ends is brought to its end. [`Event::Connected`] or
    /// [`Event::Refused`] follow from [`next`](Self::next). Takes [`Handle::disconnect`] back.
    ///
    /// # Errors
    /// [`Error::Connect`] where the broker can't be reached within `connect_timeout`;
    /// [`Error::ConnectTimeout`], [`Error::Closed`] and [`Error::Io`] where CONNECT can't be sent.
    /// [`next`](Self::next) tries again then.
    pub async fn connect(&mut self) -> Result<(), Error> {
        self.finish().await;
        if let Link::Up(_) = self.link {
            self.lost(Err(Error::Replaced));
        }
        self.shared.lock().stopped = false;
        let transport = self.dial().await?;
        self.opened(transport);
        let written = poll_fn(|cx| {
            let Link::Up(transport) = &mut self.link else {
                return Poll::Ready(Ok(()));
            };
            let mut state = self.shared.lock();
            let now = Instant::now().into_std();
            encode(&mut state.session, &mut self.output, &mut self.leaving, now);
            drop(state);
            while !self.output.is_empty() {
                match ready!(Pin::new(&mut *transport).poll_write(cx, &self.output))? {
                    0 => return Poll::Ready(Err(Error::Closed)),
                    written => self.output.advance(written),
                }
            }
            Poll::Ready(Ok(()))
        });
        let written = match tokio::time::timeout(self.config.connect_timeout, written).await {
            Ok(result) => result,
            Err(_) => Err(Error::ConnectTimeout),
        };
        written.inspect_err(|error| self.lost(Err(error.clone())))
    }

    /// Brings a connection that [`Handle::disconnect`] ends to its end. The events are kept for
    /// [`next`](Self::next).
    pub(crate) async fn finish(&mut self) {
        poll_fn(|cx| {
            loop {
                let ending = {
                    let mut state = self.shared.lock();
                    state.waker = Some(cx.waker().clone());
                    if self.events.is_empty() {
                        state.session.acknowledge_taken();
                    }
                    if state.stopped {
                        state.session.disconnect();
                    }
                    state.session.is_ending()
                };
                match &self.link {
                    Link::Up(_) if ending => match ready!(self.poll_up(cx)) {
                        Ok(()) => {}
                        Err(error) => self.lost(Err(error)),
                    },
                    Link::Closing(..) => {
                        if ready!(self.poll_closing(cx)) {
                            self.lost(Ok(()));
                        }
                    }
                    _ => return Poll::Ready(()),
                }
            }
        })
        .await;
    }

    /// Returns the next event, connecting and reconnecting as needed; `None` after
    /// [`Handle::disconnect`], once the connection is closed, and after its loss where
    /// [`set_reconnects`](Self::set_reconnects) says so. The connection is only served while this is
    /// awaited, keep alive included. May be dropped at any await: nothing is lost.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Returns the next event if there is one already: one of those that have come together with the
    /// last that [`next`](Self::next) has returned. Reads and sends nothing.
    pub fn try_next(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Stops or resumes reading from the broker, so that TCP slows it down. Meanwhile writing goes on,
    /// pings included, and the broker's silence is not taken for its end. CONNACK is read all the same.
    /// Default `true`.
    pub fn set_reading(&mut self, reading: bool) {
        self.reading = reading;
        let now = Instant::now().into_std();
        self.shared.lock().session.set_reading(reading, now);
    }

    /// Takes over a configuration that differs from the present one in what may change: not in the
    /// client id, the protocol, and what of the session was announced to the broker.
    pub(crate) fn configure(&mut self, config: &Arc<ClientConfig>) {
        if Arc::ptr_eq(&self.config, config) {
            return;
        }
        self.config = Arc::clone(config);
        let config = Arc::clone(config);
        self.shared.lock().session.configure(config);
    }

    /// Speaks another version of the protocol from the next connection on, which [`next`](Self::next)
    /// tries at once: for a broker that has not taken the one before. To be called while there is no
    /// connection.
    ///
    /// # Errors
    /// What [`ClientConfig::checked`] finds; nothing changes then.
    pub fn set_protocol(&mut self, protocol: Protocol) -> Result<(), Error> {
        let config = ClientConfig {
            protocol,
            ..(*self.config).clone()
        };
        self.configure(&Arc::new(config.checked()?));
        if let Link::Waiting(_) = self.link {
            self.link = Link::Down;
        }
        Ok(())
    }

    /// Returns whether [`Handle::disconnect`] was called since the last [`connect`](Self::connect).
    pub(crate) fn is_stopped(&self) -> bool {
        self.shared.lock().stopped
    }

    /// Returns whether there is a connection, or one that comes to its end.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.link, Link::Up(_) | Link::Closing(..))
    }

    /// Lets handles write by themselves while the driver waits: of use where they are used on other threads. Takes
    /// effect with the next connection.
    pub(crate) fn set_direct(&mut self) {
        self.direct = true;
    }

    /// Chooses whether [`next`](Self::next) makes a lost connection again (the default). If not,
    /// it ends after [`Event::Disconnected`].
    pub fn set_reconnects(&mut self, reconnects: bool) {
        self.reconnects = reconnects;
    }

    /// Begins to dial. On its own, for this has kilobytes on the stack until it is in its box, and
    /// every thread of a client would keep them.
    #[inline(never)]
    fn dial(&self) -> Dialling {
        Box::pin(dial(Arc::clone(&self.config)))
    }

    /// Hands the session over events and bytes until there is an event for the application.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(Some(event));
            }
            let stopped = {
                let mut state = self.shared.lock();
                state.waker = Some(cx.waker().clone());
                state.session.acknowledge_taken();
                if state.stopped {
                    // Also where the connection was made in the very moment of `disconnect`.
                    state.session.disconnect();
                }
                drain(&mut state.session, &mut self.events);
                state.stopped
            };
            if !self.events.is_empty() {
                continue;
            }
            match &mut self.link {
                Link::Down | Link::Waiting(_) | Link::Dialing(_) if stopped => {
                    self.link = Link::Down;
                    return Poll::Ready(None);
                }
                Link::Down | Link::Waiting(_) if !self.reconnects => return Poll::Ready(None),
                Link::Down => self.link = Link::Dialing(self.dial()),
                Link::Waiting(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    self.link = Link::Down;
                }
                Link::Dialing(dialling) => match ready!(dialling.as_mut().poll(cx)) {
                    Ok(transport) => self.opened(transport),
                    Err(error) => {
                        self.wait();
                        self.events.push_back(Event::ConnectFailed(error));
                    }
                },
                Link::Up(_) => match ready!(self.poll_up(cx)) {
                    Ok(()) => {}
                    Err(error) => self.lost(Err(error)),
                },
                Link::Closing(..) => {
                    if ready!(self.poll_closing(cx)) {
                        self.lost(Ok(()));
                    }
                }
            }
        }
    }

    /// Writes, reads and keeps time on an open connection; ready when there are new events, or when
    /// the connection has changed.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let known = self.events.len();
        loop {
            let now = Instant::now();
            let situation = {
                let mut state = self.shared.lock();
                let State {
                    session, direct, ..
                } = &mut *state;
                session.tick(now.into_std())?;
                if let Some(direct) = direct
                    && direct.take(&mut self.output, &mut self.leaving)
                {
                    self.unconfirmed = false;
                }
                encode(session, &mut self.output, &mut self.leaving, now.into_std());
                if let Some(direct) = direct {
                    direct.give(self.output.is_empty(), session.in_flight());
                }
                drain(session, &mut self.events);
                Situation {
                    deadline: session.deadline(),
                    ending: session.is_ending(),
                    said_goodbye: session.has_said_goodbye(),
                    connecting: session.is_connecting(),
                    backlog: session.backlog(),
                    in_flight: session.in_flight(),
                }
            };
            let wrote = match self.write(cx) {
                Ok(wrote) => wrote,
                Err(error) => {
                    self.write_error = Some(error);
                    self.output.clear();
                    false
                }
            };
            let broken = self.write_error.is_some();
            if broken && situation.ending {
                return Poll::Ready(Err(Error::Closed));
            }
            if situation.said_goodbye && !wrote && self.output.is_empty() {
                self.start_closing();
                return Poll::Ready(Ok(()));
            }
            if self.events.len() > known {
                return Poll::Ready(Ok(()));
            }
            if wrote {
                self.patience = None;
                continue;
            }
            // Who is not reading still wants to get to know whether it is connected.
            let reads = self.reading || situation.connecting || broken;
            if reads && situation.backlog < MAX_BACKLOG {
                match self.poll_read(cx) {
                    Poll::Ready(Ok(())) => continue,
                    // Why writing fails may tell more than that there is nothing to read.
                    Poll::Ready(Err(Error::Closed)) if broken => {
                        let error = self.write_error.take().unwrap_or(Error::Closed);
                        return Poll::Ready(Err(error));
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => self.confirm(situation.in_flight),
                }
            }
            let deadline = if situation.ending || broken {
                let until = *self.patience.get_or_insert(now + CLOSING);
                if now >= until {
                    return Poll::Ready(Err(self.write_error.take().unwrap_or(Error::Timeout)));
                }
                until
            } else {
                match situation.deadline {
                    Some(deadline) => Instant::from_std(deadline),
                    None => return Poll::Pending,
                }
            };
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(cx));
        }
    }

    /// Writes as much of the output as the socket takes; returns whether it took any.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        let Link::Up(transport) = &mut self.link else {
            return Ok(false);
        };
        if self.write_error.is_some() {
            self.output.clear();
            return Ok(false);
        }
        let mut wrote = false;
        while !self.output.is_empty() {
            match Pin::new(&mut *transport).poll_write(cx, &self.output) {
                Poll::Ready(Ok(0)) => return Err(Error::Closed),
                Poll::Ready(Ok(written)) => {
                    self.output.advance(written);
                    self.unflushed = true;
                    self.unconfirmed = false;
                    wrote = true;
                }
                Poll::Ready(Err(error)) => return Err(broken(error)),
                Poll::Pending => return Ok(wrote),
            }
        }
        if self.unflushed
            && let Poll::Ready(flushed) = Pin::new(transport).poll_flush(cx)
        {
            self.unflushed = false;
            flushed.map_err(broken)?;
        }
        if self.output.capacity() > KEPT_OUTPUT {
            self.output = BytesMut::new();
        }
        if !self.leaving.is_empty() {
            let mut state = self.shared.lock();
            for id in self.leaving.drain(..) {
                state.session.sent(id);
            }
            drain(&mut state.session, &mut self.events);
        }
        Ok(wrote)
    }

    /// Has the system confirm what was read, where more answers are to come and there is nothing to send that would take
    /// the confirmation along: it waits for that, for 40 ms on Linux, and a broker with Nagle's algorithm, which is
    /// mosquitto's default, holds all answers but the first back so long.
    fn confirm(&mut self, in_flight: usize) {
        if in_flight > 0
            && std::mem::take(&mut self.unconfirmed)
            && let Link::Up(stream) = &self.link
        {
            stream.confirm_at_once(true);
        }
    }

    /// Reads to the end of the stream, for `CLOSING` at most, and hands over the answers that still
    /// come; ready with `true` at the end, with `false` when there are new events.
    fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let known = self.events.len();
        loop {
            let Link::Closing(transport, sleep) = &mut self.link else {
                return Poll::Ready(true);
            };
            // Tells the broker that nothing more follows; it closes its side then.
            let closed = Pin::new(transport).poll_shutdown(cx);
            if sleep.as_mut().poll(cx).is_ready() {
                return Poll::Ready(true);
            }
            ready!(closed).ok();
            match ready!(self.poll_read(cx)) {
                Ok(()) if self.events.len() > known => return Poll::Ready(false),
                Ok(()) => {}
                Err(_) => return Poll::Ready(true),
            }
        }
    }

    /// Reads once and hands over every packet that is whole.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let (Link::Up(transport) | Link::Closing(transport, _)) = &mut self.link else {
            return Poll::Ready(Ok(()));
        };
        let attention = self.shared.lock().attention;
        let read = match attention {
            Attention::Runtime => {
                self.input.reserve(self.read_chunk);
                let mut reading = pin!(read_buf(transport, &mut self.input));
                reading.as_mut().poll(cx)
            }
            Attention::Thread => {
                let read = transport.read_unwatched(&mut self.input, self.read_chunk);
                if read.is_pending() {
                    transport.unwatch();
                }
                if !matches!(read, Poll::Ready(Ok(read)) if read == self.read_chunk) {
                    self.shared.lock().attention = Attention::Drained;
                }
                read
            }
            Attention::Drained => Poll::Pending,
        };
        let Poll::Ready(read) = read else {
            if self.input.is_empty() && self.read_chunk == READ_CHUNKS.0 {
                // An idle connection keeps no buffer.
                self.input = BytesMut::new();
            }
            return Poll::Pending;
        };
        let read = match read {
            Ok(0) => return Poll::Ready(Err(Error::Closed)),
            Ok(read) => read,
            Err(error) => return Poll::Ready(Err(broken(error))),
        };
        self.unconfirmed = true;
        self.read_chunk = if read >= self.read_chunk {
            (self.read_chunk * 2).min(READ_CHUNKS.1)
        } else if read < READ_CHUNKS.0 {
            READ_CHUNKS.0
        } else {
            self.read_chunk
        };
        let now = Instant::now().into_std();
        let mut state = self.shared.lock();
        let session = &mut state.session;
        let codec = session.codec();
        let result = loop {
            let dropped = self.dropping.min(self.input.len());
            self.input.advance(dropped);
            self.dropping -= dropped;
            match codec.decode_with(&mut self.input, &mut self.topics) {
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
        // A message that breaks each connection is not to be asked for every second.
        let is_calm = || self.opened_at.elapsed() >= self.config.reconnect_delay.1;
        if session.is_connected() && (!self.poisoned || is_calm()) {
            self.poisoned = false;
            self.backoff.reset();
        }
        drain(session, &mut self.events);
        drop(state);
        if self.input.is_empty() && self.read_chunk == READ_CHUNKS.0 {
            // Topics save nothing on an idle connection.
            self.topics = RecentTopics::default();
        }
        Poll::Ready(result)
    }

    fn opened(&mut self, transport: Stream) {
        let twin = transport.twin().filter(|_| self.direct).cloned();
        self.input.clear();
        self.dropping = 0;
        self.opened_at = Instant::now();
        self.output.clear();
        self.unflushed = false;
        self.unconfirmed = false;
        self.leaving.clear();
        self.patience = None;
        self.write_error = None;
        self.link = Link::Up(transport);
        let now = Instant::now().into_std();
        let mut state = self.shared.lock();
        state.direct = twin.map(Direct::new);
        state.session.open(now);
    }

    /// All is written, DISCONNECT last. The stream is read to its end before it is closed: closing
    /// with unread bytes would reset it, and the broker might lose our last messages.
    fn start_closing(&mut self) {
        self.shared.lock().direct = None;
        if let Link::Up(transport) = std::mem::replace(&mut self.link, Link::Down) {
            self.link = Link::Closing(transport, Box::pin(tokio::time::sleep(CLOSING)));
        }
    }

    /// The connection is over, for the given reason.
    fn lost(&mut self, result: Result<(), Error>) {
        let mut state = self.shared.lock();
        let is_clear = state.direct.take().is_none_or(|direct| direct.is_clear());
        let session = &mut state.session;
        let result = if session.is_ending() { Ok(()) } else { result };
        if let (Err(error), Link::Up(transport)) = (&result, &mut self.link)
            && let Some(farewell) = session.farewell(error)
        {
            let mut bytes = BytesMut::new();
            session.codec().encode(&farewell, &mut bytes);
            if self.output.is_empty() && is_clear {
                part(Pin::new(transport), &bytes);
            }
        }
        let wait = result.is_err();
        self.poisoned |= result.as_ref().is_err_and(Error::is_poison);
        session.close(result);
        drain(session, &mut self.events);
        drop(state);
        self.link = Link::Down;
        self.input = BytesMut::new();
        self.output = BytesMut::new();
        self.leaving.clear();
        if wait {
            self.wait();
        }
    }

    /// Waits before the next try.
    fn wait(&mut self) {
        // The session's, for that is told at once what the configuration becomes.
        self.backoff
            .set(self.shared.lock().session.reconnect_delay());
        let delay = self.backoff.next();
        tracing::debug!(?delay, "next try to connect");
        self.link = Link::Waiting(Box::pin(tokio::time::sleep(delay)));
    }
}

async fn dial(config: Arc<ClientConfig>) -> Result<Stream, Error> {
    let dialling = Stream::dial(&config);
    match tokio::time::timeout(config.connect_timeout, dialling).await {
        Ok(Ok(transport)) => Ok(transport),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
    .map_err(|error| Error::Connect {
        address: config.address(),
        reason: Arc::new(error),
    })
}

/// Moves packets to the output, up to a chunk.
fn encode(
    session: &mut Session,
    output: &mut BytesMut,
    leaving: &mut Vec<PacketId>,
    now: std::time::Instant,
) {
    let codec = session.codec();
    while output.len() < WRITE_CHUNK
        && let Some(packet) = session.poll_transmit(now)
    {
        codec.encode(&packet, output);
        if let Outgoing::Publish(message) | Outgoing::PublishAliased { message, .. } = packet
            && message.qos == QoS::AtMostOnce
        {
            leaving.extend(message.packet_id);
        }
    }
}

fn drain(session: &mut Session, events: &mut VecDeque<Event>) {
    while let Some(event) = session.poll_event() {
        events.push_back(event);
    }
}

async fn read_buf(transport: &mut Stream, input: &mut BytesMut) -> io::Result<usize> {
    use tokio::io::AsyncReadExt;
    transport.read_buf(input).await
}

/// An error of the socket, as the session sees it: a broker that just closes is the commonest.
fn broken(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Error::Closed,
        _ => error.into(),
    }
}

/// Sends the last packet, as far as the socket takes it without waiting: the broker will find out
/// anyway.
fn part(mut transport: Pin<&mut Stream>, farewell: &[u8]) {
    let mut cx = Context::from_waker(Waker::noop());
    let _ = transport.as_mut().poll_write(&mut cx, farewell);
    let _ = transport.as_mut().poll_shutdown(&mut cx);
    // Closing with unread bytes would reset the stream, and the packet might be lost.
    let (mut bytes, mut unwatched) = ([0; 4096], BytesMut::new());
    for _ in 0..256 {
        unwatched.clear();
        // The runtime may not know yet that there are any.
        if let Poll::Ready(Ok(1..)) = transport.read_unwatched(&mut unwatched, bytes.len()) {
            continue;
        }
        let mut buffer = ReadBuf::new(&mut bytes);
        match transport.as_mut().poll_read(&mut cx, &mut buffer) {
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
            _ => return,
        }
    }
}
