//! Paho's calls and callbacks on a [`Connection`].
//!
//! # Which thread runs what
//!
//! Callbacks run on the thread that runs the loop: the one that calls [`Client::loop_forever`] or
//! [`Client::loop_once`], or, after [`Client::loop_start`], one of the library's. Of these a client
//! has one only while something happens, and its next callbacks may run on another: a thousand
//! idle clients take one thread. So callbacks must not rely on thread-locals; the user data goes
//! along. Callbacks of one client never run at the same time as one another, and one that blocks
//! stops no other client. A thread in [`MessageInfo::wait_for_publish`] sends and reads for an idle
//! client itself, as far as no callback is to be called. Where no loop runs, [`Client::disconnect`]
//! ends the connection itself, and calls the callbacks for what that brings on the thread that calls
//! it.
//!
//! All methods may be called from any thread and from inside callbacks; no lock is held while a
//! callback runs. What would wait for the loop doesn't do so inside a callback: [`Client::connect`]
//! and [`Client::reconnect`] return at once there and the loop connects when the callback has
//! returned, [`Client::loop_stop`] takes effect then, and [`MessageInfo::wait_for_publish`] is an
//! error. Methods that wait block their thread, that of an async runtime too: [`Connection`] is the
//! one to be used there.
//!
//! A callback that panics ends the loop, and is not called again. The panic goes on to whoever
//! called `loop_forever`, `loop_once` or `disconnect`; that of a loop which `loop_start` has started,
//! to whoever calls `loop_stop` or `loop_start` next.

mod acks;
mod callbacks;
mod delivery;
mod driver;
mod place;
mod pool;
mod rest;
mod serving;
mod started;
mod transport;

use std::net::IpAddr;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use tokio::sync::Notify;

use crate::config::ClientConfig;
use crate::connection::{Connection, Handle};
use crate::error::Error;
use crate::message::{Message, PacketId, Payload, Properties, QoS};
use crate::packet::{Ack, Auth, ConnAck, SubscribeAck, Subscription};
use crate::reason::{ConnectCode, ReasonCode};
use crate::request::{AckRequest, DisconnectRequest, SubscribeRequest, UnsubscribeRequest};
use crate::session::{AckToken, Event, LogLevel};
use crate::topic::{TopicFilter, TopicName};
use crate::will::Will;
use acks::Acks;
use callbacks::{Callbacks, UserData};
pub use callbacks::{ConnectFlags, Published};
pub use delivery::MessageInfo;
use delivery::{Deliveries, Ended};
use driver::{Driver, Patience, Waited};
use place::{Loan, Place};
use started::Started;

/// An MQTT client with Paho's calls and callbacks. `U` is the user data that every callback gets.
///
/// Clones are the same client. It ends when all are dropped and no loop runs; the connection is then
/// cut without a DISCONNECT, so that the broker publishes the will.
///
/// ```no_run
/// use iot_core::{Client, ClientConfig};
/// use std::time::Duration;
///
/// # fn run() -> Result<(), iot_core::Error> {
/// let client = Client::new(ClientConfig::default(), ())?;
/// client.on_connect(|client, _userdata, _flags, rc| {
///     if rc.is_accepted() {
///         client.subscribe("iot/#", 0).expect("the filter is right");
///     }
/// });
/// client.on_message(|_client, _userdata, message| {
///     println!(" {} {:?}", message.topic, message.payload);
/// });
/// client.connect("localhost", 1883, Duration::from_secs(60), None)?;
/// client.loop_forever()?;
/// # Ok(())
/// # }
/// ```
pub struct Client<U: Send + 'static = ()> {
    inner: Arc<Inner<U>>,
}

impl<U: Send + 'static> Clone for Client<U> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<U: Send + 'static> std::fmt::Debug for Client<U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("client_id", &self.inner.handle.client_id())
            .finish_non_exhaustive()
    }
}

struct Inner<U: Send + 'static> {
    /// Tells this client's loop from those of others.
    number: u64,
    handle: Handle,
    place: Place,
    control: Mutex<Control>,
    /// Wakes the loop for what stands in `control`.
    wake: Notify,
    callbacks: Mutex<Callbacks<U>>,
    userdata: UserData<U>,
    deliveries: Deliveries,
    acks: Acks,
}

/// What other threads and callbacks ask of the loop.
#[derive(Default)]
struct Control {
    /// What the next connection is made with.
    config: Arc<ClientConfig>,
    /// [`Client::connect`] or [`Client::connect_async`] was called.
    has_target: bool,
    /// Connect now; the result goes to those who wait for it.
    connect: Option<Vec<mpsc::SyncSender<Result<(), Error>>>>,
    /// [`Client::loop_start`], [`Client::loop_forever`] or [`Client::loop_once`] runs.
    running: bool,
    /// The loop of `loop_start` is to end.
    stop: bool,
    started: Option<Arc<Started>>,
}

impl Control {
    /// Claims the loop for one thread.
    fn start_running(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.running, true) {
            return Err(Error::Running);
        }
        self.stop = false;
        Ok(())
    }

    /// Gives the loop free again, unless somebody waits for the connection that it is to make: who
    /// asks for one and hears that a loop runs must not be left with one that was about to end.
    fn end_running(&mut self) -> bool {
        self.running = self.connect.is_some();
        !self.running
    }
}

/// Gives the loop free again.
struct Running<U: Send + 'static> {
    client: Client<U>,
    /// It is free already, and may be somebody else's.
    over: bool,
}

impl<U: Send + 'static> Running<U> {
    fn new(client: Client<U>) -> Self {
        Self {
            client,
            over: false,
        }
    }
}

impl<U: Send + 'static> Drop for Running<U> {
    fn drop(&mut self) {
        if !self.over {
            lock(&self.client.inner.control).running = false;
        }
    }
}

/// Says how a loop that runs ended its round.
enum Round {
    /// Something happened, or the time is over.
    Done,
    /// Nothing happens.
    Idle,
    /// The connection is lost and this loop doesn't make it again, or the client has disconnected.
    Over(Result<(), Error>),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these mutexes guard is never left half changed, so a panic elsewhere harms nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<U: Send + 'static> Client<U> {
    /// Returns a client that is not connected. Paho's `Client(client_id, clean_session, userdata,
    /// protocol)`: the first two and the last are fields of `config`.
    ///
    /// # Errors
    /// As [`ClientConfig::checked`]; [`Error::Io`] where the system has no poller left.
    pub fn new(config: ClientConfig, userdata: U) -> Result<Self, Error> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let connection = Connection::new(config)?;
        let config = connection.shared_config();
        let acks = Acks::default();
        acks.set_manual(config.manual_ack);
        Ok(Self {
            inner: Arc::new(Inner {
                number: NUMBER.fetch_add(1, Ordering::Relaxed),
                handle: connection.handle(),
                place: Place::new(Driver::new(connection)?),
                control: Mutex::new(Control {
                    config,
                    ..Control::default()
                }),
                wake: Notify::new(),
                callbacks: Mutex::new(Callbacks::default()),
                userdata: UserData::new(userdata),
                deliveries: Deliveries::default(),
                acks,
            }),
        })
    }

    /// Returns the client id: the configured one, the random one in the place of an empty one, or the
    /// one that the broker has assigned (MQTT 5 §3.2.2.3.7).
    pub fn client_id(&self) -> String {
        self.inner.handle.client_id()
    }

    /// Returns the configuration that the next connection is made with, with all that the setters
    /// have changed.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&lock(&self.inner.control).config)
    }

    /// Returns whether the broker has accepted the connection, it still stands, and
    /// [`disconnect`](Self::disconnect) has not been called on it.
    pub fn is_connected(&self) -> bool {
        self.inner.handle.is_connected()
    }

    /// Replaces the user data. While a callback runs it keeps the data that it has; the new one is
    /// what the next callback gets.
    pub fn user_data_set(&self, userdata: U) {
        self.inner.userdata.set(userdata);
    }

    // What is set before connecting.

    /// Sets the will, the message that the broker publishes when the connection is lost (MQTT 3.1.1
    /// §3.1.2.5). Takes effect with the next connection. Default none.
    ///
    /// # Errors
    /// [`Error::Topic`] for a topic with a wildcard or none, [`Error::Config`] for another QoS than
    /// 0, 1, 2 and for a payload of more than 65,535 bytes. The will is as before then.
    pub fn will_set(
        &self,
        topic: impl TryInto<TopicName, Error: Into<Error>>,
        payload: impl Into<Payload>,
        qos: impl TryInto<QoS, Error: Into<Error>>,
        retain: bool,
    ) -> Result<(), Error> {
        self.will_set_with(Will {
            topic: topic.try_into().map_err(Into::into)?,
            payload: payload.into().0,
            qos: qos.try_into().map_err(Into::into)?,
            retain,
            properties: None,
        })
    }

    /// Sets the will as [`will_set`](Self::will_set) does, with its MQTT 5 properties (§3.1.3.2): will
    /// delay interval, and those of a PUBLISH.
    ///
    /// # Errors
    /// [`Error::Config`] for a payload of more than 65,535 bytes and for properties out of their
    /// range.
    pub fn will_set_with(&self, will: Will) -> Result<(), Error> {
        self.change(|config| config.will = Some(will)).map(drop)
    }

    /// Removes the will. Takes effect with the next connection.
    pub fn will_clear(&self) {
        self.change(|config| config.will = None)
            .expect("nothing can be wrong with no will");
    }

    /// Sets user name and password; `None` for none, the default. Takes effect with the next connection.
    ///
    /// # Errors
    /// [`Error::Config`] for a password without a user name (before MQTT 5, [MQTT-3.1.2-22]), for more
    /// than 65,535 bytes, and for a user name with a NUL character. They are as before then.
    pub fn username_pw_set(
        &self,
        username: Option<&str>,
        password: Option<&str>,
    ) -> Result<(), Error> {
        self.change(|config| {
            config.username = username.map(Into::into);
            config.password = password.map(Into::into);
        })
        .map(drop)
    }

    /// Sets the shortest and the longest delay before the next try to connect; it doubles from try
    /// to try, and each is shortened by up to a half at random, though not below the shortest, so
    /// that not all clients of a broker come back at once. A CONNACK that accepts begins anew. A
    /// shortest of 0 stays 0: tries follow each other at once. Takes effect with the next delay;
    /// one that is under way ends with [`reconnect`](Self::reconnect). Defaults 1 and 120 s.
    pub fn reconnect_delay_set(&self, shortest: Duration, longest: Duration) {
        self.change_at_once(|config| config.reconnect_delay = (shortest, longest));
    }

    /// Sets how many messages with QoS 1 and 2 may be sent and not yet acknowledged at a time; 0 for
    /// as many as the protocol knows, 65,535. An MQTT 5 broker's receive maximum lowers it
    /// [MQTT-3.3.4-7]. More of them wait in the queue. Takes effect at once. Default 20.
    pub fn max_inflight_messages_set(&self, messages: u16) {
        self.change_at_once(|config| config.max_inflight = any_number(messages));
    }

    /// Sets how many messages with QoS 1 and 2 may be accepted and not yet acknowledged at a time,
    /// those in flight included; 0 for as many as the protocol knows, 65,535. Takes effect at once.
    /// Default 65,000.
    ///
    /// When so many wait, or the bytes of [`max_queued_bytes`](ClientConfig::max_queued_bytes),
    /// [`publish`](Self::publish) returns [`Error::QueueFull`] and takes nothing; what was accepted
    /// stays, however far the limit is lowered. There is room again when messages are acknowledged,
    /// which [`on_publish`](Self::on_publish) tells. QoS 0 doesn't count: of it, 1 MiB may wait for
    /// the socket.
    pub fn max_queued_messages_set(&self, messages: u16) {
        self.change_at_once(|config| config.max_queued = any_number(messages));
    }

    /// Changes what doesn't wait for the next connection.
    fn change_at_once(&self, change: impl FnOnce(&mut ClientConfig)) {
        let config = self
            .change(change)
            .expect("any delay is right, and any number but 0");
        self.inner.handle.configure(config);
    }

    fn change(&self, change: impl FnOnce(&mut ClientConfig)) -> Result<Arc<ClientConfig>, Error> {
        let mut control = lock(&self.inner.control);
        let mut config = ClientConfig::clone(&control.config);
        change(&mut config);
        control.config = Arc::new(config.checked()?);
        Ok(Arc::clone(&control.config))
    }

    /// Chooses who acknowledges what arrives from now on: the application by [`ack`](Self::ack), or
    /// the client, once `on_message` has returned for all the messages that have come together (the
    /// default, [`ClientConfig::manual_ack`]).
    pub fn manual_ack_set(&self, manual: bool) {
        self.change(|config| config.manual_ack = manual)
            .expect("either is right");
        self.inner.acks.set_manual(manual);
        self.inner.handle.set_manual_ack(manual);
    }

    // Connecting.

    /// Connects to a broker: blocks until CONNECT is sent, for
    /// [`connect_timeout`](ClientConfig::connect_timeout) at most twice (to connect, to send), and
    /// while a callback runs. `on_connect` follows from the loop. A connection that stands is cut
    /// first, without a DISCONNECT: `on_disconnect` gets [`Error::Replaced`], and the broker
    /// publishes the will. Inside a callback it returns at once, and the loop connects afterwards;
    /// `on_connect_fail` tells where that fails.
    ///
    /// `keep_alive` is in whole seconds up to 65,535, 0 for none (see [`ClientConfig::keep_alive`]);
    /// Paho's default is 60 s. `bind_address` is the local address to connect from, `None` for the
    /// system's choice.
    ///
    /// # Errors
    /// [`Error::Connect`] where the broker can't be reached within `connect_timeout`; a loop that runs
    /// tries again. [`Error::ConnectTimeout`], [`Error::Closed`] and [`Error::Io`] where CONNECT can't
    /// be sent. [`Error::Config`] for a keep alive out of its range and for a host name that TLS or the
    /// proxy can't have; nothing changes then.
    pub fn connect(
        &self,
        host: &str,
        port: u16,
        keep_alive: Duration,
        bind_address: Option<IpAddr>,
    ) -> Result<(), Error> {
        self.request_connect(|config| Self::aimed(config, host, port, keep_alive, bind_address))
    }

    /// Remembers the broker, and returns at once: [`loop_start`](Self::loop_start) or
    /// [`loop_forever`](Self::loop_forever) connects, and tries until it is there. The arguments are
    /// those of [`connect`](Self::connect). A connection that stands is kept; the next one goes to this
    /// broker.
    ///
    /// # Errors
    /// [`Error::Config`] as for [`connect`](Self::connect).
    pub fn connect_async(
        &self,
        host: &str,
        port: u16,
        keep_alive: Duration,
        bind_address: Option<IpAddr>,
    ) -> Result<(), Error> {
        let mut control = lock(&self.inner.control);
        control.config = Self::aimed(&control.config, host, port, keep_alive, bind_address)?.into();
        control.has_target = true;
        drop(control);
        // A `disconnect` from before is over.
        self.inner.handle.want();
        self.inner.wake.notify_one();
        Ok(())
    }

    /// The configuration with this broker in it.
    fn aimed(
        config: &ClientConfig,
        host: &str,
        port: u16,
        keep_alive: Duration,
        bind_address: Option<IpAddr>,
    ) -> Result<ClientConfig, Error> {
        let config = ClientConfig {
            host: host.to_owned(),
            port,
            keep_alive,
            bind_address,
            ..config.clone()
        };
        config.checked()
    }

    /// Connects to the same broker again, as [`connect`](Self::connect) does, with what the setters
    /// have changed. Without an earlier `connect` that is the broker of the configuration.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn reconnect(&self) -> Result<(), Error> {
        self.request_connect(|config| Ok(config.clone()))
    }

    /// Connects now, to the broker that `aim` makes of the present one.
    fn request_connect(
        &self,
        aim: impl FnOnce(&ClientConfig) -> Result<ClientConfig, Error>,
    ) -> Result<(), Error> {
        let inner = &self.inner;
        let (sender, result) = mpsc::sync_channel(1);
        let in_callback = driver::runs_here(inner.number);
        {
            // Broker and request at once: a loop that saw the one without the other would connect
            // by itself, and then once more.
            let mut control = lock(&inner.control);
            control.config = aim(&control.config)?.into();
            control.has_target = true;
            let waiting = control.connect.get_or_insert_default();
            if !in_callback {
                waiting.push(sender);
            }
        }
        if in_callback {
            return Ok(());
        }
        inner.wake.notify_one();
        loop {
            // A loop that runs elsewhere connects for us; where none does, it is left to us.
            self.settle();
            match result.recv_timeout(Duration::from_millis(50)) {
                Ok(result) => return result,
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(Error::NotRunning),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Does what `request_connect` asked for. Returns the broker, once one
    /// is named.
    fn connect_requested(&self, driver: &mut Driver) -> Option<Arc<ClientConfig>> {
        let (waiting, config) = {
            let mut control = lock(&self.inner.control);
            let config = control.has_target.then(|| Arc::clone(&control.config));
            (control.connect.take(), config)
        };
        if let (Some(waiting), Some(config)) = (waiting, &config) {
            let result = driver.connect(config);
            if let (Err(error), true) = (&result, waiting.is_empty()) {
                // Asked for by a callback, which didn't wait: the loop tries again by itself.
                self.dispatch(Event::ConnectFailed(error.clone()), &mut Vec::new());
            }
            for sender in waiting {
                // Who no longer waits doesn't need to know.
                let _ = sender.send(result.clone());
            }
        }
        config
    }

    /// Ends the connection cleanly: what is on its way to the socket is sent, then DISCONNECT, so that
    /// the broker publishes no will (MQTT 3.1.1 §3.14); the answers that still come are taken. The loop
    /// then ends with `Ok`, Paho's 0. A broker that takes nothing, or doesn't close its side, is given
    /// five seconds for each. Returns at once where a loop runs or inside a callback, else after the end.
    ///
    /// Messages with QoS 1 and 2 that wait for room in the window or for their acknowledgement are not
    /// waited for, but kept for the next connection: who wants them delivered first waits by
    /// [`MessageInfo::wait_for_publish`].
    ///
    /// # Errors
    /// [`Error::NotConnected`] where there is no connection to end; the loop ends all the same.
    pub fn disconnect(&self) -> Result<(), Error> {
        self.end(self.inner.handle.disconnect(ReasonCode::SUCCESS)?)
    }

    /// Disconnects as [`disconnect`](Self::disconnect) does, with a reason code and properties for
    /// an MQTT 5 broker (§3.14.2): [`ReasonCode::DISCONNECT_WITH_WILL`] has it publish the will; a
    /// session expiry interval replaces that of CONNECT; a reason string and user properties are for
    /// its log. The earlier versions send none of it.
    ///
    /// # Errors
    /// As [`disconnect`](Self::disconnect). [`Error::Config`] for a code that only brokers send, for
    /// properties out of their range, and for a session that is to outlive the connection though
    /// CONNECT said that it doesn't (§3.14.2.2.2); then nothing ends.
    pub fn disconnect_with(
        &self,
        reason: ReasonCode,
        properties: Option<Properties>,
    ) -> Result<(), Error> {
        let request = DisconnectRequest { reason, properties };
        self.end(self.inner.handle.disconnect(request)?)
    }

    /// Brings the connection to its end where no loop does so; `ended` tells whether there is one.
    fn end(&self, ended: bool) -> Result<(), Error> {
        let inner = &self.inner;
        inner.wake.notify_one();
        if !driver::runs_here(inner.number)
            && let Some(mut driver) = Loan::try_take(self)
        {
            driver.finish();
            self.dispatch_ready(&mut driver);
        }
        if ended {
            Ok(())
        } else {
            Err(Error::NotConnected)
        }
    }

    // The loop.

    /// Does one round: waits for something to happen, `timeout` at most, and calls the callbacks
    /// for it on this thread. Neither connects nor reconnects: [`connect`](Self::connect) and
    /// [`reconnect`](Self::reconnect) do. May return early with nothing done. (Paho's `loop`, which is
    /// a keyword here.)
    ///
    /// # Errors
    /// Why the connection is lost, when [`on_disconnect`](Self::on_disconnect) has got it;
    /// [`Error::NotConnected`] where there is none, [`Error::InCallback`] inside a callback, and
    /// [`Error::Running`] where a loop runs already.
    ///
    /// # Panics
    /// Where a callback does, with its panic.
    pub fn loop_once(&self, timeout: Duration) -> Result<(), Error> {
        let _running = self.start_running()?;
        if !lock(&self.inner.control).has_target {
            return Err(Error::NotConnected);
        }
        let mut driver = Loan::take(self);
        driver.set_reconnects(false);
        match self.round(&mut driver, None, Patience::AtMost(timeout)) {
            Round::Done | Round::Idle => Ok(()),
            Round::Over(result) => result,
        }
    }

    /// Runs the loop on this thread until [`disconnect`](Self::disconnect): connects where
    /// [`connect_async`](Self::connect_async) has left that to the loop, and reconnects after a
    /// delay that grows, see [`reconnect_delay_set`](Self::reconnect_delay_set). It tries for ever, a
    /// broker that refuses the connection included: `disconnect` in `on_connect`, `on_connect_fail` or
    /// `on_disconnect` gives up.
    ///
    /// # Errors
    /// [`Error::NotConnected`] where no broker was named, [`Error::InCallback`] inside a callback,
    /// and [`Error::Running`] where a loop runs already.
    ///
    /// # Panics
    /// Where a callback does, with its panic.
    pub fn loop_forever(&self) -> Result<(), Error> {
        let running = self.start_running()?;
        if !lock(&self.inner.control).has_target {
            return Err(Error::NotConnected);
        }
        self.run(running)
    }

    /// Starts the loop, until [`disconnect`](Self::disconnect) or [`loop_stop`](Self::loop_stop), and
    /// returns at once. It connects and reconnects as [`loop_forever`](Self::loop_forever) does, once a
    /// broker is named. It runs on a thread of the library, and on none while nothing happens: callbacks
    /// may run on different threads over time, never two at once. The loop has a clone of the client:
    /// dropping the others does not end it.
    ///
    /// # Errors
    /// [`Error::Running`] where a loop runs already, [`Error::Io`] where no thread can be started.
    ///
    /// # Panics
    /// Where a callback of an earlier loop, which has ended since, has panicked, with that panic.
    pub fn loop_start(&self) -> Result<(), Error> {
        let mut control = lock(&self.inner.control);
        if !driver::runs_here(self.inner.number) {
            // One that a callback has stopped, or that has ended by itself, may still be at it. Looked for in the very
            // moment in which the loop is claimed: the panic of one that ends in between would be lost.
            loop {
                let ends = control.stop || !control.running;
                let over = |started: &mut Arc<Started>| ends || started.is_finished();
                let Some(ending) = control.started.take_if(over) else {
                    break;
                };
                drop(control);
                self.join(Some(&*ending));
                control = lock(&self.inner.control);
            }
        }
        control.start_running()?;
        let (client, started) = (self.clone(), Arc::<Started>::default());
        control.started = Some(Arc::clone(&started));
        drop(control);
        let ended = Arc::clone(&started);
        pool::start(Box::new(move || client.begin(started))).map_err(|error| {
            ended.finish(Ok(()));
            let mut control = lock(&self.inner.control);
            control.started = None;
            control.running = false;
            error.into()
        })
    }

    /// Stops what [`loop_start`](Self::loop_start) has started and waits for its end; inside a
    /// callback it only asks for it. The connection stays as it is, and nothing serves it until the
    /// next loop: the broker ends it after one and a half keep alives (MQTT 3.1.1 [MQTT-3.1.2-24]).
    /// One that [`disconnect`](Self::disconnect) is ending comes to its end first.
    ///
    /// # Errors
    /// [`Error::NotRunning`] where no loop was started, or it was stopped already. One that has ended
    /// by itself is stopped once.
    ///
    /// # Panics
    /// Where a callback has panicked, with that panic.
    pub fn loop_stop(&self) -> Result<(), Error> {
        let started = {
            let mut control = lock(&self.inner.control);
            let Some(started) = &control.started else {
                return Err(Error::NotRunning);
            };
            control.stop = !started.is_finished();
            if driver::runs_here(self.inner.number) {
                None
            } else {
                control.started.take()
            }
        };
        self.inner.wake.notify_one();
        self.join(started.as_deref());
        Ok(())
    }

    fn join(&self, started: Option<&Started>) {
        let result = started.map(Started::join);
        if result.is_some() {
            lock(&self.inner.control).stop = false;
        }
        if let Some(Err(panic)) = result {
            resume_unwind(panic);
        }
    }

    /// Claims the loop for this thread, until the guard is dropped.
    fn start_running(&self) -> Result<Running<U>, Error> {
        if driver::runs_here(self.inner.number) {
            return Err(Error::InCallback);
        }
        lock(&self.inner.control).start_running()?;
        Ok(Running::new(self.clone()))
    }

    /// Runs the loop on this thread.
    fn run(&self, running: Running<U>) -> Result<(), Error> {
        let mut driver = Loan::take(self);
        driver.set_reconnects(true);
        let result = loop {
            if let Some(result) = self.turn(&mut driver, None, Patience::Endless) {
                break result;
            }
        };
        self.over(running, driver);
        result
    }

    fn over(&self, mut running: Running<U>, driver: Loan<U>) {
        running.over = true;
        drop(driver);
        // What was asked for while this loop still had the connection, and no longer looked.
        self.settle();
    }

    /// Does round after round, until the loop is over or idle. Who is patient waits; who lingers
    /// comes back, unless much happens.
    fn turn(
        &self,
        driver: &mut Driver,
        first: Option<Waited>,
        patience: Patience,
    ) -> Option<Result<(), Error>> {
        let lingers = matches!(patience, Patience::Linger);
        let comes_back = lingers && !driver.is_busy();
        let mut first = first.filter(|first| !matches!(first, Waited::Nothing));
        loop {
            if first.is_none() {
                let mut control = lock(&self.inner.control);
                // What `disconnect` has begun is brought to its end, which it finds by itself.
                if control.stop && !driver.is_ending() {
                    control.running = false;
                    return Some(Ok(()));
                }
                if comes_back && control.connect.is_none() {
                    return None;
                }
            }
            match self.round(driver, first.take(), patience) {
                Round::Over(result) if lock(&self.inner.control).end_running() => {
                    return Some(result);
                }
                Round::Idle if lingers => return None,
                Round::Over(_) | Round::Done | Round::Idle => {}
            }
        }
    }

    /// Does what `connect` and `disconnect` ask for, unless somebody else has the connection.
    fn settle(&self) {
        if let Some(mut driver) = Loan::try_take(self) {
            self.connect_requested(&mut driver);
            if driver.is_ending() {
                driver.finish();
                self.dispatch_ready(&mut driver);
            }
        }
    }

    /// Calls the callbacks for the events that there are already.
    fn dispatch_ready(&self, driver: &mut Driver) {
        let mut ended = Vec::new();
        while let Waited::Event(event) = driver.try_next() {
            self.dispatch(event, &mut ended);
        }
        self.inner.deliveries.finish(&mut ended);
    }

    /// Calls the callbacks for what has happened, outside of any lock; waits for it where there is
    /// none yet.
    fn round(&self, driver: &mut Driver, first: Option<Waited>, patience: Patience) -> Round {
        let inner = &self.inner;
        let mut over = None;
        let mut ended = Vec::new();
        let mut next = first.unwrap_or_else(|| {
            let config = self.connect_requested(driver);
            driver.wait(config.as_ref(), patience, &inner.wake)
        });
        loop {
            match next {
                Waited::Idle => return Round::Idle,
                Waited::Nothing => break,
                // A loop that reconnects ends for want of a connection only if it was told to.
                Waited::Ended if driver.reconnects() => {
                    over = Some(Ok(()));
                    break;
                }
                Waited::Ended => {
                    over.get_or_insert(Err(Error::NotConnected));
                    break;
                }
                Waited::Event(event) => {
                    if let Event::Disconnected(result) = &event
                        && !driver.reconnects()
                    {
                        over = Some(result.clone());
                    }
                    self.dispatch(event, &mut ended);
                }
            }
            next = driver.try_next();
        }
        let awaited = inner.deliveries.finish(&mut ended);
        match over {
            // Another connection stands already, or a callback has asked for one.
            Some(_) if driver.is_up() || self.is_to_connect() => Round::Done,
            Some(result) => Round::Over(result),
            // Who waits for each message before the next one waits for the socket too, while the client rests.
            None if awaited && inner.handle.unacknowledged() == 0 && !self.is_to_connect() => {
                Round::Idle
            }
            None => Round::Done,
        }
    }

    /// Whether somebody has asked for a connection, a callback perhaps, which wakes nobody.
    fn is_to_connect(&self) -> bool {
        lock(&self.inner.control).connect.is_some()
    }

    fn released(&self, ack: &Ack) {
        Callbacks::call(
            &self.inner.callbacks,
            |c| &mut c.on_release,
            |callback| {
                let userdata = &self.inner.userdata;
                userdata.with(|userdata| callback(self, userdata, ack));
            },
        );
    }

    fn asked(&self, auth: &Auth) {
        Callbacks::call(
            &self.inner.callbacks,
            |c| &mut c.on_auth,
            |callback| {
                let userdata = &self.inner.userdata;
                userdata.with(|userdata| callback(self, userdata, auth));
            },
        );
    }

    /// Calls the callbacks for an event. Messages whose end nobody else waits for are gathered in `ended`: telling each
    /// by itself would cost the threads that publish more than all else.
    #[expect(clippy::too_many_lines, reason = "an arm for each event")]
    fn dispatch(&self, event: Event, ended: &mut Vec<Ended>) {
        let _here = driver::enter(self.inner.number);
        let callbacks = &self.inner.callbacks;
        if !matches!(event, Event::Published { .. }) {
            self.inner.deliveries.finish(ended);
        }
        match event {
            Event::Connected(ack) | Event::Refused(ack) => {
                let ConnAck {
                    session_present,
                    code,
                    properties,
                } = ack;
                if code.is_accepted() && !session_present {
                    self.inner.acks.session_lost();
                }
                let flags = ConnectFlags {
                    session_present,
                    properties,
                };
                Callbacks::call(
                    callbacks,
                    |c| &mut c.on_connect,
                    |callback| {
                        self.inner
                            .userdata
                            .with(|userdata| callback(self, userdata, flags, code));
                    },
                );
            }
            Event::Received { message, token } => self.received(&message, token.as_ref()),
            // The application has acknowledged it; what is left is the protocol's business.
            Event::Released {
                token,
                reason,
                properties,
            } => {
                self.inner.handle.release(&token);
                let id = token.id();
                self.released(&Ack {
                    id,
                    reason,
                    properties,
                });
            }
            Event::Auth(auth) => self.asked(&auth),
            Event::PassedOver {
                message,
                size,
                limit,
            } => {
                let topic = message.topic;
                let text = format!(
                    "a message to `{topic}` of {size} bytes is larger than the limit of {limit}: it is passed over"
                );
                self.log(LogLevel::Warning, &text);
            }
            Event::Disconnected(result) => {
                self.inner.acks.disconnected();
                Callbacks::call(
                    callbacks,
                    |c| &mut c.on_disconnect,
                    |callback| {
                        self.inner
                            .userdata
                            .with(|userdata| callback(self, userdata, &result));
                    },
                );
            }
            Event::ConnectFailed(error) => {
                self.log(LogLevel::Error, &error.to_string());
                Callbacks::call(
                    callbacks,
                    |c| &mut c.on_connect_fail,
                    |callback| {
                        self.inner
                            .userdata
                            .with(|userdata| callback(self, userdata, &error));
                    },
                );
            }
            Event::Published {
                id,
                result,
                properties,
                pubrec,
            } => {
                let published = Published {
                    result,
                    properties,
                    pubrec,
                };
                let called = Callbacks::call(
                    callbacks,
                    |c| &mut c.on_publish,
                    |callback| {
                        self.inner
                            .userdata
                            .with(|userdata| callback(self, userdata, id, &published));
                    },
                );
                let (mid, result) = (id, published.result);
                ended.push(Ended { mid, result });
                if called {
                    self.inner.deliveries.finish(ended);
                }
            }
            Event::Subscribed(ack) => {
                Callbacks::call(
                    callbacks,
                    |c| &mut c.on_subscribe,
                    |callback| {
                        self.inner
                            .userdata
                            .with(|userdata| callback(self, userdata, ack.id, &ack));
                    },
                );
            }
            Event::Unsubscribed(ack) => {
                Callbacks::call(
                    callbacks,
                    |c| &mut c.on_unsubscribe,
                    |callback| {
                        self.inner
                            .userdata
                            .with(|userdata| callback(self, userdata, ack.id, &ack));
                    },
                );
            }
            Event::Log { level, text } => self.log(level, &text),
            Event::Duplicate(_) | Event::Writable => {}
        }
    }

    fn received(&self, message: &Message, token: Option<&AckToken>) {
        let inner = &self.inner;
        let to_acknowledge = token.filter(|token| inner.acks.arrived(**token));
        Callbacks::call_for_message(&inner.callbacks, message.topic.as_str(), |callback| {
            inner
                .userdata
                .with(|userdata| callback(self, userdata, message));
        });
        if let Some(token) = to_acknowledge {
            inner.handle.ack([token]);
        }
    }

    fn log(&self, level: LogLevel, text: &str) {
        Callbacks::call(
            &self.inner.callbacks,
            |c| &mut c.on_log,
            |callback| {
                self.inner
                    .userdata
                    .with(|userdata| callback(self, userdata, level, text));
            },
        );
    }

    // Publishing and subscribing.

    /// Publishes a message, without waiting for it. The payload is text, bytes, a number or nothing
    /// (`()` or `None`); the QoS is a [`QoS`] or 0, 1, 2. QoS 1 and 2 are queued while there is no
    /// connection, and kept until the broker has acknowledged them, however often the connection, or
    /// the session, is lost; QoS 0 is lost with its connection. [`on_publish`](Self::on_publish) and
    /// [`MessageInfo`] tell how it ends. The order of the calls is kept, but that QoS 0 overtakes what
    /// waits for room in the window.
    ///
    /// ```no_run
    /// # fn report(client: &iot_core::Client) -> Result<(), iot_core::Error> {
    /// use std::time::Duration;
    ///
    /// let reading = client.publish("iot/home2/temp", 25.5, 1, false)?;
    /// reading.wait_for_publish(Some(Duration::from_secs(5)))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Topic`] for a topic with a wildcard or none, [`Error::Config`] for another QoS,
    /// [`Error::NotConnected`] (QoS 0 only), [`Error::QueueFull`] (see
    /// [`max_queued_messages_set`](Self::max_queued_messages_set)), [`Error::PacketTooLarge`]; and for
    /// what an MQTT 5 broker's CONNACK rules out [`Error::QosNotSupported`] and
    /// [`Error::RetainNotSupported`]. Nothing is published then. What is accepted before such a CONNACK
    /// is given up with these when it comes, which `on_publish` gets.
    pub fn publish(
        &self,
        topic: impl TryInto<TopicName, Error: Into<Error>>,
        payload: impl Into<Payload>,
        qos: impl TryInto<QoS, Error: Into<Error>>,
        retain: bool,
    ) -> Result<MessageInfo, Error> {
        let topic = topic.try_into().map_err(Into::into)?;
        let qos = qos.try_into().map_err(Into::into)?;
        let message = Message::new(topic, payload)
            .with_qos(qos)
            .with_retain(retain);
        self.publish_message(message)
    }

    /// Publishes a message as [`publish`](Self::publish) does, with what else it carries: MQTT 5
    /// properties (§3.3.2.3). Aliases for topics the client chooses by itself, as far as the broker
    /// takes them. `dup` and `packet_id` are ignored.
    ///
    /// ```no_run
    /// use iot_core::{Client, Message, Properties, TopicName};
    ///
    /// # fn ask(client: &Client) -> Result<(), iot_core::Error> {
    /// let request = Message::new(TopicName::new("pump/1/get")?, "pressure").with_properties(Properties {
    ///     response_topic: Some("answers/me".into()),
    ///     correlation_data: Some("17".into()),
    ///     ..Properties::default()
    /// });
    /// client.publish_message(request)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`publish`](Self::publish); [`Error::Config`], and [`Error::Topic`] for the response topic,
    /// where properties are out of their range.
    pub fn publish_message(&self, message: Message) -> Result<MessageInfo, Error> {
        let inner = &self.inner;
        inner
            .deliveries
            .start(inner.number, || inner.handle.publish_tracked(message))
    }

    /// Subscribes to one topic filter with the highest QoS to receive with; returns the packet id,
    /// with which [`on_subscribe`](Self::on_subscribe) gets the broker's answer. To be called in
    /// `on_connect`: the client does not renew subscriptions by itself, and where the connection is lost
    /// before the answer, none comes.
    ///
    /// # Errors
    /// [`Error::Topic`] for a bad filter, [`Error::Config`] for another QoS than 0, 1, 2,
    /// [`Error::NotConnected`], [`Error::Unsupported`] for wildcards and shared subscriptions that the
    /// broker's CONNACK rules out (MQTT 5), [`Error::PacketTooLarge`], and [`Error::QueueFull`] where no
    /// packet id is free.
    pub fn subscribe(
        &self,
        filter: impl TryInto<TopicFilter, Error: Into<Error>>,
        qos: impl TryInto<QoS, Error: Into<Error>>,
    ) -> Result<PacketId, Error> {
        self.subscribe_many([(filter, qos)])
    }

    /// Subscribes to several topic filters in one packet, each with its QoS, as
    /// [`subscribe`](Self::subscribe) does. The answers have the order of the filters.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe), and [`Error::NoFilter`] for none.
    pub fn subscribe_many<F, Q>(
        &self,
        filters: impl IntoIterator<Item = (F, Q)>,
    ) -> Result<PacketId, Error>
    where
        F: TryInto<TopicFilter, Error: Into<Error>>,
        Q: TryInto<QoS, Error: Into<Error>>,
    {
        let subscriptions = filters
            .into_iter()
            .map(|(filter, qos)| {
                let filter = filter.try_into().map_err(Into::into)?;
                let qos = qos.try_into().map_err(Into::into)?;
                Ok(Subscription::new(filter, qos))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        self.inner.handle.subscribe(subscriptions)
    }

    /// Subscribes as [`subscribe`](Self::subscribe) does, with MQTT 5 options (no local, retain as
    /// published, retain handling, §3.8.3.1) and properties (one subscription identifier, which comes
    /// with each message; user properties). The earlier versions send neither.
    ///
    /// ```no_run
    /// use iot_core::{Client, Properties, QoS, Subscription, TopicFilter};
    ///
    /// # fn run(client: &Client) -> Result<(), iot_core::Error> {
    /// let subscription = Subscription {
    ///     no_local: true,
    ///     ..Subscription::new(TopicFilter::new("iot/#")?, QoS::AtLeastOnce)
    /// };
    /// let properties = Properties {
    ///     subscription_identifiers: vec![7],
    ///     ..Properties::default()
    /// };
    /// client.subscribe_with([subscription], properties)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe), [`Error::NoFilter`] for none, [`Error::Config`] for options
    /// that don't go together ([MQTT-3.8.3-4]) and for values out of their range, and
    /// [`Error::Unsupported`] for a subscription identifier that the broker's CONNACK rules out.
    pub fn subscribe_with(
        &self,
        subscriptions: impl IntoIterator<Item = impl Into<Subscription>>,
        properties: Properties,
    ) -> Result<PacketId, Error> {
        let request = SubscribeRequest::from(subscriptions).with_properties(properties);
        self.inner.handle.subscribe(request)
    }

    /// Unsubscribes from one topic filter, which has to be the very text that was subscribed to; returns
    /// the packet id, with which [`on_unsubscribe`](Self::on_unsubscribe) gets the broker's answer.
    /// Where the connection is lost before it, none comes.
    ///
    /// # Errors
    /// [`Error::Topic`] for a bad filter, [`Error::NotConnected`], [`Error::PacketTooLarge`], and
    /// [`Error::QueueFull`] where no packet id is free.
    pub fn unsubscribe(
        &self,
        filter: impl TryInto<TopicFilter, Error: Into<Error>>,
    ) -> Result<PacketId, Error> {
        self.unsubscribe_many([filter])
    }

    /// Unsubscribes from several topic filters in one packet.
    ///
    /// # Errors
    /// As [`unsubscribe`](Self::unsubscribe), and [`Error::NoFilter`] for none.
    pub fn unsubscribe_many(
        &self,
        filters: impl IntoIterator<Item = impl TryInto<TopicFilter, Error: Into<Error>>>,
    ) -> Result<PacketId, Error> {
        let filters = filters
            .into_iter()
            .map(|filter| filter.try_into().map_err(Into::into))
            .collect::<Result<Vec<_>, Error>>()?;
        self.inner.handle.unsubscribe(filters)
    }

    /// Unsubscribes as [`unsubscribe`](Self::unsubscribe) does, with MQTT 5 user properties.
    ///
    /// # Errors
    /// As [`unsubscribe_many`](Self::unsubscribe_many), and [`Error::Config`] for properties out of
    /// their range.
    pub fn unsubscribe_with(
        &self,
        filters: impl IntoIterator<Item = TopicFilter>,
        properties: Properties,
    ) -> Result<PacketId, Error> {
        let request = UnsubscribeRequest::from(filters).with_properties(properties);
        self.inner.handle.unsubscribe(request)
    }

    /// Acknowledges a received message, after [`manual_ack_set`](Self::manual_ack_set); `mid` and
    /// `qos` are the message's [`packet_id`](Message::packet_id) and [`qos`](Message::qos), 1 or 2.
    /// QoS 1 is answered with PUBACK, QoS 2 with PUBREC, by which the client takes the message over
    /// (Paho's sends the PUBCOMP here; ours follows by itself). They are sent in the order in which the
    /// messages arrived [MQTT-4.6.0-2], so one that is withheld holds up those after it. May be called
    /// from any thread, inside the callback or later.
    ///
    /// ```no_run
    /// # fn store(_: &iot_core::Message) {}
    /// # fn run(client: &iot_core::Client) {
    /// client.manual_ack_set(true);
    /// client.on_message(|client, _userdata, message| {
    ///     store(message);
    ///     if let Some(mid) = message.packet_id {
    ///         client.ack(mid, message.qos).expect("it waits for that");
    ///     }
    /// });
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownMessage`] where no such message waits: one that is acknowledged already, one
    /// with QoS 1 whose connection is lost, for the broker then sends it again, one with QoS 2 whose
    /// session is lost, and any with QoS 0. [`Error::Config`] for another QoS.
    pub fn ack(
        &self,
        mid: PacketId,
        qos: impl TryInto<QoS, Error: Into<Error>>,
    ) -> Result<(), Error> {
        let token = self.waiting(mid, qos)?;
        self.inner.handle.ack([&token]);
        Ok(())
    }

    /// Acknowledges as [`ack`](Self::ack) does, with a reason code and properties for an MQTT 5
    /// broker (§3.4.2, §3.5.2). A code of 128 or above refuses the message: the broker drops it. The
    /// earlier versions know success only.
    ///
    /// # Errors
    /// As [`ack`](Self::ack), and [`Error::Config`] for a code that is none of an acknowledgement's
    /// and for properties out of their range; the message waits on then.
    pub fn ack_with(
        &self,
        mid: PacketId,
        qos: impl TryInto<QoS, Error: Into<Error>>,
        reason: ReasonCode,
        properties: Option<Properties>,
    ) -> Result<(), Error> {
        let token = self.waiting(mid, qos)?;
        match AckRequest::new(&token, reason, properties) {
            Ok(request) => {
                self.inner.handle.ack([request]);
                Ok(())
            }
            Err(error) => {
                self.inner.acks.arrived(token);
                Err(error)
            }
        }
    }

    /// Answers the broker's AUTH with reason code 0x18 (MQTT 5 §3.15): `authentication_data` is the
    /// next step of the method that CONNECT has named; a reason string and user properties may come
    /// with it.
    ///
    /// # Errors
    /// [`Error::NotConnected`]; [`Error::Unsupported`] where CONNECT named no method;
    /// [`Error::PacketTooLarge`]; [`Error::Config`] for properties out of their range.
    pub fn auth(&self, properties: Properties) -> Result<(), Error> {
        self.inner.handle.auth(properties)
    }

    /// Authenticates again on the present connection, with AUTH and reason code 0x19 (MQTT 5 §4.12.1);
    /// [`on_auth`](Self::on_auth) tells how it goes on.
    ///
    /// # Errors
    /// As [`auth`](Self::auth).
    pub fn reauthenticate(&self, properties: Properties) -> Result<(), Error> {
        self.inner.handle.reauthenticate(properties)
    }

    fn waiting(
        &self,
        mid: PacketId,
        qos: impl TryInto<QoS, Error: Into<Error>>,
    ) -> Result<AckToken, Error> {
        let qos = qos.try_into().map_err(Into::into)?;
        let token = self.inner.acks.take(mid, qos);
        token.ok_or(Error::UnknownMessage(mid))
    }

    // Callbacks. Setting one replaces the one before, also from inside it.

    /// Sets what is called when the broker has answered CONNECT: whether it still has the session,
    /// and its code: 0 accepted, 1–5 refused (MQTT 3.1.1 §3.2.2.3), 6–127 unused, from 128 on
    /// MQTT 5's reason codes. After a refusal [`on_disconnect`](Self::on_disconnect) follows, with
    /// [`Error::Refused`], and the loop tries again.
    ///
    /// As for each callback: setting it replaces the one before, from inside it too, and the module's
    /// [documentation](self) says on which thread it runs.
    pub fn on_connect(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, ConnectFlags, ConnectCode) + Send + 'static,
    ) {
        let before = lock(&self.inner.callbacks)
            .on_connect
            .set(Box::new(callback));
        drop(before);
    }

    /// Sets what is called with the reason when the loop could not reach the broker, one of
    /// [`connect`](Self::connect)'s errors. It tries again after a delay. A broker that accepts and
    /// doesn't answer CONNECT is [`on_disconnect`](Self::on_disconnect)'s, and a
    /// [`connect`](Self::connect) that fails outside of callbacks returns it.
    pub fn on_connect_fail(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, &Error) + Send + 'static,
    ) {
        let before = lock(&self.inner.callbacks)
            .on_connect_fail
            .set(Box::new(callback));
        drop(before);
    }

    /// Sets what is called when the connection is over: `Ok` (Paho's 0) after
    /// [`disconnect`](Self::disconnect), otherwise why; [`Error::rc`] gives it as a number. Also for one
    /// that the broker never accepted. A loop that reconnects goes on.
    pub fn on_disconnect(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, &Result<(), Error>) + Send + 'static,
    ) {
        let before = lock(&self.inner.callbacks)
            .on_disconnect
            .set(Box::new(callback));
        drop(before);
    }

    /// Sets what is called for each message that arrives and matches no filter of
    /// [`message_callback_add`](Self::message_callback_add). It is acknowledged once the callback has
    /// returned, for it and all that have come together with it, unless
    /// [`manual_ack_set`](Self::manual_ack_set) leaves that to the application. Without a callback
    /// messages are acknowledged and dropped.
    pub fn on_message(&self, callback: impl FnMut(&Client<U>, &mut U, &Message) + Send + 'static) {
        let before = lock(&self.inner.callbacks)
            .on_message
            .set(Box::new(callback));
        drop(before);
    }

    /// Adds what is called for each message whose topic matches the filter, instead of `on_message`.
    /// Where several filters match, the callback of each is called, in the order in which the filters
    /// were added; a second callback for the same filter replaces the first, in its place. This
    /// subscribes to nothing.
    ///
    /// ```no_run
    /// # fn run(client: &iot_core::Client) -> Result<(), iot_core::Error> {
    /// client.message_callback_add("iot/+/alarm", |_client, _userdata, message| {
    ///     eprintln!("alarm from {}: {:?}", message.topic, message.payload);
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Topic`] for a bad filter.
    pub fn message_callback_add(
        &self,
        filter: impl TryInto<TopicFilter, Error: Into<Error>>,
        callback: impl FnMut(&Client<U>, &mut U, &Message) + Send + 'static,
    ) -> Result<(), Error> {
        let filter = filter.try_into().map_err(Into::into)?;
        let before = lock(&self.inner.callbacks).add(filter, Box::new(callback));
        drop(before);
        Ok(())
    }

    /// Removes the callback of a filter; without one, nothing happens.
    ///
    /// # Errors
    /// [`Error::Topic`] for a bad filter.
    pub fn message_callback_remove(
        &self,
        filter: impl TryInto<TopicFilter, Error: Into<Error>>,
    ) -> Result<(), Error> {
        let filter = filter.try_into().map_err(Into::into)?;
        let before = lock(&self.inner.callbacks).remove(&filter);
        drop(before);
        Ok(())
    }

    /// Sets what is called when a message is sent (QoS 0: the system has all its bytes), acknowledged
    /// (QoS 1: PUBACK, QoS 2: PUBCOMP), or will not be delivered. [`MessageInfo::wait_for_publish`]
    /// returns after it.
    pub fn on_publish(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, PacketId, &Published) + Send + 'static,
    ) {
        let before = lock(&self.inner.callbacks)
            .on_publish
            .set(Box::new(callback));
        drop(before);
    }

    /// Sets what is called when the broker has answered a SUBSCRIBE, with the id that
    /// [`subscribe`](Self::subscribe) has returned: [`granted`](SubscribeAck::granted) gives the QoS for
    /// each filter, or why it was refused.
    pub fn on_subscribe(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, PacketId, &SubscribeAck) + Send + 'static,
    ) {
        let before = lock(&self.inner.callbacks)
            .on_subscribe
            .set(Box::new(callback));
        drop(before);
    }

    /// Sets what is called when the broker has answered an UNSUBSCRIBE, with the id that
    /// [`unsubscribe`](Self::unsubscribe) has returned, and on MQTT 5 a reason code for each filter.
    pub fn on_unsubscribe(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, PacketId, &SubscribeAck) + Send + 'static,
    ) {
        let before = lock(&self.inner.callbacks)
            .on_unsubscribe
            .set(Box::new(callback));
        drop(before);
    }

    /// Sets what is called when the broker releases a QoS 2 message: its PUBREL, with what an MQTT 5
    /// broker has added. Without such words it is called with [`manual_ack_set`](Self::manual_ack_set)
    /// only. The PUBCOMP goes by itself.
    pub fn on_release(&self, callback: impl FnMut(&Client<U>, &mut U, &Ack) + Send + 'static) {
        let before = lock(&self.inner.callbacks)
            .on_release
            .set(Box::new(callback));
        drop(before);
    }

    /// Sets what is called when the broker asks for the next step of enhanced authentication (MQTT 5
    /// §4.12), which [`auth`](Self::auth) answers, or ends a repeated one. CONNECT has to offer a
    /// method, [`ClientConfig::authentication_method`]; a broker that asks without is left with
    /// reason code 0x82. One that asks where this isn't set is left with 0x83, and
    /// [`Error::AuthUnanswered`].
    pub fn on_auth(&self, callback: impl FnMut(&Client<U>, &mut U, &Auth) + Send + 'static) {
        let before = lock(&self.inner.callbacks).on_auth.set(Box::new(callback));
        drop(before);
        self.inner.handle.set_answers_auth(true);
    }

    /// Sets what is called for each line of the log, without its end: every packet, as Paho names them,
    /// and what ends a connection. Nothing is put into words before this is set. Payloads and passwords
    /// are not in it.
    pub fn on_log(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, LogLevel, &str) + Send + 'static,
    ) {
        let before = lock(&self.inner.callbacks).on_log.set(Box::new(callback));
        drop(before);
        self.inner.handle.set_logging(true);
    }
}

/// Paho's 0, which stands for no limit.
fn any_number(messages: u16) -> u16 {
    match messages {
        0 => u16::MAX,
        some => some,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_does_not_end_while_somebody_waits_for_its_connection() {
        let mut control = Control::default();
        control.start_running().unwrap();
        control.connect = Some(Vec::new());
        assert!(!control.end_running());
        assert!(matches!(control.start_running(), Err(Error::Running)));
        control.connect = None;
        assert!(control.end_running());
        control.start_running().unwrap();
    }

    #[test]
    fn the_end_of_one_loop_does_not_free_the_next() {
        let client = Client::new(ClientConfig::default(), ()).unwrap();
        let mut first = client.start_running().unwrap();
        assert!(lock(&client.inner.control).end_running());
        first.over = true;
        let _second = client.start_running().unwrap();
        drop(first);
        assert!(matches!(client.start_running(), Err(Error::Running)));
    }
}
