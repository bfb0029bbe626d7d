//! Paho's calls and callbacks on a [`Connection`].
//!
//! # Which thread runs what
//!
//! Callbacks run on the thread that runs the loop: the one that [`Client::loop_start`] starts, or
//! the one that calls [`Client::loop_forever`] or [`Client::loop_once`]. They never run at the same
//! time as one another. Where no loop runs, [`Client::disconnect`] ends the connection itself, and
//! calls the callbacks for what that brings. All methods may be called from any thread and from inside callbacks; no
//! lock is held while a callback runs. What would wait for the loop doesn't do so inside a
//! callback: [`Client::connect`] and [`Client::reconnect`] return at once there and the loop
//! connects when the callback has returned, [`Client::loop_stop`] takes effect then, and
//! [`MessageInfo::wait_for_publish`] is an error.

mod callbacks;
mod delivery;
mod driver;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Notify;

use crate::config::ClientConfig;
use crate::connection::{Connection, Handle};
use crate::error::Error;
use crate::message::{Message, PacketId, Payload, QoS};
use crate::packet::Subscription;
use crate::reason::ConnectCode;
use crate::session::Event;
use crate::topic::{TopicFilter, TopicName};
pub use callbacks::ConnectFlags;
use callbacks::{Callbacks, UserData};
use delivery::Deliveries;
pub use delivery::MessageInfo;
use driver::Driver;

/// An MQTT client with Paho's calls. `U` is the user data that every callback gets.
///
/// Clones are the same client.
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
    /// Whoever holds it runs the loop.
    driver: Mutex<Driver>,
    control: Mutex<Control>,
    /// Wakes the loop for what stands in `control`.
    wake: Notify,
    callbacks: Mutex<Callbacks<U>>,
    userdata: UserData<U>,
    deliveries: Deliveries,
}

/// What other threads and callbacks ask of the loop.
#[derive(Default)]
struct Control {
    /// Broker and keep alive, to be used by the next connection.
    config: ClientConfig,
    /// [`Client::connect`] or [`Client::connect_async`] was called.
    has_target: bool,
    /// Connect now; the result goes to those who wait for it.
    connect: Option<Vec<mpsc::SyncSender<Result<(), Error>>>>,
    /// [`Client::loop_start`], [`Client::loop_forever`] or [`Client::loop_once`] runs.
    running: bool,
    /// The thread of `loop_start` is to end.
    stop: bool,
    thread: Option<JoinHandle<Result<(), Error>>>,
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
}

/// Gives the loop free again.
struct Running<U: Send + 'static>(Client<U>);

impl<U: Send + 'static> Drop for Running<U> {
    fn drop(&mut self) {
        lock(&self.0.inner.control).running = false;
    }
}

/// Says how a loop that runs ended its round.
enum Round {
    /// Something happened, or the time is over.
    Done,
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
    /// [`Error::EmptyClientId`] for an empty client id with clean session off, [`Error::Config`]
    /// for a value out of its range.
    pub fn new(config: ClientConfig, userdata: U) -> Result<Self, Error> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let connection = Connection::new(config)?;
        let config = connection.config().clone();
        Ok(Self {
            inner: Arc::new(Inner {
                number: NUMBER.fetch_add(1, Ordering::Relaxed),
                handle: connection.handle(),
                driver: Mutex::new(Driver::new(connection)?),
                control: Mutex::new(Control {
                    config,
                    ..Control::default()
                }),
                wake: Notify::new(),
                callbacks: Mutex::new(Callbacks::default()),
                userdata: UserData::new(userdata),
                deliveries: Deliveries::default(),
            }),
        })
    }

    /// Returns the client id: the configured one, a random one, or the one that the broker gave.
    pub fn client_id(&self) -> String {
        self.inner.handle.client_id()
    }

    /// Returns whether the broker has accepted the connection and it still stands.
    pub fn is_connected(&self) -> bool {
        self.inner.handle.is_connected()
    }

    /// Replaces the user data. Inside a callback the new data is what the next callback gets.
    pub fn user_data_set(&self, userdata: U) {
        self.inner.userdata.set(userdata);
    }

    // Connecting.

    /// Connects to a broker: blocks until CONNECT is sent, whatever the loop does. `on_connect`
    /// follows from the loop. `keep_alive` is in whole seconds, Paho's default is 60 s;
    /// `bind_address` is the local address to connect from.
    ///
    /// # Errors
    /// [`Error::Connect`] where the broker can't be reached, [`Error::Config`] for a keep alive
    /// out of its range.
    pub fn connect(
        &self,
        host: &str,
        port: u16,
        keep_alive: Duration,
        bind_address: Option<IpAddr>,
    ) -> Result<(), Error> {
        self.request_connect(|config| Self::aimed(config, host, port, keep_alive, bind_address))
    }

    /// Remembers the broker; the loop connects, [`loop_start`](Self::loop_start) without blocking.
    ///
    /// # Errors
    /// [`Error::Config`] for a keep alive out of its range.
    pub fn connect_async(
        &self,
        host: &str,
        port: u16,
        keep_alive: Duration,
        bind_address: Option<IpAddr>,
    ) -> Result<(), Error> {
        let mut control = lock(&self.inner.control);
        control.config = Self::aimed(&control.config, host, port, keep_alive, bind_address)?;
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

    /// Connects to the same broker again, as [`connect`](Self::connect) does. Without an earlier
    /// `connect` that is the broker of the configuration.
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
            control.config = aim(&control.config)?;
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
            if let Some(mut driver) = self.try_driver() {
                self.connect_requested(&mut driver);
            }
            match result.recv_timeout(Duration::from_millis(50)) {
                Ok(result) => return result,
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(Error::NotRunning),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn try_driver(&self) -> Option<MutexGuard<'_, Driver>> {
        match self.inner.driver.try_lock() {
            Ok(driver) => Some(driver),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Does what `request_connect` asked for. Returns the broker, once one
    /// is named.
    fn connect_requested(&self, driver: &mut Driver) -> Option<ClientConfig> {
        let (waiting, config) = {
            let mut control = lock(&self.inner.control);
            let config = control.has_target.then(|| control.config.clone());
            (control.connect.take(), config)
        };
        if let (Some(waiting), Some(config)) = (waiting, &config) {
            let result = driver.connect(config);
            if let (Err(error), true) = (&result, waiting.is_empty()) {
                // Asked for by a callback, which didn't wait: the loop tries again by itself.
                self.dispatch(Event::ConnectFailed(error.clone()));
            }
            for sender in waiting {
                // Who no longer waits doesn't need to know.
                let _ = sender.send(result.clone());
            }
        }
        config
    }

    /// Ends the connection cleanly: what is queued to be sent is sent, then DISCONNECT; the broker
    /// publishes no will. The loop then ends with `Ok`, Paho's 0. Where no loop runs, the
    /// connection is brought to its end here; the broker is given five seconds.
    ///
    /// # Errors
    /// [`Error::NotConnected`] where there is no connection to end; the loop ends all the same.
    pub fn disconnect(&self) -> Result<(), Error> {
        let inner = &self.inner;
        let ended = inner.handle.disconnect();
        inner.wake.notify_one();
        if !driver::runs_here(inner.number)
            && let Some(mut driver) = self.try_driver()
        {
            driver.finish();
            while let driver::Waited::Event(event) = driver.try_next() {
                self.dispatch(event);
            }
        }
        if ended {
            Ok(())
        } else {
            Err(Error::NotConnected)
        }
    }

    // The loop.

    /// Does one round: waits for something to happen, `timeout` at most, and calls the callbacks
    /// for it. Doesn't reconnect. (Paho's `loop`, which is a keyword here.)
    ///
    /// # Errors
    /// Why the connection is lost, [`Error::NotConnected`] where there is none,
    /// [`Error::InCallback`] inside a callback, and [`Error::Running`] where a loop runs already.
    pub fn loop_once(&self, timeout: Duration) -> Result<(), Error> {
        let _running = self.start_running()?;
        if !lock(&self.inner.control).has_target {
            return Err(Error::NotConnected);
        }
        let mut driver = lock(&self.inner.driver);
        driver.set_reconnects(false);
        match self.round(&mut driver, Some(timeout)) {
            Round::Done => Ok(()),
            Round::Over(result) => result,
        }
    }

    /// Runs the loop on this thread until [`disconnect`](Self::disconnect): connects where
    /// [`connect_async`](Self::connect_async) has left that to the loop, and reconnects after a
    /// delay that grows from 1 to 120 s, with jitter.
    ///
    /// # Errors
    /// [`Error::NotConnected`] where no broker was named, [`Error::InCallback`] inside a callback,
    /// and [`Error::Running`] where a loop runs already.
    pub fn loop_forever(&self) -> Result<(), Error> {
        let _running = self.start_running()?;
        if !lock(&self.inner.control).has_target {
            return Err(Error::NotConnected);
        }
        self.run()
    }

    /// Starts a thread that runs the loop, until [`disconnect`](Self::disconnect) or
    /// [`loop_stop`](Self::loop_stop). The thread has a clone of the client: dropping the others
    /// does not end it.
    ///
    /// # Errors
    /// [`Error::Running`] where a loop runs already, [`Error::Io`] where no thread can be started.
    pub fn loop_start(&self) -> Result<(), Error> {
        if !driver::runs_here(self.inner.number) {
            // One that a callback has stopped, or that has ended by itself, may still be at it.
            let ending = {
                let mut control = lock(&self.inner.control);
                let over = |thread: &JoinHandle<_>| control.stop || thread.is_finished();
                let over = control.thread.as_ref().is_some_and(over);
                control.thread.take_if(|_| over)
            };
            self.join(ending);
        }
        let mut control = lock(&self.inner.control);
        control.start_running()?;
        let client = self.clone();
        let thread = std::thread::Builder::new().name("iot-core loop".into());
        // Under the lock, so that a callback which stops the loop finds its thread.
        let thread = thread.spawn(move || {
            let _running = Running(client.clone());
            client.run()
        });
        match thread {
            Ok(thread) => {
                control.thread = Some(thread);
                Ok(())
            }
            Err(error) => {
                control.running = false;
                Err(error.into())
            }
        }
    }

    /// Stops the thread of [`loop_start`](Self::loop_start) and waits for its end; inside a
    /// callback it only asks for it. The connection stays as it is, and nothing serves it any more;
    /// one that [`disconnect`](Self::disconnect) is ending comes to its end first.
    ///
    /// # Errors
    /// [`Error::NotRunning`] where no thread was started.
    ///
    /// # Panics
    /// Where a callback has panicked, with that panic.
    pub fn loop_stop(&self) -> Result<(), Error> {
        let thread = {
            let mut control = lock(&self.inner.control);
            let Some(thread) = &control.thread else {
                return Err(Error::NotRunning);
            };
            control.stop = !thread.is_finished();
            if driver::runs_here(self.inner.number) {
                None
            } else {
                control.thread.take()
            }
        };
        self.inner.wake.notify_one();
        self.join(thread);
        Ok(())
    }

    fn join(&self, thread: Option<JoinHandle<Result<(), Error>>>) {
        let result = thread.map(JoinHandle::join);
        if result.is_some() {
            lock(&self.inner.control).stop = false;
        }
        if let Some(Err(panic)) = result {
            std::panic::resume_unwind(panic);
        }
    }

    /// Claims the loop for this thread, until the guard is dropped.
    fn start_running(&self) -> Result<Running<U>, Error> {
        if driver::runs_here(self.inner.number) {
            return Err(Error::InCallback);
        }
        lock(&self.inner.control).start_running()?;
        Ok(Running(self.clone()))
    }

    fn run(&self) -> Result<(), Error> {
        let mut driver = lock(&self.inner.driver);
        driver.set_reconnects(true);
        loop {
            // What `disconnect` has begun is brought to its end, which it finds by itself.
            if lock(&self.inner.control).stop && !driver.is_ending() {
                return Ok(());
            }
            if let Round::Over(result) = self.round(&mut driver, None) {
                return result;
            }
        }
    }

    /// Waits for events and calls the callbacks for them, outside of any lock.
    fn round(&self, driver: &mut Driver, timeout: Option<Duration>) -> Round {
        let inner = &self.inner;
        let config = self.connect_requested(driver);
        let mut over = None;
        let mut next = driver.wait(config.as_ref(), timeout, &inner.wake);
        loop {
            match next {
                driver::Waited::Nothing => break,
                // A loop that reconnects ends for want of a connection only if it was told to.
                driver::Waited::Ended if driver.reconnects() => {
                    over = Some(Ok(()));
                    break;
                }
                driver::Waited::Ended => {
                    over.get_or_insert(Err(Error::NotConnected));
                    break;
                }
                driver::Waited::Event(event) => {
                    if let Event::Disconnected(result) = &event
                        && !driver.reconnects()
                    {
                        over = Some(result.clone());
                    }
                    self.dispatch(event);
                }
            }
            next = driver.try_next();
        }
        match over {
            // Another connection stands already, or a callback has asked for one.
            Some(_) if driver.is_up() || lock(&inner.control).connect.is_some() => Round::Done,
            Some(result) => Round::Over(result),
            None => Round::Done,
        }
    }

    fn dispatch(&self, event: Event) {
        let _here = driver::enter(self.inner.number);
        let callbacks = &self.inner.callbacks;
        match event {
            Event::Connected(ack) | Event::Refused(ack) => {
                let flags = ConnectFlags {
                    session_present: ack.session_present,
                };
                Callbacks::call(
                    callbacks,
                    |c| &mut c.on_connect,
                    |callback| {
                        self.inner
                            .userdata
                            .with(|userdata| callback(self, userdata, flags, ack.code));
                    },
                );
            }
            Event::Received { message, .. } => {
                Callbacks::call(
                    callbacks,
                    |c| &mut c.on_message,
                    |callback| {
                        self.inner
                            .userdata
                            .with(|userdata| callback(self, userdata, &message));
                    },
                );
            }
            Event::Disconnected(result) => {
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
            Event::Published { id, result } => self.inner.deliveries.finish(id, result),
            _ => {}
        }
    }

    // Publishing and subscribing.

    /// Publishes a message. The payload is text, bytes, a number or nothing (`()` or `None`); the
    /// QoS is a [`QoS`] or 0, 1, 2. QoS 1 and 2 are queued while there is no connection.
    ///
    /// # Errors
    /// [`Error::Topic`] for a topic with a wildcard or none, [`Error::Config`] for another QoS,
    /// [`Error::NotConnected`] (QoS 0 only), [`Error::QueueFull`], and what the broker's CONNACK
    /// forbids.
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
        let inner = &self.inner;
        inner
            .deliveries
            .start(inner.number, || inner.handle.publish_tracked(message))
    }

    /// Subscribes to one topic filter with the highest QoS to receive with; returns the message
    /// id. To be called in `on_connect`: the client does not renew subscriptions by itself.
    ///
    /// # Errors
    /// [`Error::Topic`] for a bad filter, [`Error::Config`] for another QoS than 0, 1, 2,
    /// [`Error::NotConnected`].
    pub fn subscribe(
        &self,
        filter: impl TryInto<TopicFilter, Error: Into<Error>>,
        qos: impl TryInto<QoS, Error: Into<Error>>,
    ) -> Result<PacketId, Error> {
        self.subscribe_many([(filter, qos)])
    }

    /// Subscribes to several topic filters in one packet, each with its QoS.
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

    /// Unsubscribes from one topic filter; returns the message id.
    ///
    /// # Errors
    /// [`Error::Topic`] for a bad filter, [`Error::NotConnected`].
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

    // Callbacks. Setting one replaces the one before, also from inside it.

    /// Sets what is called when the broker has answered CONNECT: whether it still has the session,
    /// and its code: 0 accepted, 1–5 refused (MQTT 3.1.1 §3.2.2.3), 6–127 unused, from 128 on
    /// MQTT 5's reason codes.
    pub fn on_connect(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, ConnectFlags, ConnectCode) + Send + 'static,
    ) {
        let before = lock(&self.inner.callbacks)
            .on_connect
            .set(Box::new(callback));
        drop(before);
    }

    /// Sets what is called when the loop could not reach the broker; it tries again.
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
    /// [`disconnect`](Self::disconnect), otherwise why; [`Error::rc`] gives it as a number.
    pub fn on_disconnect(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, &Result<(), Error>) + Send + 'static,
    ) {
        let before = lock(&self.inner.callbacks)
            .on_disconnect
            .set(Box::new(callback));
        drop(before);
    }

    /// Sets what is called for each message that arrives. It is acknowledged after the callback
    /// has returned.
    pub fn on_message(&self, callback: impl FnMut(&Client<U>, &mut U, &Message) + Send + 'static) {
        let before = lock(&self.inner.callbacks)
            .on_message
            .set(Box::new(callback));
        drop(before);
    }
}
