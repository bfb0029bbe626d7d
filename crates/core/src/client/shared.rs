//! A client, and what its clones share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::acks::Acks;
use super::callbacks::Callbacks;
use super::control::Control;
use super::event_loop::EventLoop;
use super::message_info::Deliveries;
use super::user_data::UserData;
use crate::config::ClientConfig;
use crate::connection::{Connection, Handle};
use crate::error::Error;
use crate::mutex::lock;

/// An MQTT client with Paho's calls and callbacks. `U` is the user data that every callback gets.
///
/// Clones are the same client. When all are dropped and no loop runs, the connection is cut without
/// a DISCONNECT, so that the broker publishes the will.
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
    pub(super) inner: Arc<Inner<U>>,
}

pub(super) struct Inner<U: Send + 'static> {
    /// Tells this client's loop from those of others.
    pub(super) number: u64,
    pub(super) handle: Handle,
    /// Locked by the thread that runs the loop.
    pub(super) event_loop: Mutex<EventLoop>,
    pub(super) control: Mutex<Control>,
    /// Wakes the loop for what stands in `control`.
    pub(super) wake: Notify,
    pub(super) callbacks: Mutex<Callbacks<Client<U>, U>>,
    pub(super) user_data: UserData<U>,
    pub(super) deliveries: Deliveries,
    pub(super) acks: Acks,
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

impl<U: Send + 'static> Client<U> {
    /// Returns a client that is not connected. Paho's `Client(client_id, clean_session, userdata,
    /// protocol)`: the first two and the last are fields of `config`.
    ///
    /// # Errors
    /// As [`ClientConfig::checked`]; [`Error::Io`] if the system has no file descriptors left.
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
                event_loop: Mutex::new(EventLoop::new(connection)?),
                control: Mutex::new(Control::new(config)),
                wake: Notify::new(),
                callbacks: Mutex::new(Callbacks::default()),
                user_data: UserData::new(userdata),
                deliveries: Deliveries::default(),
                acks,
            }),
        })
    }

    /// Returns the client identifier: the configured one, a random one instead of an empty one, or
    /// the one that the broker has assigned (MQTT 5 §3.2.2.3.7).
    pub fn client_id(&self) -> String {
        self.inner.handle.client_id()
    }

    /// Returns the address of the broker of the present or last attempt to connect: `HOST:PORT`, or
    /// the path of its Unix socket.
    pub fn broker(&self) -> String {
        self.inner.handle.broker()
    }

    /// Returns the configuration of the next connection, with all that the setters have changed.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&lock(&self.inner.control).config)
    }

    /// Returns whether the broker has accepted the connection, and it neither has ended nor is
    /// ending.
    pub fn is_connected(&self) -> bool {
        self.inner.handle.is_connected()
    }

    /// Replaces the user data. A callback that runs keeps the data that it has; the next callback
    /// gets the new one.
    pub fn user_data_set(&self, userdata: U) {
        self.inner.user_data.set(userdata);
    }
}
