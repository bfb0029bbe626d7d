//! The async client: a connection, and a handle to send requests to it.
//!
//! A [`Connection`] drives a [`Session`](crate::session::Session) over a byte stream. A [`Handle`]
//! publishes, subscribes and disconnects.

mod backoff;
mod brokers;
mod coalesce;
mod driver;
mod encoded;
mod handle;
mod handle_writer;
mod link;
mod reader;
mod reconnect;
mod shared;
mod socket_error;
mod timer;
mod writer;

use std::future::poll_fn;
use std::sync::Arc;

use tokio::time::Instant;

use crate::config::ClientConfig;
use crate::error::Error;
use crate::protocol::Protocol;
use crate::session::Event;
use driver::Driver;
pub use handle::Handle;
use link::Link;

/// A client's connection to its broker, for async programs.
///
/// One task drives it, by awaiting [`next`](Self::next). Everything else goes through the
/// [`Handle`], from that task or any other. A lost connection is made again by itself, after a
/// delay that grows ([`ClientConfig::reconnect_delay`]), or at once to another broker
/// ([`ClientConfig::brokers`]); messages with QoS 1 and 2 that are not
/// acknowledged are then sent again. It needs a tokio runtime with I/O and time. Dropping it cuts
/// the connection without a DISCONNECT: the broker publishes the will.
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
pub struct Connection {
    driver: Driver,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("config", &self.driver.config)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Returns a connection that [`next`](Self::next) will make. Nothing is dialled yet.
    ///
    /// # Errors
    /// What [`ClientConfig::checked`] finds.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        Ok(Self {
            driver: Driver::new(Arc::new(config.checked()?)),
        })
    }

    /// Returns a handle to publish, subscribe and acknowledge with.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.driver.shared))
    }

    /// Returns the configuration, with the client identifier that is used.
    pub fn config(&self) -> &ClientConfig {
        &self.driver.config
    }

    /// Returns the configuration to be shared.
    pub(crate) fn shared_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.driver.config)
    }

    /// Makes the connection now, and returns when CONNECT is sent.
    ///
    /// An existing connection is dropped first; one that [`Handle::disconnect`] ends is closed.
    /// [`Event::Connected`] or [`Event::Refused`] follow from [`next`](Self::next). An earlier
    /// [`Handle::disconnect`] no longer counts.
    ///
    /// # Errors
    /// [`Error::Connect`] if the broker cannot be reached within `connect_timeout`;
    /// [`Error::ConnectTimeout`], [`Error::Closed`] and [`Error::Io`] if CONNECT cannot be sent.
    /// [`next`](Self::next) tries again then.
    pub async fn connect(&mut self) -> Result<(), Error> {
        self.driver.connect().await
    }

    /// Closes a connection that [`Handle::disconnect`] ends. The events are kept for
    /// [`next`](Self::next).
    pub(crate) async fn finish(&mut self) {
        self.driver.finish().await;
    }

    /// Returns the next event, connecting and reconnecting as needed.
    ///
    /// Returns `None` after [`Handle::disconnect`], once the connection is closed, and after its
    /// loss without [`set_reconnects`](Self::set_reconnects). The connection is only served while
    /// this is awaited, keep alive included. The future may be dropped at any time: no event is
    /// lost.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.driver.poll_next(cx)).await
    }

    /// Returns the next event if there is one already: one of those that have come together with
    /// the last that [`next`](Self::next) has returned. Reads and sends nothing.
    pub fn try_next(&mut self) -> Option<Event> {
        self.driver.events.pop_front()
    }

    /// Coalesces acknowledgements while messages wait because too many are in flight.
    ///
    /// Sends what there is to send, calls `pause`, which lets some time pass, and reads all that
    /// has arrived by then. Returns the share of the messages in flight that were answered
    /// meanwhile, from 0 to 1 (with QoS 2, PUBREC and PUBCOMP are one answer each). Returns `None`
    /// and does not pause if no message waits, if [`next`](Self::next) has not returned all events,
    /// if [`set_reading`](Self::set_reading) is off, and if the transport is not plain TCP.
    ///
    /// For a program that wants throughput and measures no latency. `pause` may block the thread:
    /// an async pause would end with the first acknowledgement. It should be shorter than the
    /// broker takes for the messages in flight. Linux only; elsewhere it returns `None`.
    pub async fn coalesce_acks(&mut self, pause: impl FnOnce()) -> Option<f64> {
        self.driver.coalesce_acks(pause).await
    }

    /// Stops or resumes reading from the broker, so that TCP slows it down. Default `true`.
    ///
    /// Meanwhile writing continues, pings included, and a silent broker does not count as lost.
    /// CONNACK is read in any case.
    pub fn set_reading(&mut self, reading: bool) {
        self.driver.reading = reading;
        let now = Instant::now().into_std();
        let mut state = self.driver.shared.lock();
        state.session.set_reading(reading, now);
    }

    /// Sets another configuration. Client identifier, protocol and the settings of the session that
    /// the broker knows must be the same.
    pub(crate) fn configure(&mut self, config: &Arc<ClientConfig>) {
        self.driver.configure(config);
    }

    /// Sets the version of the protocol from the next connection on, which [`next`](Self::next)
    /// makes at once. For a broker that has refused the version before. Call it while there is no
    /// connection.
    ///
    /// # Errors
    /// What [`ClientConfig::checked`] finds; nothing changes then.
    pub fn set_protocol(&mut self, protocol: Protocol) -> Result<(), Error> {
        let config = ClientConfig {
            protocol,
            ..(*self.driver.config).clone()
        };
        self.configure(&Arc::new(config.checked()?));
        if let Link::Waiting(_) | Link::Down = self.driver.link {
            self.driver.link = Link::Down;
            self.driver.brokers.retry();
        }
        Ok(())
    }

    /// Returns whether [`Handle::disconnect`] was called since the last [`connect`](Self::connect).
    pub(crate) fn is_stopped(&self) -> bool {
        self.driver.shared.lock().stopped
    }

    /// Returns whether there is a connection, or one that is closing.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.driver.link, Link::Up(_) | Link::Closing(..))
    }

    /// Lets handles write by themselves while the driver waits, for handles on other threads. Takes
    /// effect with the next connection.
    pub(crate) fn let_handles_write(&mut self) {
        self.driver.handles_write = true;
    }

    /// Selects whether [`next`](Self::next) makes a lost connection again (the default). If not, it
    /// returns `None` after [`Event::Disconnected`].
    pub fn set_reconnects(&mut self, reconnects: bool) {
        self.driver.reconnects = reconnects;
    }
}
