//! What a program asks of a connection, from any thread.

use std::sync::Arc;

use super::shared::Shared;
use crate::config::ClientConfig;
use crate::error::Error;
use crate::message::{Message, PacketId, Properties};
use crate::request::{
    AckRequest, DisconnectRequest, ReleaseRequest, SubscribeRequest, UnsubscribeRequest,
};
#[cfg(doc)]
use crate::session::{Event, Session};
use crate::will::Will;

/// Publishes, subscribes and acknowledges on a [`Connection`](super::Connection), from any thread,
/// without waiting.
///
/// Requests are queued, and the task that drives the connection sends them. Clones are of the same
/// connection. After the connection is dropped they still queue, and nothing is sent.
///
/// ```no_run
/// use iot_core::{ClientConfig, Connection, Message, QoS, TopicName};
///
/// # async fn run() -> Result<(), iot_core::Error> {
/// let mut connection = Connection::new(ClientConfig::default())?;
/// let handle = connection.handle();
/// let topic = TopicName::new("iot/home2/temp")?;
/// let identifier = handle.publish(Message::new(topic, 25.5).with_qos(QoS::AtLeastOnce))?;
/// while let Some(event) = connection.next().await {
///     println!("{event:?}, after {identifier:?} was queued");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Publishes a message. [`Event::Published`] reports when one with QoS 1 or 2 is acknowledged,
    /// by the packet identifier that is returned. QoS 0 has none. See [`Session::publish`].
    ///
    /// # Errors
    /// As [`Session::publish`]: [`Error::NotConnected`] (QoS 0 only; QoS 1 and 2 wait for the
    /// connection), [`Error::QueueFull`] ([`Event::Writable`] follows), [`Error::Config`] for
    /// properties, and what the broker's CONNACK forbids.
    pub fn publish(&self, message: Message) -> Result<Option<PacketId>, Error> {
        self.shared
            .act(|state| state.session.publish(message, false))
    }

    /// Publishes as [`publish`](Self::publish) does. A message with QoS 0 gets an identifier too,
    /// and [`Event::Published`] reports when it is written to the socket.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn publish_tracked(&self, message: Message) -> Result<PacketId, Error> {
        let id = self
            .shared
            .act(|state| state.session.publish(message, true))?;
        Ok(id.expect("a tracked message has an id"))
    }

    /// Subscribes; [`Event::Subscribed`] reports the broker's answer, unless the connection is lost
    /// before. To be called at [`Event::Connected`].
    ///
    /// # Errors
    /// As [`Session::subscribe`].
    pub fn subscribe(&self, request: impl Into<SubscribeRequest>) -> Result<PacketId, Error> {
        self.shared.act(|state| state.session.subscribe(request))
    }

    /// Unsubscribes; [`Event::Unsubscribed`] reports the broker's answer, unless the connection is
    /// lost before.
    ///
    /// # Errors
    /// As [`Session::unsubscribe`].
    pub fn unsubscribe(&self, request: impl Into<UnsubscribeRequest>) -> Result<PacketId, Error> {
        self.shared.act(|state| state.session.unsubscribe(request))
    }

    /// Selects whether [`Event::Log`] reports each packet and why a connection ends. Default
    /// `false`.
    pub fn set_logging(&self, logging: bool) {
        self.shared.act(|state| state.session.set_logging(logging));
    }

    /// Selects whether the application acknowledges the messages that arrive from now on, as
    /// [`ClientConfig::manual_ack`] does.
    pub fn set_manual_ack(&self, manual: bool) {
        self.shared
            .act(|state| state.session.set_manual_ack(manual));
    }

    /// Sets the will that the next CONNECT sends, for protocols that number their wills. The broker
    /// keeps the will of the present connection.
    ///
    /// # Errors
    /// [`Error::Config`] for a will that does not fit into a packet, or whose properties are wrong.
    pub fn set_will(&self, will: Option<Will>) -> Result<(), Error> {
        self.shared.act(|state| state.session.set_will(will))
    }

    /// Applies limits at once, and other settings with the next connection.
    pub(crate) fn configure(&self, config: Arc<ClientConfig>) {
        self.shared.act(|state| state.session.configure(config));
    }

    /// Acknowledges received messages, PUBACK for QoS 1 and PUBREC for QoS 2, in the order in which
    /// they arrived; see [`Session::ack`].
    pub fn ack(&self, requests: impl IntoIterator<Item = impl Into<AckRequest>>) {
        self.shared.act(|state| {
            for request in requests {
                state.session.ack(request);
            }
        });
    }

    /// Restores QoS 2 packet identifiers that an earlier process received and did not see released;
    /// see [`Session::hold`]. To be called before the first connection.
    pub fn hold(&self, held: impl IntoIterator<Item = (PacketId, u64)>) {
        self.shared.act(|state| state.session.hold(held));
    }

    /// Selects whether the application answers the broker's AUTH; see
    /// [`Session::set_answers_auth`].
    pub fn set_answers_auth(&self, answers: bool) {
        self.shared
            .act(|state| state.session.set_answers_auth(answers));
    }

    /// Answers the broker's AUTH; see [`Session::auth`].
    ///
    /// # Errors
    /// As [`Session::auth`].
    pub fn auth(&self, properties: Properties) -> Result<(), Error> {
        self.shared.act(|state| state.session.auth(properties))
    }

    /// Authenticates again; see [`Session::reauthenticate`].
    ///
    /// # Errors
    /// As [`Session::reauthenticate`].
    pub fn reauthenticate(&self, properties: Properties) -> Result<(), Error> {
        self.shared
            .act(|state| state.session.reauthenticate(properties))
    }

    /// Drops a message with QoS 1 or 2 that is not acknowledged, for example one that
    /// [`Event::PacketRefused`] names; see [`Session::discard`]. Returns whether there is one.
    pub fn discard(&self, id: PacketId) -> bool {
        self.shared.act(|state| state.session.discard(id))
    }

    /// Sends the PUBCOMP of a released QoS 2 message; see [`Session::release`].
    pub fn release(&self, request: impl Into<ReleaseRequest>) {
        self.shared.act(|state| state.session.release(request));
    }

    /// Ends the connection cleanly. Returns whether there was one.
    ///
    /// Packets that are ready are sent, and without `manual_ack` the acknowledgements of what the
    /// application has received, then DISCONNECT. The stream is read to its end, for five seconds
    /// at most, or for 100 ms if no packet waits for its answer, and [`Connection::next`](super::Connection::next) returns `None`. Messages with QoS
    /// 1 and 2 that are not acknowledged by then are kept for
    /// [`Connection::connect`](super::Connection::connect). See [`Session::disconnect`].
    ///
    /// ```no_run
    /// # fn run(handle: &iot_core::Handle) -> Result<(), iot_core::Error> {
    /// handle.disconnect(iot_core::ReasonCode::SUCCESS)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Session::disconnect`], never for
    /// [`ReasonCode::SUCCESS`](crate::ReasonCode::SUCCESS) alone; nothing ends then.
    pub fn disconnect(&self, request: impl Into<DisconnectRequest>) -> Result<bool, Error> {
        self.shared.act(|state| {
            let ended = state.session.disconnect(request)?;
            state.stopped = true;
            Ok(ended)
        })
    }

    /// Forgets an earlier [`disconnect`](Self::disconnect).
    pub(crate) fn forget_disconnect(&self) {
        self.shared.act(|state| state.stopped = false);
    }

    /// Returns whether the broker has accepted the connection, and it neither has ended nor is
    /// ending.
    pub fn is_connected(&self) -> bool {
        self.shared.lock().session.is_connected()
    }

    /// Returns the client identifier: the configured one, a random one instead of an empty one, or
    /// the one that the broker has assigned (MQTT 5 §3.2.2.3.7).
    pub fn client_id(&self) -> String {
        self.shared.lock().session.client_id().to_owned()
    }

    /// Returns the address of the broker of the present or last attempt to connect: `HOST:PORT`, or
    /// the path of its Unix socket.
    pub fn broker(&self) -> String {
        self.shared.lock().broker.clone()
    }

    /// Returns whether the next attempt is at another broker, without a delay, after
    /// [`Event::ConnectFailed`] and [`Event::Disconnected`]. For a program that gives up only when
    /// it has tried all brokers.
    pub fn tries_another_broker(&self) -> bool {
        self.shared.lock().tries_another_broker
    }

    /// Returns how many messages with QoS 1 and 2 are queued or in flight.
    pub fn unacknowledged(&self) -> usize {
        self.shared.lock().session.unacknowledged()
    }

    /// Returns how many messages with QoS 0 may be lost with the present or last connection:
    /// [`Session::unconfirmed`](crate::session::Session::unconfirmed).
    pub fn unconfirmed(&self) -> u64 {
        self.shared.lock().session.unconfirmed()
    }
}
